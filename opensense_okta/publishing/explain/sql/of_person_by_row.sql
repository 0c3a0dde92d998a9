-- The views of of_person.sql; they read only the parts of the files that have the person's rows.
--
-- views people, accounts, provenance, conflicts, memberships    of the day, with the number of each row
-- set variable person_id = '0123…';      the person
-- set variable named = ['0123…'];        the people whose names are asked for

-- The index: the rows that each person has in each file. Two people may have the same key.
create table people_rows as
select
    hash(person_id) as key,
    file_row_number::uinteger as row,
    case when manager_id is not null then hash(manager_id) end as manager_key
from people;

create macro index_of(file) as table
select hash(person_id) as key, list(file_row_number::uinteger) as rows from query_table(file) group by key;

create table accounts_rows as from index_of('accounts');
create table provenance_rows as from index_of('provenance');
create table conflicts_rows as from index_of('conflicts');
create table memberships_rows as from index_of('memberships');

create view named_people as
from people
where
    file_row_number in (
        select row from people_rows
        where key in (select hash(unnest(getvariable('named')::varchar[])))
    )
    and person_id in (select unnest(getvariable('named')::varchar[]));

-- A person who only has the same key as one of the two may be among the rows.
create view person_and_manager as
from people
where file_row_number in (
    select row from people_rows where key = hash(getvariable('person_id'))
    union all
    select row from people_rows
    where key in (select manager_key from people_rows where key = hash(getvariable('person_id')))
);

create macro rows_of_person(file, index) as table
select * exclude (file_row_number)
from query_table(file)
where
    file_row_number in (
        select unnest(rows) from query_table(index) where key = hash(getvariable('person_id'))
    )
    and person_id = getvariable('person_id');

create view person_accounts as from rows_of_person('accounts', 'accounts_rows');
create view person_provenance as from rows_of_person('provenance', 'provenance_rows');
create view person_conflicts as from rows_of_person('conflicts', 'conflicts_rows');
create view person_memberships as from rows_of_person('memberships', 'memberships_rows');
