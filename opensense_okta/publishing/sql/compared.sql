-- How many people came, went and changed between two resolved days.
--
-- tables old_people, new_people
select
    count(*) filter (where o.person_id is null) as added,
    count(*) filter (where n.person_id is null) as removed,
    count(*) filter (where o.person_id is not null and n.person_id is not null and o.content <> n.content)
        as changed
from (select person_id, sha256(to_json(p)::varchar) as content from old_people p) o
full join (select person_id, sha256(to_json(p)::varchar) as content from new_people p) n using (person_id);
