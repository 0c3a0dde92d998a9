-- The groups that an Okta organization listed.
--
-- view last_attempts                               of journal.sql
-- set variable groups_records = 'groups.jsonl';    full group records
--
-- Paging is not a snapshot (docs/okta-api.md, "Paging"): a record that changes meanwhile may come twice; the
-- newest version counts. The records are read twice, so that wide rows are not held in memory.

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

-- What the plan of the read needs to know of each group.
create or replace temp table groups_listed as
select
    id,
    unnest(
        arg_max(
            struct_pack(
                listing, page,
                type := record.type,
                name := json_extract_string(record.profile, '$.name'),
                created := try_cast(record.created as timestamptz),
                last_membership_updated := try_cast(record."lastMembershipUpdated" as timestamptz),
                members_count := try_cast(json_extract_string(record._embedded, '$.stats.usersCount') as bigint)
            ),
            row(coalesce(try_cast(record."lastUpdated" as timestamptz), '-infinity'), captured_at, page)
        )
    )
from groups_read
group by id;
