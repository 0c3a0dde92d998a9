-- Counts that only Okta snapshots have, for their checks.
--
-- table evidence                                   of evidence.sql
-- tables raw_users, raw_groups, memberships        as stored
-- tables users_youngest, plan, unchanged, groups_gone, before_members    of the read
-- tables members_found, groups_listed, app_users, users_with_status    of the read, in scope or not
-- set variable read_all = false;                   whether every group was read
-- set variable scope_groups = ['Staff*'];          NULL: all groups
-- set variable scope_apps = ['0oa1'];              NULL: none
-- set variable scope_statuses = ['ACTIVE'];        NULL: all

-- All listed users, in scope or not.
insert into evidence select 'users_listed', count(*) from users_youngest;
insert into evidence select 'groups_listed', count(*) from groups_listed;
insert into evidence
select unnest([
    {name: 'groups_read', count: count(*) filter (where how = 'read')},
    {name: 'groups_carried_over', count: count(*) filter (where how = 'carry')}
], recursive := true)
from plan;
insert into evidence select 'groups_gone', count(*) from groups_gone;
insert into evidence select 'scoped_to_groups', (coalesce(getvariable('scope_groups'), getvariable('scope_apps')) is not null)::bigint;
insert into evidence select 'everyone', count(*) from groups_listed where type = 'BUILT_IN' and name = 'Everyone';

insert into evidence
select 'left_out.scope.statuses', count(*)
from users_youngest
where id not in (select id from users_with_status)
having getvariable('scope_statuses') is not null;

insert into evidence
select 'matched.scope.apps.' || position, count(user_id)
from (select unnest(getvariable('scope_apps')) as app, generate_subscripts(getvariable('scope_apps'), 1) as position)
left join app_users using (app)
group by position
order by position;

insert into evidence
select 'groups_miscounted', count(*)
from raw_groups
left join (select group_id, count(*) as members from members_found group by group_id) on group_id = id
where members_count <> coalesce(members, 0);

-- Memberships that carrying over would have got wrong; counted when all groups were read.
create or replace temp view drift as
with trusted as (
    select id as group_id from unchanged anti join groups_gone using (id)
    where getvariable('read_all')
),
had as (
    select group_id, user_id from before_members
    semi join trusted using (group_id)
    semi join raw_users on user_id = raw_users.id
),
has as (
    select group_id, user_id from memberships semi join trusted using (group_id)
)
(from had except from has) union all (from has except from had);

insert into evidence
select unnest([
    {name: 'memberships_drifted', count: count(*)},
    {name: 'groups_drifted', count: count(distinct group_id)}
], recursive := true)
from drift;

insert into evidence
select 'statuses_unknown', count(*)
from raw_users
where coalesce(status, '') not in (
    'STAGED', 'PROVISIONED', 'ACTIVE', 'RECOVERY', 'PASSWORD_EXPIRED', 'LOCKED_OUT', 'SUSPENDED',
    'DEPROVISIONED', 'ACTIVATING'
);

from evidence;
