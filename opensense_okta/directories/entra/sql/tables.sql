-- The raw tables of one Entra snapshot.
--
-- views and tables of groups.sql, scope.sql, users.sql and members.sql
-- set variable nested = true;                      whether members of a group's groups count as its members
-- set variable scope_groups = ['Staff*'];          NULL: all

-- A member without a type is a user if a user with that id was listed.
create or replace temp table members_found as
select distinct group_id, id as user_id
from members_read
where type = 'user' or id in (select id from users_youngest);

create or replace temp table users_chosen as
select id
from users_youngest
where getvariable('scope_groups') is null
or id in (select user_id from members_found where group_id in (select id from groups_in_scope));

-- Members who were not listed are kept: a check counts them.
create or replace view memberships as
select group_id, user_id
from members_found
where user_id in (select id from users_chosen) or user_id not in (select id from users_youngest);

-- Without nesting, a group that is not in scope is not known by its group either.
create or replace view nested_groups as
select group_id, member_group_id
from groups_in_groups
where getvariable('nested') or member_group_id in (select id from groups_to_read);

create or replace view raw_groups as
from groups_listed
semi join groups_to_read using (id)
anti join groups_gone using (id);

create or replace view raw_users as
select
    id,
    case json_extract_string(record, '$.accountEnabled')
        when 'true' then 'ENABLED'
        when 'false' then 'DISABLED'
        else 'UNKNOWN'
    end as status,
    try_cast(json_extract_string(record, '$.createdDateTime') as timestamptz) as created,
    null::timestamptz as activated,
    null::timestamptz as status_changed,
    null::timestamptz as last_login,
    null::timestamptz as last_updated,
    null::timestamptz as password_changed,
    json_extract_string(record, '$.userType') as type_id,
    record as profile,
    captured_at
from users_read
-- Not a semi join: DuckDB would hold all records in memory to look up the users.
where ((id, page) in (select (id, page) from users_youngest semi join users_chosen using (id))) is true;
