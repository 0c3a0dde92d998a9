-- The links that the identity ledger keeps between persons, of accounts that were linked by one key.
--
-- tables recorded_apart, account_person, account_keys    see the files before
-- set variable strength = 1;

-- Of two accounts that two keys joined to their person, the weaker key is their link.
create or replace temp table kept_pairs as
select
    x.person_id, x.account, y.account as other_account,
    least(p.person, q.person) as a, greatest(p.person, q.person) as b
from recorded_apart x
join recorded_apart y on y.person_id = x.person_id and y.account > x.account and y.rank <> x.rank
join account_person p on p.account = x.account
join account_person q on q.account = y.account
where greatest(x.linked_by, y.linked_by) = getvariable('strength')
and p.person <> q.person
and names_share_a_word(x.words, y.words)
and (x.is_active or not y.joins_active)
and (y.is_active or not x.joins_active);

create or replace temp table links as select distinct a, b from kept_pairs;

create or replace temp table stronger_keys as
select person, strength, list(value) as values
from account_keys join account_person using (account)
where strength < getvariable('strength') and person in (select unnest([a, b]) from links)
group by person, strength;

delete from handed_on; -- the accounts are recorded as one person
