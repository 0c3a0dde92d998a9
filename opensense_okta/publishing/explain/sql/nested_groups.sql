-- Adds the groups in groups of one directory.
--
-- view raw_nested_groups      of the directory's snapshot
-- tables nested_groups, source_groups    of no_nested_groups.sql
-- set variable directory = 'entra';
insert into nested_groups
select distinct g.group_id, m.group_id, coalesce(m.name, m.group_id)
from raw_nested_groups n
join source_groups g on g.source = getvariable('directory') || '/' || n.group_id
join source_groups m on m.source = getvariable('directory') || '/' || n.member_group_id;
