-- Which groups of one directory are members of others.
--
-- table raw_nested_groups      of the directory's snapshot
-- table nested_groups_read     rows are added to it
-- set variable directory = 'entra';
insert into nested_groups_read by name
select
    getvariable('directory') || '/' || group_id as group_id,
    getvariable('directory') || '/' || member_group_id as member_group_id
from raw_nested_groups;
