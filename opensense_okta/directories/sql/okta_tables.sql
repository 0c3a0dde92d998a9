-- The raw tables of one Okta snapshot, from the spooled pages.
--
-- set variable users_pages = 'users.jsonl';       pages of full user records
-- set variable groups_pages = 'groups.jsonl';     pages of full group records
-- set variable members_pages = 'members.jsonl';   pages of user ids; the listing is the group's id
--
-- Paging is no snapshot (okta-api.md §4): a record that changes meanwhile may come twice, so the
-- youngest version counts. Everything but ids and times stays as Okta wrote it.

create or replace temp view users_read as
with pages as (
    select *
    from read_json(
        getvariable('users_pages'),
        format = 'newline_delimited',
        columns = {
            listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', captured_at: 'TIMESTAMPTZ',
            rows: 'STRUCT(
                id VARCHAR, status VARCHAR, created VARCHAR, activated VARCHAR,
                "statusChanged" VARCHAR, "lastLogin" VARCHAR, "lastUpdated" VARCHAR,
                "passwordChanged" VARCHAR, type JSON, profile JSON
            )[]'
        }
    )
),
last_attempts as (
    select listing, max(attempt) as attempt from pages group by listing
)
select
    listing, page, captured_at, unnest(rows) as u
from pages
semi join last_attempts using (listing, attempt);

create or replace temp table raw_users as
select
    u.id as id,
    u.status as status,
    try_cast(u.created as timestamptz) as created,
    try_cast(u.activated as timestamptz) as activated,
    try_cast(u."statusChanged" as timestamptz) as status_changed,
    try_cast(u."lastLogin" as timestamptz) as last_login,
    try_cast(u."lastUpdated" as timestamptz) as last_updated,
    try_cast(u."passwordChanged" as timestamptz) as password_changed,
    json_extract_string(u.type, '$.id') as type_id,
    coalesce(u.profile, '{}'::json) as profile,
    captured_at
from users_read
qualify row_number() over (
    partition by u.id order by try_cast(u."lastUpdated" as timestamptz) desc nulls last, captured_at desc, page desc
) = 1
order by id;

create or replace temp view groups_read as
with pages as (
    select *
    from read_json(
        getvariable('groups_pages'),
        format = 'newline_delimited',
        columns = {
            listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', captured_at: 'TIMESTAMPTZ',
            rows: 'STRUCT(
                id VARCHAR, type VARCHAR, created VARCHAR, "lastUpdated" VARCHAR,
                "lastMembershipUpdated" VARCHAR, profile JSON, _embedded JSON
            )[]'
        }
    )
),
last_attempts as (
    select listing, max(attempt) as attempt from pages group by listing
)
select listing, page, captured_at, unnest(rows) as g
from pages
semi join last_attempts using (listing, attempt);

create or replace temp view members_pages as
select *
from read_json(
    getvariable('members_pages'),
    format = 'newline_delimited',
    columns = {
        listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', captured_at: 'TIMESTAMPTZ',
        rows: 'VARCHAR[]', gone: 'BOOLEAN'
    }
);

-- A group deleted between its listing and the reading of its members is no group any more.
create or replace temp view groups_gone as
select listing as id from members_pages where gone;

create or replace temp table raw_groups as
select
    g.id as id,
    g.type as type,
    json_extract_string(g.profile, '$.name') as name,
    json_extract_string(g.profile, '$.description') as description,
    try_cast(g.created as timestamptz) as created,
    try_cast(g."lastUpdated" as timestamptz) as last_updated,
    try_cast(g."lastMembershipUpdated" as timestamptz) as last_membership_updated,
    try_cast(json_extract_string(g._embedded, '$.stats.usersCount') as bigint) as members_count,
    coalesce(g.profile, '{}'::json) as profile,
    captured_at
from groups_read
anti join groups_gone on groups_gone.id = g.id
qualify row_number() over (
    partition by g.id order by try_cast(g."lastUpdated" as timestamptz) desc nulls last, captured_at desc, page desc
) = 1
order by id;

create or replace temp table memberships as
with last_attempts as (
    select listing, max(attempt) as attempt from members_pages group by listing
)
select distinct listing as group_id, unnest(rows) as user_id
from members_pages
semi join last_attempts using (listing, attempt)
order by all;
