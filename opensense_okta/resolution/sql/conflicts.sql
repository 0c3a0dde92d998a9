-- Where directories disagree: on a value, or on who is who. One row for each person concerned.
--
-- table phones_spelled    of disputes.sql
-- table phone_numbers     value, country, number: the disputed phone numbers that are valid, as E.164
-- tables disputed, refusals, keys, match_keys, managers, accounts_read, persons, person_ids    see the files before

create view differing as
select person, attribute, said
from disputed
where case
    when attribute in ('work_phone', 'mobile_phone') then (person, attribute) in (
        select person, attribute
        from phones_spelled s
        left join phone_numbers n using (value, country)
        group by person, attribute
        having count(distinct coalesce(n.number, tidied(s.value))) > 1
    )
    when attribute = 'manager' then (person, attribute) in ( -- an id here, a number there
        select d.person, d.attribute
        from (select person, attribute, unnest(said, recursive := true) from disputed where attribute = 'manager') d
        left join managers m using (account)
        group by d.person, d.attribute
        having count(distinct coalesce(m.manager_id, tidied(d.value))) > 1
    )
    when attribute in ('email', 'user_name')
    then list_unique(list_transform(said, lambda x: normalized(x.value))) > 1
    else list_unique(list_transform(said, lambda x: tidied(x.value))) > 1
end;

-- The evidence of a case: every account of it with all its keys.
create view cases as
with values_of as (
    select
        account, attribute,
        case when any_value(merges) then list_sort(list(value))::json else to_json(any_value(value)) end as value
    from keys
    join match_keys using (strength)
    join attributes using (attribute)
    semi join refusals using (account)
    group by account, attribute
),
keys_of as (
    select account, map_from_entries(list_sort(list(struct_pack(key := attribute, value)))) as keys
    from values_of group by account
)
select
    kind, strength, bundle,
    map_from_entries(
        list_sort(list(struct_pack(key := directory || '/' || id, value := keys)))
    ) as accounts
from (select distinct kind, strength, bundle, account from refusals)
join accounts_read using (account)
join keys_of using (account)
group by kind, strength, bundle;

create view conflicts as
select
    person_id, 'value' as kind, attribute,
    to_json({values: map_from_entries(list_sort(
        list_transform(said, lambda x: struct_pack(key := x.name, value := x.value))
    ))}) as detail
from differing
join person_ids using (person)
union all
select
    person_id, kind,
    attribute,
    to_json({key: attribute, accounts: accounts}) as detail
from (
    select kind, strength, bundle, unnest(list_distinct(list(person) filter (concerned))) as person
    from refusals join persons using (account)
    group by kind, strength, bundle
    having count(distinct person) > 1 -- else a weaker key has told them to be one
)
join cases using (kind, strength, bundle)
join match_keys using (strength)
join person_ids using (person);
