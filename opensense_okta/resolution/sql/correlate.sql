-- One step of correlation: joins the persons who share a key of one strength, where the match is not ambiguous
-- and nothing contradicts it.
--
-- tables account_keys, never_same    see match_keys.sql
-- table account_person               persons are joined
-- table match_conflicts              rows are added to it
-- set variable strength = 1;

-- The values that accounts of several persons have, with these accounts.
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

-- A value is ambiguous if two persons have it in one directory: it does not identify a person.
create or replace temp table ambiguous_values as
select value, rank from shared_values group by value, rank having count(distinct person) > 1;

insert into match_conflicts by name
with could_be_either as ( -- a person with the value has no account in that directory: either one could be theirs
    select distinct s.value
    from shared_values s join ambiguous_values a using (value)
    where not exists (from account_person p where p.person = s.person and p.rank = a.rank)
)
select
    case when could_be_either.value is null then 'duplicate_in_directory' else 'ambiguous_match' end as kind,
    getvariable('strength') as strength, s.value as evidence_group, s.account, true as is_reported
from shared_values s
semi join ambiguous_values using (value)
left join could_be_either using (value);

-- Each person with the smallest person who has the same value.
create or replace temp table links as
select distinct person, min(person) over (partition by value) as linked_person
from shared_values anti join ambiguous_values using (value);

-- Joins are transitive. A component is a set of persons who are connected by links; it is named by its smallest
-- person.
create or replace temp table components as
with recursive
edges as (
    select person as a, linked_person as b from links where person <> linked_person
    union all
    select linked_person, person from links where person <> linked_person
),
connected(person, smallest) using key (person) as (
    select a, min(least(a, b)) from edges group by a
    union
    select e.b, min(c.smallest)
    from connected c
    join edges e on e.a = c.person
    join recurring.connected known on known.person = e.b
    where c.smallest < known.smallest
    group by e.b
)
select person, smallest as component from connected;

create or replace temp table component_accounts as
select component, person, account, rank from components join account_person using (person);

create or replace temp table stronger_keys as
select component, person, account, strength, list(value) as values
from component_accounts join account_keys using (account)
where strength < getvariable('strength')
group by component, person, account, strength;

-- Reasons not to join: two accounts of one directory; a stronger key differs; a `never_same` rule.
create or replace temp table rejected_components as
select component, bool_and(by_rule) as only_by_rule
from (
    select component, false as by_rule
    from component_accounts
    group by component, rank having count(distinct person) > 1
    union all
    select component, false
    from stronger_keys a
    join stronger_keys b using (component, strength)
    where a.person < b.person and not list_has_any(a.values, b.values)
    union all
    select component, true
    from component_accounts join never_same using (account)
    group by component, set_number having count(distinct person) > 1
)
group by component;

-- Accounts of two persons of a rejected component who share the value, although a stronger key of theirs differs.
create or replace temp table contradictions as
with shared as (
    select component, person, account, value
    from rejected_components
    join components using (component)
    join shared_values using (person)
    anti join ambiguous_values using (value)
)
select distinct s.component, s.person, s.account, s.value
from shared s
join shared other on other.value = s.value and other.person <> s.person
join stronger_keys a on a.person = s.person
join stronger_keys b
    on b.person = other.person and b.strength = a.strength and not list_has_any(a.values, b.values);

insert into match_conflicts by name
select
    'contradictory_match' as kind, getvariable('strength') as strength, value as evidence_group, account,
    true as is_reported
from contradictions;

-- The other persons of a rejected component are reported as bridged. Two persons whom only a `never_same` rule
-- separates are no conflict: the rule settles it.
insert into match_conflicts by name
select
    'bridged_match' as kind, getvariable('strength') as strength, component::varchar as evidence_group, account,
    (component, person) not in (select component, person from contradictions) as is_reported
from rejected_components join component_accounts using (component)
where (only_by_rule, component) not in (
    select true, component from components group by component having count(*) = 2
)
and component in (
    select component from components
    where (component, person) not in (select component, person from contradictions)
);

update account_person set person = c.component
from components c
where c.person = account_person.person and c.component not in (select component from rejected_components);
