-- The users that an account listed, and what proves the listing complete.
--
-- view last_attempts                               of journal.sql
-- set variable users_records = 'users.jsonl';      full user records
-- set variable users_listing = '/admin/…';         the listing that counts
-- set variable administrator = 'a@acme.com';       whom the service account acts as; NULL: itself
-- set variable scope_units = ['/Staff'];           that unit and those below; '/Staff/*': those below; NULL: all
--
-- Paging is no snapshot: a record may come twice, so the one read last counts. The records are read
-- twice, first for a few fields of all, so that wide rows are never held in memory.

create or replace temp view users_read as
select page, captured_at, record, json_extract_string(record, '$.id') as id
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

create or replace temp table users_listed as
select
    page,
    texts[1] as id,
    lower(texts[2]) as address,
    texts[3] is not null and texts[9] is not null as status_known,
    coalesce(lower(texts[4]) = 'true', false) as is_super_administrator,
    texts[5] as customer,
    '/' || ltrim(lower(coalesce(texts[6], '')), '/') as unit,
    lower(concat(texts[7], texts[8])) as other_addresses
from (
    select page, json_extract_string(record, [
        '/id', '/primaryEmail', '/suspended', '/isAdmin', '/customerId', '/orgUnitPath', '/aliases',
        '/nonEditableAliases', '/archived'
    ]) as texts
    from users_read
);

create or replace temp table users_youngest as
select id, max(page) as page, arg_max(unit, page) as unit from users_listed group by id;

create or replace temp view units_in_scope as
select position, lower(rtrim(unit, '/*')) as unit, ends_with(unit, '/*') as only_below
from (
    select unnest(getvariable('scope_units')) as unit, generate_subscripts(getvariable('scope_units'), 1) as position
);

create or replace temp view unit_matches as
select s.position, u.id
from users_youngest u
join units_in_scope s
    on starts_with(u.unit, s.unit || '/') and u.unit <> s.unit || '/'
    or not only_below and u.unit in (s.unit, s.unit || '/');

create or replace temp view users_in_units as
select distinct id from unit_matches;

-- Pages follow each other in the order of the addresses.
create or replace temp view user_pages_out_of_order as
select page
from (select page, min(address) as first, max(address) as last from users_listed group by page)
qualify first <= lag(last) over (order by page);

select
    (select count(*) from users_youngest) as listed,
    (select count(*) from users_listed where not status_known) as without_status,
    (select count(*) from users_listed where is_super_administrator) as super_administrators,
    exists (
        from users_listed
        where address = lower(getvariable('administrator'))
        or contains(other_addresses, '"' || lower(getvariable('administrator')) || '"')
    ) as administrator_listed,
    (select count(distinct customer) from users_listed) as customers,
    (select count(*) from users_in_units) as in_units,
    (select count(*) from user_pages_out_of_order) as pages_out_of_order;
