-- The views of of_person.sql, which read only the parts of the files that have the person's rows.
--
-- views people, accounts, provenance, conflicts    of the day, with the number of each row
-- table rows_of                          of index_rows.sql
-- set variable person_id = '0123…';      the person
-- set variable named = ['0123…'];        the people whose names are asked for
create or replace macro rows_in(file, ids) as table
select unnest(rows) as row from rows_of
where rows_of.file = file and key in (select hash(unnest(ids::varchar[])));

create or replace view named_people as
from people
where
    file_row_number in (select row from rows_in('people', getvariable('named')))
    and person_id in (select unnest(getvariable('named')::varchar[]));

create or replace view person_accounts as
select * exclude (file_row_number)
from accounts
where
    file_row_number in (select row from rows_in('accounts', [getvariable('person_id')]))
    and person_id = getvariable('person_id');

create or replace view person_provenance as
from provenance
where
    file_row_number in (select row from rows_in('provenance', [getvariable('person_id')]))
    and person_id = getvariable('person_id');

create or replace view person_conflicts as
from conflicts
where
    file_row_number in (select row from rows_in('conflicts', [getvariable('person_id')]))
    and person_id = getvariable('person_id');
