-- The match keys of each account, and the state before correlation: accounts of one `always_same` set are one
-- person, every other account is a person of its own.
--
-- tables accounts_read, attributes, directories, always_same_rules, never_same_rules    see schema.sql
-- set variable match = ['employee_number', 'email'];     from strong to weak

-- Strength 1 is the strongest.
create table match_keys as
select
    unnest(range(1, len(getvariable('match')) + 1))::integer as strength,
    unnest(getvariable('match')) as attribute;

-- One row for each value of a key that an account has. A list has several.
create table account_keys as
select strength, account, value
from (
    select
        strength, account,
        unnest(
            case when merges
            then list_distinct(list_transform(as_list(texts[position]), lambda x: normalized(x)))
            else [normalized(texts[position])] end
        ) as value
    from accounts_read cross join (from match_keys join attributes using (attribute))
)
where value is not null;

-- Placeholders are no keys: they count as blank.
create table placeholder_keys as
from account_keys where is_placeholder(value);

delete from account_keys
using placeholder_keys p
where account_keys.account = p.account and account_keys.strength = p.strength and account_keys.value = p.value;

-- The person of each account. `rank` is that of the account's directory.
create table account_person as
with always_same as (
    select set_number, account, min(account) over (partition by set_number) as person
    from always_same_rules join accounts_read using (directory, id)
)
select account::integer as account, coalesce(s.person, account)::integer as person, d.rank
from accounts_read a
join directories d using (directory)
left join always_same s using (account);

create table never_same as
select set_number, account::integer as account
from never_same_rules join accounts_read using (directory, id);

-- Why accounts that share a key were not joined. One evidence group is one case: all accounts that show it. The
-- conflict is reported for the persons of the accounts with `is_reported`.
create table match_conflicts (
    kind varchar, strength integer, evidence_group varchar, account integer, is_reported boolean
);
