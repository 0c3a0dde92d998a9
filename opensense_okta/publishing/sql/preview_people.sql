-- The changes of people: a limited number of each kind, those with the most changed attributes first.
--
-- tables old_people, new_people, changes    see resolution/sql/changes.sql
-- set variable shown = ['title', 'email']; set variable everything = false; set variable people = 20;
-- makes table preview_people
create or replace temp table preview_people as
with edits as (
    select
        person_id,
        list({attribute: attribute, before: before, after: after} order by attribute) filter (
            list_contains(getvariable('shown'), attribute)
        ) as attributes,
        max(after = 'true') filter (attribute = 'active') as turned
    from changes
    where change = 'changed' and person_id is not null
    group by person_id
),
found as (
    select
        person_id,
        case when turned then 'active' when not turned then 'inactive' else 'changed' end as kind,
        coalesce(attributes, []) as attributes,
        null::varchar as other
    from edits
    where attributes is not null or turned is not null
    union all
    select person_id, change, [], case when change = 'merged' then after else before end
    from changes
    where change <> 'changed' and attribute is null
)
select
    f.kind, f.person_id, f.other, f.attributes,
    coalesce(n.display_name, o.display_name) as name,
    coalesce(n.email, o.email) as email
from found f
left join old_people o using (person_id)
left join new_people n using (person_id)
where getvariable('everything') or coalesce(o.active, false) or coalesce(n.active, false);

select kind, person_id, name, email, other, attributes
from preview_people
qualify row_number() over (
    partition by kind order by len(attributes) desc, name, email, person_id
) <= getvariable('people')
order by kind, len(attributes) desc, name, email, person_id;
