-- The users that an Entra tenant listed.
--
-- view last_attempts                               of journal.sql
-- set variable users_records = 'users.jsonl';      full user records
-- set variable users_listing = '/v1.0/users';      the listing that counts
--
-- Paging is no snapshot: a record may come twice, so the one read last counts. The records are read
-- twice, first for the places of those alone, so that wide rows are never held in memory.

create or replace temp view users_read as
select listing, page, captured_at, record, json_extract_string(record, '$.id') as id
from read_json(
    getvariable('users_records'),
    format = 'newline_delimited',
    columns = {
        listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', captured_at: 'TIMESTAMPTZ', record: 'JSON'
    }
)
where listing = getvariable('users_listing')
-- Not a semi join: DuckDB would hold all records in memory to look up the attempts.
and ((listing, attempt) in (select (listing, attempt) from last_attempts)) is true;

create or replace temp table users_youngest as
select
    id,
    max(page) as page,
    bool_or(json_extract_string(record, '$.accountEnabled') is not null) as status_known
from users_read
group by id;

select count(*) as listed, count(*) filter (not status_known) as without_status from users_youngest;
