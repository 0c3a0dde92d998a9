-- What the identity ledger has for each account.
--
-- tables ledger, accounts_read, directories, match_keys    the ledger has what was published before

-- The newest row of an account counts. `since` is the day that recorded the account under its person's id.
create table ledger_accounts as
with newest as (
    select directory, id, unnest(arg_max(struct_pack(person_id, linked_by, name), day))
    from ledger group by directory, id
)
select directory, id, n.person_id, n.linked_by, n.name, min(day) as since
from newest n join ledger using (directory, id)
where ledger.person_id = n.person_id
group by all;

-- Accounts of today. `linked_by` is the strength of the key that joined the account with others of its person; NULL
-- if there was none, or it is no match key any more.
create table recorded_accounts as
select account, person_id, since, strength as linked_by
from ledger_accounts
join accounts_read using (directory, id)
left join match_keys on attribute = linked_by;

-- Accounts that their directory does not have any more.
create table vanished_accounts as
select rank, person_id, directory || '/' || id as vanished, name, coalesce(name_words(name), []) as words
from ledger_accounts
join directories using (directory)
anti join accounts_read using (directory, id);
