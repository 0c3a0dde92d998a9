-- The profile attributes of a snapshot, with the share of users who have a value.
--
-- table raw_users
with keys as (
    select unnest(json_keys(profile)) as attribute, profile from raw_users
)
select
    attribute,
    count(*) filter (
        where trim(coalesce(json_extract_string(profile, '/' || replace(replace(attribute, '~', '~0'), '/', '~1')), '')) not in ('', '[]', '{}')
    ) / (select count(*) from raw_users) as filled
from keys
group by attribute
order by filled desc, attribute;
