-- The match keys of each account, and the state before correlation: accounts of one `always_same` set are one
-- person, every other account is a person of its own.
--
-- tables accounts_read, attributes, directories, always_same_rules, never_same_rules    see schema.sql
-- set variable match = ['employee_number', 'email'];     from strong to weak

-- Strength 1 is the strongest. An address can be handed on to another human: an e-mail address, a user name, or a
-- value of a list.
create table match_keys as
select strength, attribute, attribute in ('email', 'user_name') or is_list as is_address
from (
    select
        unnest(range(1, len(getvariable('match')) + 1))::integer as strength,
        unnest(getvariable('match')) as attribute
)
join attributes using (attribute);

-- One row for each value of a key that an account has. A list has several.
create table account_keys as
select strength, account, value
from (
    select
        strength, account,
        unnest(
            case when is_list
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

-- The person of each account. `rank` is that of the account's directory, `linked_by` the strength of the first key
-- that joined the account with another one.
create table account_person as
with always_same as (
    select set_number, account, min(account) over (partition by set_number) as person
    from always_same_rules join accounts_read using (directory, id)
)
select
    account::integer as account, coalesce(s.person, account)::integer as person, d.rank, active as is_active,
    null::integer as linked_by
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

-- What was vanished in the cases of kind `reused_key`.
create table reused_keys (strength integer, evidence_group varchar, vanished varchar, name varchar);

-- Sets of persons who are connected by links; each set is named by its smallest person.
create macro components_of(links) as table (
    with recursive
    edges as (
        select a, b from query_table(links)
        union all
        select b, a from query_table(links)
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
    select person, smallest as component from connected
);

-- Why two persons must stay separate: a stronger key differs, both have an account of one directory, a `never_same`
-- rule, or an address that was handed on. See shared_values.sql for the tables.
create macro separations(pairs) as table (
    select a, b, 'key' as reason
    from query_table(pairs)
    join stronger_keys x on x.person = a
    join stronger_keys y on y.person = b and y.strength = x.strength
    where not list_has_any(x.values, y.values)
    union
    select a, b, 'directory'
    from query_table(pairs)
    join account_person x on x.person = a
    join account_person y on y.person = b and y.rank = x.rank
    union
    select a, b, 'rule'
    from query_table(pairs)
    join account_person x on x.person = a
    join never_same p on p.account = x.account
    join never_same q using (set_number)
    join account_person y on y.person = b and y.account = q.account
    union
    select pairs.a, pairs.b, 'handed_on'
    from query_table(pairs) pairs
    join handed_on h on h.a = least(pairs.a, pairs.b) and h.b = greatest(pairs.a, pairs.b)
);

-- The sets of persons of whom two must stay separate.
create macro contradictory(components) as table (
    select component
    from query_table(components) join account_person using (person)
    group by component, rank having min(person) <> max(person)
    union
    select component
    from (from query_table(components) join stronger_keys using (person)) x
    join (from query_table(components) join stronger_keys using (person)) y using (component, strength)
    where x.person < y.person and not list_has_any(x.values, y.values)
    union
    select component
    from query_table(components)
    join account_person using (person)
    join never_same using (account)
    group by component, set_number having min(person) <> max(person)
    union
    select x.component
    from handed_on
    join query_table(components) x on x.person = a
    join query_table(components) y on y.person = b and y.component = x.component
);
