-- What the users' fields have in the lookup files.
--
-- view mapped_users, variables of mapping.sql
-- table lookup_rows         lookup, key, value: the rows of the files, with normalized keys

-- A row for each combination of texts that the fields have.
create or replace temp table looked_up as
with combinations as (
    select distinct list_transform(
        json_extract_string(coalesce(profile, '{}'), getvariable('lookup_pointers')),
        lambda text: if(is_filled(text), text, '')
    ) as lookup_keys
    from mapped_users
),
single as (
    select lookup_keys, lookup, normalized(lookup_keys[lookup]) as key
    from combinations cross join (select unnest(range(1, len(getvariable('lookup_places')) + 1)) as lookup)
)
select lookup_keys, list(value order by lookup) as lookup_values
from single left join lookup_rows using (lookup, key)
group by lookup_keys;

create or replace temp view users_looked_up as
select users.*, lookup_values
from users_with_texts users
left join looked_up on lookup_keys = list_transform(
    list_select(raw_texts, getvariable('lookup_places')), lambda text: coalesce(text, '')
);
