-- The numbers of the rows that each person has in the files of a day.
--
-- views people, accounts, provenance, conflicts    with the number of each row
create or replace view numbered as
select 'people' as file, person_id, file_row_number from people
union all
select 'accounts', person_id, file_row_number from accounts
union all
select 'provenance', person_id, file_row_number from provenance
union all
select 'conflicts', person_id, file_row_number from conflicts;

create or replace table rows_of as
select file, hash(person_id) as key, list(file_row_number::uinteger) as rows
from numbered
group by all;
