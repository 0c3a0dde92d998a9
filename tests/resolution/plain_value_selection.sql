-- Which value each person has, in the plain form: one row for each account and attribute, sorted by a window.
-- The product computes the same per combination of accounts (account_combinations.sql), because this is slow.
--
-- table account_texts      person_id, account (the order of accounts), directory, id, active, attribute,
--                          text (NULL: blank), items (of a list)
-- table directory_rules    attribute, directory, precedence, is_listed, blank_wins, merges, stale_last, as_of
-- set variable inactive_accounts = 'lowest';
with supplied as (
    select
        *,
        attribute <> 'active' and not active and getvariable('inactive_accounts') = 'lowest' as inactive_last,
        attribute = 'active' and not active as supplies_inactive
    from account_texts
    join directory_rules using (attribute, directory)
    where active or attribute = 'active' or getvariable('inactive_accounts') <> 'ignore'
),
ranked as (
    select
        *,
        row_number() over (
            partition by person_id, attribute
            order by inactive_last, stale_last, precedence, supplies_inactive, account
        ) as number
    from supplied
),
eligible as (
    select
        *,
        not blank_wins or directory = first_value(directory) over (
            partition by person_id, attribute order by number
        ) as is_eligible
    from ranked
    qualify is_eligible or not merges
),
filled as (
    from eligible where text is not null
),
winners as (
    from filled where is_eligible
    qualify row_number() over (partition by person_id, attribute order by number) = 1
),
reasons as (
    select
        w.person_id, w.attribute,
        count(*) as texts,
        bool_or(f.precedence < w.precedence and f.inactive_last and not w.inactive_last) as inactive_lost,
        bool_or(f.precedence < w.precedence and f.stale_last and not w.stale_last) as stale_lost,
        coalesce(
            list({directory: f.directory, value: f.text} order by not f.is_eligible, f.number)
                filter (not w.merges and f.number <> w.number),
            []
        ) as losing,
        flatten(list(f.items order by f.number)) as items
    from winners w
    join filled f using (person_id, attribute)
    group by w.person_id, w.attribute
)
select
    person_id, attribute,
    case when merges
        then to_json(list_filter(r.items, lambda item, index: list_position(r.items, item) = index))::varchar
        else text
    end as value,
    directory, id as account_id,
    case
        when merges then 'union'
        when texts = 1 then 'only_value'
        when inactive_lost then 'inactive_last'
        when stale_lost then 'stale_last'
        when is_listed then 'precedence'
        else 'default_precedence'
    end as rule,
    losing, as_of
from winners
join reasons r using (person_id, attribute);
