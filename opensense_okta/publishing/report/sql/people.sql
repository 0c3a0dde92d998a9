-- The numbers of people: all, active, inactive, with several directories, in conflict.
--
-- tables people, conflicts    of the published day
select
    count(*) as people,
    count(*) filter (where active) as active,
    count(*) filter (where not coalesce(active, false)) as inactive,
    count(*) filter (where active and len(directories) > 1) as linked,
    (select count(distinct person_id) from conflicts) as in_conflict
from people;
