-- The groups that an Okta organization listed.
--
-- view last_attempts                               of journal.sql
-- set variable groups_records = 'groups.jsonl';    full group records
--
-- Paging is not a snapshot (docs/okta-api.md, "Paging"): a record that changes meanwhile may come twice; the
-- newest version counts.

create or replace temp view groups_read as
select listing, page, captured_at, record, record.id as id
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

create or replace temp view groups_listed as
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
semi join groups_youngest using (id, listing, page);
