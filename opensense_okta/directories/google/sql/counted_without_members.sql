-- The groups without members of which Google counts some.
--
-- view groups_listed                               of groups.sql
-- table members_read, groups_gone, groups_to_read  of members.sql and scope.sql
select distinct id
from groups_listed
semi join groups_to_read using (id)
anti join groups_gone using (id)
where members_count > 0 and id not in (select group_id from members_read)
order by id;
