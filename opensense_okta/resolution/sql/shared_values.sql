-- The values of one key that accounts of several persons share, and what separates these persons.
--
-- tables account_keys, account_person, match_keys, never_same    see match_keys.sql
-- tables recorded_accounts, vanished_accounts                    see ledger_accounts.sql
-- set variable strength = 1;

create or replace temp table shared_values as
with keyed_accounts as (
    select value, account, person, rank
    from account_keys join account_person using (account)
    where strength = getvariable('strength')
)
from keyed_accounts
semi join (
    select value from keyed_accounts group by value having min(person) <> max(person)
) using (value);

-- An account is no candidate for a value if `never_same` separates it from all accounts that other directories
-- have with this value.
delete from shared_values
where (value, account) in (
    select s.value, s.account
    from shared_values s
    join shared_values other on other.value = s.value and other.rank <> s.rank
    where s.account in (from (select account from never_same))
    group by s.value, s.account
    having bool_and(exists (
        from never_same p join never_same q using (set_number)
        where p.account = s.account and q.account = other.account
    ))
);

create or replace temp table stronger_keys as
select person, strength, list(value) as values
from account_keys join account_person using (account)
where strength < getvariable('strength') and person in (select person from shared_values)
group by person, strength;

-- An address is handed on if a person's account vanished from a directory, and a person with another account there,
-- which was not recorded as this person's, has the address. `account` is the new one, `person` its person.
create or replace temp table address_holders as
select distinct
    s.value, n.account, s.person, q.account as other_account, q.person as other_person, v.vanished, v.name, v.words,
    r.person_id is not null as is_recorded
from (
    select distinct person, person_id, v.rank, v.vanished, v.name, v.words
    from vanished_accounts v
    join recorded_accounts using (person_id)
    join account_person using (account)
    where (select is_address from match_keys where strength = getvariable('strength'))
) v
join shared_values q using (person)
join shared_values s on s.value = q.value and s.person <> q.person
join account_person n on n.person = s.person and n.rank = v.rank
left join recorded_accounts r on r.account = n.account
where r.person_id is distinct from v.person_id;

-- A number or an id that is equal decides.
delete from address_holders
where exists (
    from account_keys x
    join match_keys using (strength)
    join account_keys y using (strength, value)
    join account_person p on p.account = y.account
    where not is_address and x.account = address_holders.account and p.person = address_holders.other_person
);

-- If the names do not agree, the new account is another human's. After its first day, the new account is recorded,
-- too. It then stays apart until its name agrees with that of the other account.
create or replace temp table handed_on as
with account_words as (
    select account, coalesce(name_words(account_name(texts)), []) as words
    from accounts_read
    where account in (select unnest([account, other_account]) from address_holders)
)
select
    value, account, other_account, vanished, name,
    least(person, other_person) as a, greatest(person, other_person) as b
from address_holders h
join account_words x using (account)
join account_words y on y.account = other_account
where not (is_recorded and len(y.words) > 0 and names_agree(x.words, y.words))
qualify not bool_or(names_agree(x.words, h.words)) over (partition by value, account, other_account);
