-- One step of correlation: joins persons by the key of one strength, where that leaves no doubt.
--
-- tables keys, persons, parted     of keys.sql; persons are joined, refusals are added to
-- table refusals
-- set variable strength = 1;

create or replace temp table sharing as
with held as (
    select value, account, person, rank
    from keys join persons using (account)
    where strength = getvariable('strength')
)
from held
semi join (select value from held group by value having min(person) <> max(person)) using (value);

-- An account that was parted by hand from all others of a value is no candidate any more.
delete from sharing
where (value, account) in (
    select s.value, s.account
    from sharing s
    join sharing other on other.value = s.value and other.rank <> s.rank
    where s.account in (from (select account from parted))
    group by s.value, s.account
    having bool_and(exists (
        from parted p join parted q using (parted)
        where p.account = s.account and q.account = other.account
    ))
);

-- Two persons' accounts in one directory: the value tells nobody apart.
create or replace temp table doubled as
select value, rank from sharing group by value, rank having count(distinct person) > 1;

insert into refusals by name
with able as ( -- a person who has no account in that directory could be either of the two
    select distinct s.value
    from sharing s join doubled d using (value)
    where not exists (from persons p where p.person = s.person and p.rank = d.rank)
)
select
    case when able.value is null then 'duplicate_in_directory' else 'ambiguous_match' end as kind,
    getvariable('strength') as strength, s.value as bundle, s.account, true as concerned
from sharing s
semi join doubled using (value)
left join able using (value);

create or replace temp table links as
select distinct person, min(person) over (partition by value) as linked
from sharing anti join doubled using (value);

-- Joins are transitive: the persons that hang together, each with the smallest of them.
create or replace temp table together as
with recursive
edges as (
    select person as a, linked as b from links where person <> linked
    union all
    select linked, person from links where person <> linked
),
hanging(person, least) using key (person) as (
    select a, min(least(a, b)) from edges group by a
    union
    select e.b, min(h.least)
    from hanging h
    join edges e on e.a = h.person
    join recurring.hanging known on known.person = e.b
    where h.least < known.least
    group by e.b
)
select person, least as joined from hanging;

create or replace temp table candidates as
select joined, person, account, rank from together join persons using (person);

create or replace temp table stronger as
select joined, person, account, strength, list(value) as values
from candidates join keys using (account)
where strength < getvariable('strength')
group by joined, person, account, strength;

-- What speaks against joining them: two accounts of one directory, a stronger key that is filled and
-- differs, or a word by hand.
create or replace temp table refused as
select joined, bool_and(by_hand) as by_hand
from (
    select joined, false as by_hand from candidates
    group by joined, rank having count(distinct person) > 1
    union all
    select joined, false
    from stronger a
    join stronger b using (joined, strength)
    where a.person < b.person and not list_has_any(a.values, b.values)
    union all
    select joined, true
    from candidates join parted using (account)
    group by joined, parted having count(distinct person) > 1
)
group by joined;

-- Two persons in it who share the value although a stronger key tells them apart.
create or replace temp table contradicting as
with shared as (
    select joined, person, account, value
    from refused join together using (joined) join sharing using (person) anti join doubled using (value)
)
select distinct mine.joined, mine.person, mine.account, mine.value
from shared mine
join shared other on other.value = mine.value and other.person <> mine.person
join stronger a on a.person = mine.person
join stronger b on b.person = other.person and b.strength = a.strength and not list_has_any(a.values, b.values);

insert into refusals by name
select 'contradictory_match' as kind, getvariable('strength') as strength, value as bundle, account, true as concerned
from contradicting;

-- The others of such a set; but two that were parted by hand are settled.
insert into refusals by name
select
    'bridged_match' as kind, getvariable('strength') as strength, joined::varchar as bundle, account,
    (joined, person) not in (select joined, person from contradicting) as concerned
from refused join candidates using (joined)
where (by_hand, joined) not in (select true, joined from together group by joined having count(*) = 2)
and joined in (
    select joined from together
    where (joined, person) not in (select joined, person from contradicting)
);

update persons set person = t.joined
from together t
where t.person = persons.person and t.joined not in (select joined from refused);
