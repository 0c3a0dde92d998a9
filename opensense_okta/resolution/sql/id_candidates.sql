-- The ids that each person could keep: those that the identity ledger has for the person's accounts.
--
-- tables accounts_read, ledger    see schema.sql; the ledger has what was published before the day
-- table account_person            account, person (the smallest account)

-- The newest row of an account counts: an account has a new row whenever it becomes another person's.
create table ledger_accounts as
select directory, id, arg_max(person_id, day) as person_id, min(day) as since
from ledger group by directory, id;

create table id_candidates as
select person, person_id, min(since) as since, min(account) as anchor
from account_person join accounts_read using (account) join ledger_accounts using (directory, id)
group by person, person_id;

create table assigned_ids (person integer, person_id varchar);
