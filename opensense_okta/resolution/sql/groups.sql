-- The groups and memberships of one directory.
--
-- tables raw_groups, raw_memberships       of the directory's snapshot
-- table accounts_read                      see accounts.sql
-- tables groups_read, memberships_read     rows are added to them
-- set variable directory = 'okta';
insert into groups_read by name
select
    getvariable('directory') || '/' || id as group_id,
    case when is_filled(name) then name end as name,
    case when is_filled(description) then description end as description,
    type,
    getvariable('directory') as directory,
    id
from raw_groups;

-- Numbers take a fraction of the time and memory of texts.
insert into memberships_read by name
select account, g.rowid as group_row
from raw_memberships m
join groups_read g on g.directory = getvariable('directory') and g.id = m.group_id
join accounts_read a on a.directory = getvariable('directory') and a.id = m.user_id;
