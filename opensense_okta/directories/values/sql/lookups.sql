-- What the users' fields have in the lookup files.
--
-- view mapped_users, variables of mapping.sql
-- table lookup_rows         lookup, key, value: the rows of the files, with normalized keys
-- table looked_up           a row is added for each combination of texts that the fields have

insert into looked_up
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
select lookup_keys, list(value order by lookup)
from single left join lookup_rows using (lookup, key)
group by lookup_keys;
