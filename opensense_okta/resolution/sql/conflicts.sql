-- Conflicts: directories disagree on a value, or correlation is ambiguous. One row for each person concerned.
--
-- tables differing_texts, differing_phones    see differing_texts.sql
-- table phone_numbers     value, country, number: the differing phone numbers that are valid, as E.164
-- tables match_conflicts, account_keys, match_keys, managers, accounts_read, account_person, person_ids    see the files before

-- The differing texts that are different values, too.
create view value_conflicts as
select person, attribute, account_values
from differing_texts
where case
    when attribute in ('work_phone', 'mobile_phone') then (person, attribute) in (
        select person, attribute
        from differing_phones d
        left join phone_numbers n using (value, country)
        group by person, attribute
        having count(distinct coalesce(n.number, cleaned(d.value))) > 1
    )
    when attribute = 'manager' then (person, attribute) in ( -- one account may have an id, another one a number
        select d.person, d.attribute
        from (
            select person, attribute, unnest(account_values, recursive := true)
            from differing_texts where attribute = 'manager'
        ) d
        left join managers m using (account)
        group by d.person, d.attribute
        having count(distinct coalesce(m.manager_id, cleaned(d.value))) > 1
    )
    when attribute in (select attribute from attributes where is_list)
    then list_unique(list_transform(
        account_values, lambda x: list_sort(list_transform(as_list(x.value), lambda item: normalized(item)))::varchar
    )) > 1
    when attribute in ('email', 'user_name')
    then list_unique(list_transform(account_values, lambda x: normalized(x.value))) > 1
    else list_unique(list_transform(account_values, lambda x: cleaned(x.value))) > 1
end;

-- The evidence of each match conflict: all its accounts with all their keys.
create view match_evidence as
with key_texts as (
    select
        account, attribute,
        case when any_value(is_list) then list_sort(list(value))::json else to_json(any_value(value)) end as value
    from account_keys
    join match_keys using (strength)
    join attributes using (attribute)
    semi join match_conflicts using (account)
    group by account, attribute
),
keys_by_account as (
    select account, map_from_entries(list_sort(list(struct_pack(key := attribute, value)))) as keys
    from key_texts group by account
)
select
    kind, strength, evidence_group,
    map_from_entries(list_sort(list(struct_pack(
        key := directory || '/' || id, value := coalesce(keys, map([]::varchar[], []::json[]))
    )))) as accounts
from (select distinct kind, strength, evidence_group, account from match_conflicts)
join accounts_read using (account)
left join keys_by_account using (account) -- an account that is kept can have lost its keys
group by kind, strength, evidence_group;

-- The accounts that had an address before it was handed on, with their names.
create view vanished_holders as
select
    strength, evidence_group,
    map_from_entries(list_sort(list(distinct struct_pack(key := vanished, value := name)))) as vanished
from reused_keys group by strength, evidence_group;

create view conflicts as
select
    person_id, 'value' as kind, attribute,
    to_json({values: map_from_entries(list_sort(
        list_transform(account_values, lambda x: struct_pack(key := x.name, value := x.value))
    ))}) as detail
from value_conflicts
join person_ids using (person)
union all
select
    person_id, kind,
    attribute,
    if(
        kind = 'reused_key',
        to_json({key: attribute, accounts: accounts, vanished: vanished}),
        to_json({key: attribute, accounts: accounts})
    ) as detail
from (
    select
        kind, strength, evidence_group,
        unnest(list_distinct(list(person) filter (is_reported))) as person
    from match_conflicts join account_person using (account)
    group by kind, strength, evidence_group
    having count(distinct person) > 1 or kind = 'kept_together' -- else a weaker key joined them
)
join match_evidence using (kind, strength, evidence_group)
left join vanished_holders using (strength, evidence_group)
join match_keys using (strength)
join person_ids using (person);
