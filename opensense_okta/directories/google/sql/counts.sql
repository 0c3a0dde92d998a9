-- How many users each listed group has as direct members, as Google counts them.
--
-- view groups_listed                               of groups.sql
select id, coalesce(any_value(members_count), 0) from groups_listed group by id;
