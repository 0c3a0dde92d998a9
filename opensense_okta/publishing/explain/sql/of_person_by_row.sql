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

create table accounts_rows as
select hash(person_id) as key, list(file_row_number::uinteger) as rows from accounts group by key;

create table provenance_rows as
select hash(person_id) as key, list(file_row_number::uinteger) as rows from provenance group by key;

create table conflicts_rows as
select hash(person_id) as key, list(file_row_number::uinteger) as rows from conflicts group by key;

create table memberships_rows as
select hash(person_id) as key, list(file_row_number::uinteger) as rows from memberships group by key;

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

create view person_accounts as
select * exclude (file_row_number)
from accounts
where
    file_row_number in (
        select unnest(rows) from accounts_rows where key = hash(getvariable('person_id'))
    )
    and person_id = getvariable('person_id');

create view person_provenance as
from provenance
where
    file_row_number in (
        select unnest(rows) from provenance_rows where key = hash(getvariable('person_id'))
    )
    and person_id = getvariable('person_id');

create view person_conflicts as
from conflicts
where
    file_row_number in (
        select unnest(rows) from conflicts_rows where key = hash(getvariable('person_id'))
    )
    and person_id = getvariable('person_id');

create view person_memberships as
from memberships
where
    file_row_number in (
        select unnest(rows) from memberships_rows where key = hash(getvariable('person_id'))
    )
    and person_id = getvariable('person_id');
