-- The evidence for and against a snapshot: counts by name.
--
-- tables raw_users, raw_groups, memberships        as stored
-- table csv_keys, macro means_active               of keys.sql, of the users
-- table csv_odd_cells                              of rows.sql

create or replace temp macro number_of(file) as list_position(getvariable('files'), file);

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
    -- If a file has no such column, nothing is counted.
    select
        count(*) filter (where without_login) as without_login,
        count(*) filter (where without_email) as without_email
    from csv_keys
    where not set_aside and means_active(active)
),
id_only as (
    select count(*) as rows, min({file: number_of(file), line: line}) as first from csv_keys where set_aside
),
odd as (
    select
        count(*) filter (where problem = 'error') as errors,
        min(place) filter (where problem = 'error') as first_error,
        count(*) filter (where problem = 'scientific') as scientific,
        min(place) filter (where problem = 'scientific') as first_scientific
    from (
        select problem, {file: number_of(file), line: line, position: position} as place from csv_odd_cells
    )
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
    -- Evidence has no texts, so a place is three numbers: file, line and column. 0: none.
    {name: 'rows_id_only', count: id_only.rows},
    {name: 'rows_id_only_file', count: coalesce(id_only.first.file, 0)},
    {name: 'rows_id_only_line', count: coalesce(id_only.first.line, 0)},
    {name: 'cells_error', count: odd.errors},
    {name: 'cells_error_file', count: coalesce(odd.first_error.file, 0)},
    {name: 'cells_error_line', count: coalesce(odd.first_error.line, 0)},
    {name: 'cells_error_column', count: coalesce(odd.first_error.position, 0)},
    {name: 'cells_scientific', count: odd.scientific},
    {name: 'cells_scientific_file', count: coalesce(odd.first_scientific.file, 0)},
    {name: 'cells_scientific_line', count: coalesce(odd.first_scientific.line, 0)},
    {name: 'cells_scientific_column', count: coalesce(odd.first_scientific.position, 0)},
    -- Counts of other kinds of directories; none of this can happen to a file.
    {name: 'groups_carried_over', count: 0},
    {name: 'groups_gone', count: 0},
    {name: 'groups_miscounted', count: 0},
    {name: 'groups_drifted', count: 0},
    {name: 'memberships_drifted', count: 0},
    {name: 'everyone', count: 0},
    {name: 'scoped_to_groups', count: 0},
    {name: 'statuses_unknown', count: 0}
], recursive := true)
from users, groups, members, active, id_only, odd;
