-- The raw tables of one Entra snapshot.
--
-- views and tables of groups.sql, scope.sql and users.sql
-- set variable members_records = 'members.jsonl';  ids of users, `type/id` of others; the listing is the
--                                                  group's id
-- set variable scope_groups = ['Staff*'];          NULL: all

create or replace temp table groups_gone as
select distinct listing as id from journal where gone;

create or replace temp table members_read as
with read as (
    select distinct listing as group_id, unnest(ids) as member
    from read_json(
        getvariable('members_records'),
        format = 'newline_delimited',
        columns = {listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', ids: 'VARCHAR[]'}
    )
    semi join last_attempts using (listing, attempt)
)
select
    group_id,
    case when contains(member, '/') then split_part(member, '/', 1) else 'user' end as type,
    split_part(member, '/', -1) as id
from read
anti join groups_gone on groups_gone.id = group_id;

-- A member without a type is a user if a user with that id was listed.
create or replace temp table members_found as
select distinct group_id, id as user_id
from members_read
where type = 'user' or id in (select id from users_youngest);

create or replace temp table users_in_scope as
select id
from users_youngest
where getvariable('scope_groups') is null or id in (select user_id from members_found);

create or replace view memberships as
select group_id, user_id from members_found;

create or replace view raw_groups as
from groups_listed
semi join groups_in_scope using (id)
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
semi join users_youngest using (id, page)
semi join users_in_scope using (id);

-- When the members of each group were read.
create or replace view member_reads as
select g.id as group_id, min(journal.read_at) as read_at, 'read' as how
from groups_in_scope g
left join journal on journal.listing = g.id
group by g.id;
