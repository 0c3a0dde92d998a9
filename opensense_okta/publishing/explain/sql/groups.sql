-- The person's groups.
--
-- view person_memberships    of of_person.sql; view groups    of the day
-- set variable person_id = '0123…';
select group_id, name, directory, id, sources
from person_memberships join groups using (group_id)
order by name, group_id;
