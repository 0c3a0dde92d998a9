-- The raw tables of one Okta snapshot, from the spooled records.
--
-- set variable users_records = 'users.jsonl';      full user records
-- set variable groups_records = 'groups.jsonl';    full group records
-- set variable members_records = 'members.jsonl';  ids of users; the listing is the group's id
--
-- Paging is no snapshot (okta-api.md §4): a record that changes meanwhile may come twice, so the
-- youngest version counts. Everything but ids and times stays as Okta wrote it.
-- The records are read twice, first for the places of the youngest versions alone, so that wide rows
-- are never held in memory.

create or replace temp view users_read as
with records as (
    select *
    from read_json(
        getvariable('users_records'),
        format = 'newline_delimited',
        columns = {
            listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', captured_at: 'TIMESTAMPTZ',
            record: 'STRUCT(
                id VARCHAR, status VARCHAR, created VARCHAR, activated VARCHAR,
                "statusChanged" VARCHAR, "lastLogin" VARCHAR, "lastUpdated" VARCHAR,
                "passwordChanged" VARCHAR, type JSON, profile JSON
            )'
        }
    )
),
last_attempts as (
    select listing, max(attempt) as attempt from records group by listing
)
select listing, page, captured_at, record, record.id as id
from records
semi join last_attempts using (listing, attempt);

create or replace temp table users_youngest as
select
    id,
    unnest(
        arg_max(
            struct_pack(listing, page),
            row(coalesce(try_cast(record."lastUpdated" as timestamptz), '-infinity'), captured_at, page)
        )
    )
from users_read
group by id;

create or replace temp view raw_users as
select
    id,
    record.status as status,
    try_cast(record.created as timestamptz) as created,
    try_cast(record.activated as timestamptz) as activated,
    try_cast(record."statusChanged" as timestamptz) as status_changed,
    try_cast(record."lastLogin" as timestamptz) as last_login,
    try_cast(record."lastUpdated" as timestamptz) as last_updated,
    try_cast(record."passwordChanged" as timestamptz) as password_changed,
    json_extract_string(record.type, '$.id') as type_id,
    coalesce(record.profile, '{}'::json) as profile,
    captured_at
from users_read
semi join users_youngest using (id, listing, page);

create or replace temp view groups_read as
with records as (
    select *
    from read_json(
        getvariable('groups_records'),
        format = 'newline_delimited',
        columns = {
            listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', captured_at: 'TIMESTAMPTZ',
            record: 'STRUCT(
                id VARCHAR, type VARCHAR, created VARCHAR, "lastUpdated" VARCHAR,
                "lastMembershipUpdated" VARCHAR, profile JSON, _embedded JSON
            )'
        }
    )
),
last_attempts as (
    select listing, max(attempt) as attempt from records group by listing
)
select listing, page, captured_at, record, record.id as id
from records
semi join last_attempts using (listing, attempt);

create or replace temp table groups_youngest as
select
    id,
    unnest(
        arg_max(
            struct_pack(listing, page),
            row(coalesce(try_cast(record."lastUpdated" as timestamptz), '-infinity'), captured_at, page)
        )
    )
from groups_read
group by id;

create or replace temp view members_read as
select *
from read_json(
    getvariable('members_records'),
    format = 'newline_delimited',
    columns = {listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', ids: 'VARCHAR[]', gone: 'BOOLEAN'}
);

-- A group deleted between its listing and the reading of its members is no group any more.
create or replace temp view groups_gone as
select listing as id from members_read where gone;

create or replace temp view raw_groups as
select
    id,
    record.type as type,
    json_extract_string(record.profile, '$.name') as name,
    json_extract_string(record.profile, '$.description') as description,
    try_cast(record.created as timestamptz) as created,
    try_cast(record."lastUpdated" as timestamptz) as last_updated,
    try_cast(record."lastMembershipUpdated" as timestamptz) as last_membership_updated,
    try_cast(json_extract_string(record._embedded, '$.stats.usersCount') as bigint) as members_count,
    coalesce(record.profile, '{}'::json) as profile,
    captured_at
from groups_read
semi join groups_youngest using (id, listing, page)
anti join groups_gone using (id);

create or replace temp view memberships as
with last_attempts as (
    select listing, max(attempt) as attempt from members_read group by listing
)
select distinct listing as group_id, unnest(ids) as user_id
from members_read
semi join last_attempts using (listing, attempt)
anti join groups_gone on groups_gone.id = listing;
