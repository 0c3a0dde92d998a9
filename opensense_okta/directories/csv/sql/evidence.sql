-- What speaks for a snapshot and against it: counts by name.
--
-- tables raw_users, raw_groups, memberships        as stored
-- table csv_keys, macro means_active               of keys.sql, of the users

with users as (
    select count(*) as listed, count(distinct id) as ids, count(*) filter (where status = 'INACTIVE') as inactive
    from raw_users
),
groups as (
    select count(*) as listed, count(distinct id) as ids from raw_groups
),
members as (
    select
        count(*) as listed,
        count(*) filter (where user_id not in (select id from raw_users)) as of_unknown_users,
        count(*) filter (where group_id not in (select id from raw_groups)) as of_unknown_groups
    from memberships
),
active as (
    -- A file without such a column says nothing of anybody's.
    select
        count(*) filter (where without_login) as without_login,
        count(*) filter (where without_email) as without_email
    from csv_keys
    where key <> '' and means_active(active)
)
select unnest([
    {name: 'users', count: users.listed},
    {name: 'users_listed', count: users.listed},
    {name: 'users_inactive', count: users.inactive},
    {name: 'users_doubled', count: users.listed - users.ids},
    {name: 'groups', count: groups.listed},
    {name: 'groups_listed', count: groups.listed},
    {name: 'groups_read', count: groups.listed},
    {name: 'groups_doubled', count: groups.listed - groups.ids},
    {name: 'memberships', count: members.listed},
    {name: 'members_unknown', count: members.of_unknown_users},
    {name: 'groups_unknown', count: members.of_unknown_groups},
    {name: 'logins_missing', count: active.without_login},
    {name: 'emails_malformed', count: active.without_email},
    -- What other kinds count: nothing of it can happen to a file.
    {name: 'groups_carried_over', count: 0},
    {name: 'groups_gone', count: 0},
    {name: 'groups_miscounted', count: 0},
    {name: 'groups_drifted', count: 0},
    {name: 'memberships_drifted', count: 0},
    {name: 'everyone', count: 0},
    {name: 'scoped_to_groups', count: 0},
    {name: 'statuses_unknown', count: 0}
], recursive := true)
from users, groups, members, active;
