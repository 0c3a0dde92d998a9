-- Who claims which id: what the identity ledger knows of the persons' accounts.
--
-- tables accounts_read, ledger    see schema.sql; the ledger holds what was published before the day
-- table persons                   account, person (the smallest account)

-- The newest row of an account counts; a row is written when an account is given another person.
create table recorded as
select directory, id, arg_max(person_id, day) as person_id, min(day) as since
from ledger group by directory, id;

create table claims as
select person, person_id, min(since) as since, min(account) as anchor
from persons join accounts_read using (account) join recorded using (directory, id)
group by person, person_id;

create table kept (person integer, person_id varchar);
