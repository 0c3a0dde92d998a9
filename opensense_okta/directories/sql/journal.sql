-- The progress of each listing.
--
-- set variable journal = 'journal.jsonl';    a line for each page

create or replace temp view journal as
select *
from read_json(
    getvariable('journal'),
    format = 'newline_delimited',
    columns = {listing: 'VARCHAR', attempt: 'INTEGER', number: 'INTEGER', gone: 'BOOLEAN', read_at: 'TIMESTAMPTZ'}
);

-- If a listing restarted, only its last attempt counts.
create or replace temp view last_attempts as
select listing, max(attempt) as attempt from journal group by listing;
