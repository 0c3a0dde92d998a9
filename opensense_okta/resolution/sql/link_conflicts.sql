-- Why persons who share a value of a key are not joined, and the accounts that the key links.
--
-- tables shared_values, handed_on                       see shared_values.sql
-- tables components, separated_links, rejected_parts, parts, joins    see join_links.sql
-- table match_conflicts                                 rows are added to it
-- set variable strength = 1;

-- Accounts of two persons who share the value, although a stronger key of theirs differs, or although the address
-- was handed on.
create or replace temp table separated_accounts as
select distinct
    if(list_contains(reasons, 'key'), 'contradictory_match', 'reused_key') as kind,
    component, x.value, unnest([x.person, y.person]) as person, unnest([x.account, y.account]) as account
from separated_links
join shared_values x on x.person = a
join shared_values y on y.person = b and y.value = x.value
where list_contains(reasons, 'key') or list_contains(reasons, 'handed_on') and len(reasons) = 1;

insert into match_conflicts by name
select kind, getvariable('strength') as strength, value as evidence_group, account, true as is_reported
from separated_accounts;

insert into reused_keys by name
select getvariable('strength') as strength, value as evidence_group, vanished, name
from handed_on;

-- The other persons who stay apart are reported as bridged, with all accounts of the component. Two persons whom
-- only a `never_same` rule separates are no conflict: the rule settles it.
create or replace temp table bridged_persons as
select component, unnest([a, b]) as person
from separated_links
where list_contains(reasons, 'directory') and not list_contains(reasons, 'key')
union
select components.component, person
from components join parts using (person)
where parts.component in (from rejected_parts);

insert into match_conflicts by name
select
    'bridged_match' as kind, getvariable('strength') as strength, component::varchar as evidence_group, account,
    (component, person) in (from bridged_persons)
    and (component, person) not in (select component, person from separated_accounts) as is_reported
from components
join account_person using (person)
where component in (
    select component from bridged_persons
    where (component, person) not in (select component, person from separated_accounts)
);

create or replace temp table linking_accounts as
select distinct account, getvariable('strength') as linked_by
from shared_values semi join joins using (person);
