-- When the members of each group were read: every read includes all groups.
--
-- table raw_groups
create or replace view member_reads as
select id as group_id, captured_at as read_at, 'read' as how from raw_groups;
