-- The raw tables of one Google snapshot.
--
-- views and tables of groups.sql, members.sql, scope.sql and users.sql
-- set variable nested = true;                      whether members of a group's groups count as its members
-- set variable scope_groups = ['Staff*'];          NULL: all
-- set variable scope_units = ['/Staff'];           NULL: all

-- A member of the type user can be of another organization, and is then no user here.
create or replace temp table members_found as
select distinct group_id, id as user_id
from members_read
where type = 'user' and id in (select id from users_youngest);

create or replace temp view groups_of_everybody as
select distinct group_id from members_read where type = 'customer';

create or replace temp table users_chosen as
select id
from users_youngest
where getvariable('scope_groups') is null and getvariable('scope_units') is null
or id in (from users_in_units)
or getvariable('scope_groups') is not null and (
    id in (select user_id from members_found where group_id in (select id from groups_in_scope))
    or exists (from groups_of_everybody where group_id in (select id from groups_in_scope))
);

create or replace view memberships as
select group_id, user_id from members_found where user_id in (from users_chosen)
union
select group_id, id from groups_of_everybody, users_chosen;

-- Groups of other organizations are not known here. Without nesting, a group that is not in scope is not either.
create or replace view nested_groups as
select group_id, member_group_id
from groups_in_groups
where member_group_id in (select id from groups_youngest)
and (getvariable('nested') or member_group_id in (select id from groups_to_read));

create or replace view raw_groups as
from groups_listed
semi join groups_to_read using (id)
anti join groups_gone using (id);

create or replace view raw_users as
select
    id,
    case
        when lower(texts[1]) = 'true' then 'archived'
        when lower(texts[2]) = 'true' then 'suspended'
        when lower(texts[2]) = 'false' and lower(texts[1]) = 'false' then 'active'
        else 'unknown'
    end as status,
    try_cast(texts[3] as timestamptz) as created,
    null::timestamptz as activated,
    null::timestamptz as status_changed,
    -- Somebody who never signed in has 1970.
    nullif(try_cast(texts[4] as timestamptz), to_timestamp(0)) as last_login,
    null::timestamptz as last_updated,
    null::timestamptz as password_changed,
    null::varchar as type_id,
    record as profile,
    captured_at
from (
    select
        id, record, captured_at,
        json_extract_string(record, ['/archived', '/suspended', '/creationTime', '/lastLoginTime']) as texts
    from users_read
    -- Not a semi join: DuckDB would hold all records in memory to look up the users.
    where ((id, page) in (select (id, page) from users_youngest semi join users_chosen using (id))) is true
);
