-- The groups and memberships of one directory.
--
-- tables raw_groups, raw_memberships       of the directory's snapshot
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

insert into memberships_read by name
select
    getvariable('directory') as directory,
    user_id as id,
    getvariable('directory') || '/' || group_id as group_id
from raw_memberships;
