-- The records of the groups that were listed, for kinds whose records have no type known before.
--
-- view last_attempts                               of journal.sql
-- set variable groups_records = 'groups.jsonl';    full group records
--
-- Paging is no snapshot: a record may come twice, so the one read last counts.

create or replace temp view groups_read as
select page, captured_at, record, json_extract_string(record, '$.id') as id
from read_json(
    getvariable('groups_records'),
    format = 'newline_delimited',
    columns = {
        listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', captured_at: 'TIMESTAMPTZ', record: 'JSON'
    }
)
semi join last_attempts using (listing, attempt);

create or replace temp table groups_youngest as
select id, max(page) as page from groups_read group by id;
