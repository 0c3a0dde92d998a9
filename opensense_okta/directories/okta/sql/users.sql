-- The users that an Okta organization listed.
--
-- view last_attempts                               of journal.sql
-- set variable users_records = 'users.jsonl';      full user records
--
-- The records are read twice, first only for the positions of the newest versions, so that wide rows are not
-- held in memory.

create or replace temp view users_read as
select listing, page, captured_at, record, record.id as id
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
semi join last_attempts using (listing, attempt);

create or replace temp table users_youngest as
select
    id,
    unnest(
        arg_max(
            struct_pack(listing, page, status := record.status),
            row(coalesce(try_cast(record."lastUpdated" as timestamptz), '-infinity'), captured_at, page)
        )
    )
from users_read
group by id;
