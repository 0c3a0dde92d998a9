-- The links that the values of one key make between persons. Why a value joins nobody is added to match_conflicts.
--
-- table shared_values            see shared_values.sql; the values that join nobody are deleted
-- macro separations              see match_keys.sql
-- table match_conflicts          rows are added to it
-- set variable strength = 1;

-- Several persons have the value in one directory. A person without an active account is ignored there if another
-- one has an active account.
create or replace temp table candidates as
with repeated as (
    select value, rank from shared_values group by value, rank having min(person) <> max(person)
),
with_activity as (
    select value, rank, person, bool_or(is_active) as is_active
    from (select distinct value, rank, person from shared_values semi join repeated using (value, rank))
    join (select person, is_active from account_person) using (person)
    group by value, rank, person
)
select
    value, rank, person,
    bool_or(is_active) over (partition by value, rank) and not is_active as is_ignored
from with_activity;

create or replace temp table ignored_candidates as
select distinct value, person from candidates where is_ignored;

delete from candidates where (value, person) in (from ignored_candidates);

-- A value is ambiguous if two candidates have it in one directory: it does not identify a person.
create or replace temp table ambiguous_values as
select value, rank, count(*) as candidates
from candidates group by value, rank having count(*) > 1;

-- Persons with an ambiguous value and no account in that directory, with each candidate that could be theirs. If
-- the candidates are many, they are not compared.
create or replace temp table choices as
with without_account as (
    select distinct s.value, s.person, a.rank, a.candidates
    from shared_values s
    join ambiguous_values a using (value)
    where (s.value, s.person) not in (from ignored_candidates)
    and not exists (from account_person p where p.person = s.person and p.rank = a.rank)
)
select value, rank, w.person as a, c.person as b
from without_account w
join candidates c using (value, rank)
where w.candidates <= 20
union all
select value, rank, person, null from without_account where candidates > 20;

create or replace temp table impossible_choices as from separations('choices');

create or replace temp table possible_choices as from choices anti join impossible_choices using (a, b);

insert into match_conflicts by name
select
    if(value in (select value from possible_choices), 'ambiguous_match', 'duplicate_in_directory') as kind,
    getvariable('strength') as strength, value as evidence_group, account, true as is_reported
from shared_values s
where value in (select value from possible_choices)
or (value, person) in (select value, person from candidates union all from ignored_candidates);

-- A person who can be none of the candidates, because a stronger key differs.
insert into match_conflicts by name
select distinct
    'contradictory_match' as kind, getvariable('strength') as strength, value as evidence_group, account,
    true as is_reported
from (
    select value, unnest([a, b]) as person
    from choices
    join impossible_choices using (a, b)
    where reason = 'key' and (value, rank, a) not in (select value, rank, a from possible_choices)
)
join shared_values using (value, person);

delete from shared_values
where value in (select value from ambiguous_values) or (value, person) in (from ignored_candidates);

create or replace temp table links as
select distinct x.person as a, y.person as b
from shared_values x join shared_values y on y.value = x.value and y.person > x.person;
