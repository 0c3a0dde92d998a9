-- The person's groups.
--
-- views groups, memberships    of the day
-- set variable person_id = '0123…';
select group_id, name, directory, id, sources
from memberships join groups using (group_id)
where person_id = getvariable('person_id')
order by name, group_id;
