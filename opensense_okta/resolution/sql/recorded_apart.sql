-- The accounts that the identity ledger has as one person, and that no key joins today. Returns their number.
--
-- tables recorded_accounts, account_person    after all keys joined persons
--
-- Rows of version 0.1 have no `linked_by`: they keep ids, but they make no links.
create table recorded_apart as
with apart as (
    select person_id
    from recorded_accounts join account_person using (account)
    group by person_id having min(person) <> max(person)
),
linked as (
    select r.account, r.person_id, r.linked_by, p.person, p.rank, p.is_active, p.linked_by as joined_by
    from recorded_accounts r
    semi join apart using (person_id)
    join account_person p using (account)
    where r.linked_by is not null
),
account_words as (
    select account, coalesce(name_words(account_name(texts)), []) as words
    from accounts_read where account in (select account from linked)
)
select
    account, person_id, linked_by, rank, is_active, words,
    -- Whether a key joins the account to another one that is active.
    joined_by is not null and exists (
        from account_person other
        where other.person = linked.person and other.account <> linked.account
        and other.is_active and other.linked_by is not null
    ) as joins_active
from linked join account_words using (account);

select count(*) as accounts from recorded_apart;
