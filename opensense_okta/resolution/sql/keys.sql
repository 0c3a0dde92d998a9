-- The match keys of every account, and where correlation begins: pins are joined, all others alone.
--
-- tables accounts_read, attributes, pins, parts, directories   see schema.sql
-- set variable match = ['employee_number', 'email'];     from exact to loose

create table match_keys as
select
    unnest(range(1, len(getvariable('match')) + 1))::integer as strength,
    unnest(getvariable('match')) as attribute;

create table keys as
select strength, account, value
from (
    select
        strength, account,
        unnest(
            case when merges
            then list_distinct(list_transform(listed(texts[position]), lambda x: normalized(x)))
            else [normalized(texts[position])] end
        ) as value
    from accounts_read cross join (from match_keys join attributes using (attribute))
)
where value is not null;

create table persons as
with pinned as (
    select pinned, account, min(account) over (partition by pinned) as person
    from pins join accounts_read using (directory, id)
)
select account::integer as account, coalesce(p.person, account)::integer as person, r.rank
from accounts_read a
join directories r using (directory)
left join pinned p using (account);

create table parted as
select parted, account::integer as account from parts join accounts_read using (directory, id);

-- Why accounts that share a key were not joined. One bundle of accounts is one case; `concerned` are those
-- whose persons the case is about, the others are evidence.
create table refusals (
    kind varchar, strength integer, bundle varchar, account integer, concerned boolean
);
