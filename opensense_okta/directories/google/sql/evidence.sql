-- Counts that only Google snapshots have, for their checks.
--
-- table evidence                                   of evidence.sql
-- tables raw_users, raw_groups, memberships        as stored
-- tables users_youngest, groups_youngest, groups_gone, members_read, members_found, groups_in_groups    of the read
-- views before_groups, before_members, before_nested_groups    of the snapshot before
-- views units_in_scope, unit_matches, user_pages_out_of_order, group_pages_out_of_order, groups_of_everybody         of the read
-- set variable scope_groups = ['Staff*'];          NULL: all groups

-- All listed users and groups, in scope or not.
insert into evidence select 'users_listed', count(*) from users_youngest;
insert into evidence select 'groups_listed', count(*) from groups_youngest;
insert into evidence select 'groups_read', count(distinct id) from groups_to_read;
insert into evidence select 'groups_carried_over', 0;
insert into evidence select 'memberships_drifted', 0;
insert into evidence select 'groups_gone', count(*) from groups_gone;
-- Groups without members that had some before, and whose users Google did not count: only the members show it.
insert into evidence
select 'groups_emptied', count(*)
from raw_groups
where id not in (select group_id from members_read)
and id in (
    select m.group_id from before_members m join before_groups g on g.id = m.group_id
    where coalesce(g.members_count, 0) = 0
    union
    select group_id from before_nested_groups where member_group_id in (select id from groups_youngest)
);
insert into evidence select 'scoped_to_groups', (getvariable('scope_groups') is not null)::bigint;

insert into evidence
select 'matched.scope.org_units.' || position, count(id)
from units_in_scope
left join unit_matches using (position)
group by position
order by position;

insert into evidence
select 'pages_out_of_order',
    (select count(*) from user_pages_out_of_order) + (select count(*) from group_pages_out_of_order);

insert into evidence
select unnest([
    {name: 'members_nested', count: count(*) filter (where member_group_id in (select id from groups_youngest))},
    {name: 'groups_foreign', count: count(*) filter (where member_group_id not in (select id from groups_youngest))}
], recursive := true)
from groups_in_groups;
insert into evidence select 'groups_of_everybody', count(*) from groups_of_everybody;

-- Members that are neither users of the account nor groups.
insert into evidence
select unnest([
    {name: 'members_outside', count: count(*) filter (where type in ('user', 'external'))},
    {name: 'members_other', count: count(*) filter (where type not in ('user', 'external'))}
], recursive := true)
from members_read
anti join members_found on members_found.group_id = members_read.group_id and user_id = id
anti join groups_in_groups on groups_in_groups.group_id = members_read.group_id and member_group_id = id
where type <> 'customer';

-- Google counts direct members of the type user, also those from outside.
insert into evidence
select 'groups_miscounted', count(*)
from raw_groups g
left join (
    select group_id, count(*) as counted from members_read where type = 'user' group by group_id
) m on m.group_id = g.id
where members_count is not null and members_count <> coalesce(counted, 0);

insert into evidence
select unnest([
    {name: 'guests', count: count(*) filter (where lower(texts[1]) = 'true')},
    {name: 'users_without_mailbox', count: count(*) filter (where lower(texts[2]) = 'false')},
    {name: 'statuses_unknown', count: count(*) filter (where status = 'unknown')}
], recursive := true)
from (
    select status, json_extract_string(profile, ['/isGuestUser', '/isMailboxSetup']) as texts from raw_users
);

from evidence;
