-- Counts that only Entra snapshots have, for their checks.
--
-- table evidence                                   of evidence.sql
-- tables raw_users, raw_groups, memberships        as stored
-- tables users_youngest, groups_youngest, groups_gone, members_read, members_found    of the read
-- set variable users_counted = 893;                by the tenant itself; 0: it does not say
-- set variable scope_groups = ['Staff*'];          NULL: all groups
-- view mapped_texts                                of the users: texts has user_name, email, given and family name

-- All listed users, in scope or not.
insert into evidence select 'users_listed', count(*) from users_youngest;
insert into evidence select 'users_counted', getvariable('users_counted');
insert into evidence select 'groups_listed', count(*) from groups_youngest;
insert into evidence select 'groups_read', count(distinct id) from groups_to_read;
insert into evidence select 'groups_carried_over', 0;
insert into evidence select 'memberships_drifted', 0;
insert into evidence select 'groups_gone', count(*) from groups_gone;
insert into evidence select 'scoped_to_groups', (getvariable('scope_groups') is not null)::bigint;

-- Members that are neither users nor groups: devices, contacts, and those without a type.
create or replace temp view members_left as
select type
from members_read
anti join members_found on members_found.group_id = members_read.group_id and user_id = id
anti join groups_in_groups
    on groups_in_groups.group_id = members_read.group_id and member_group_id = id;

insert into evidence select 'members_nested', count(*) from groups_in_groups;
insert into evidence
select 'members_unreadable', count(*) from members_left where type in ('', 'directoryObject');
insert into evidence
select 'members_other', count(*) from members_left where type not in ('', 'directoryObject');

-- Without a permission of its own an app sees a hidden membership as an empty one.
insert into evidence
select 'groups_hidden', count(*)
from raw_groups
where json_extract_string(profile, '$.visibility') = 'HiddenMembership'
and id not in (select group_id from members_read);

insert into evidence select 'guests', count(*) from raw_users where lower(type_id) = 'guest';

-- Nobody signs in to a shared mailbox or a room, and it has no person's names (docs/entra-api.md, "Users").
insert into evidence
select 'mailboxes', count(*)
from mapped_texts
where status = 'DISABLED'
and coalesce(lower(type_id), '') <> 'guest'
and texts[2] is not null
and texts[3] is null
and texts[4] is null;

insert into evidence select 'statuses_unknown', count(*) from raw_users where status = 'UNKNOWN';

from evidence;
