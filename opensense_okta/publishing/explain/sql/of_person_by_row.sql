-- The views of of_person.sql; they read only the parts of the files that have the person's rows.
--
-- views people, accounts, provenance, conflicts, memberships    of the day, with the number of each row
-- set variable person_id = '0123…';      the person
-- set variable named = ['0123…'];        the people whose names are asked for
create view person_rows as
select 'people' as file, person_id, file_row_number from people
union all
select 'accounts', person_id, file_row_number from accounts
union all
select 'provenance', person_id, file_row_number from provenance
union all
select 'conflicts', person_id, file_row_number from conflicts
union all
select 'memberships', person_id, file_row_number from memberships;

-- The index: the rows that each person has in each file. Two people may have the same key.
create table rows_of as
select file, hash(person_id) as key, list(file_row_number::uinteger) as rows
from person_rows
group by all;

create macro rows_in(name, ids) as table
select unnest(rows) as row from rows_of
where file = name and key in (select hash(unnest(ids::varchar[])));

create view named_people as
from people
where
    file_row_number in (from rows_in('people', getvariable('named')))
    and person_id in (select unnest(getvariable('named')::varchar[]));

create view person_accounts as
select * exclude (file_row_number)
from accounts
where
    file_row_number in (from rows_in('accounts', [getvariable('person_id')]))
    and person_id = getvariable('person_id');

create view person_provenance as
from provenance
where
    file_row_number in (from rows_in('provenance', [getvariable('person_id')]))
    and person_id = getvariable('person_id');

create view person_conflicts as
from conflicts
where
    file_row_number in (from rows_in('conflicts', [getvariable('person_id')]))
    and person_id = getvariable('person_id');

create view person_memberships as
from memberships
where
    file_row_number in (from rows_in('memberships', [getvariable('person_id')]))
    and person_id = getvariable('person_id');
