-- The id of each person: the assigned one, else a new one that follows from the person's anchor account.
--
-- tables accounts_read, account_person, match_keys, ledger_accounts, assigned_ids    see the files before

-- Ids of today's persons, and of accounts in the ledger that no directory has today.
create table ids_in_use as
select person_id from assigned_ids
union
select person_id from ledger_accounts anti join accounts_read using (directory, id);

create table person_ids as
with without_id as (
    select person, directory || '/' || id as anchor
    from (select distinct person from account_person) anti join assigned_ids using (person)
    join accounts_read on account = person
),
new_ids as ( -- if the first one is in use, the next numbers follow
    select
        person, number,
        substr(sha256(anchor || case when number > 1 then chr(10) || number else '' end), 1, 32) as person_id
    from without_id cross join range(1, 10) numbers(number)
    where number = 1 or substr(sha256(anchor), 1, 32) in (from ids_in_use)
)
select person, person_id from assigned_ids
union all
select person, arg_min(person_id, number) from new_ids anti join ids_in_use using (person_id) group by person;

-- The key that joined each account with others, for the identity ledger.
create view account_links as
select directory, id, attribute as linked_by
from accounts_read
join account_person using (account)
join match_keys on strength = linked_by;
