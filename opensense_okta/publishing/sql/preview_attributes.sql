-- The number of people in whom each attribute changes; the most changed attribute first.
--
-- tables old_people, new_people, changes    see resolution/sql/changes.sql
-- set variable shown = ['title', 'email']; set variable everything = false;
with counting as (
    select person_id from old_people where active or getvariable('everything')
    union
    select person_id from new_people where active or getvariable('everything')
)
select
    attribute,
    count(*) as changed,
    count(*) filter (before is null) as filled,
    count(*) filter (after is null) as blanked,
    count(*) filter (before is not null and after is not null) as rewritten
from changes
semi join counting using (person_id)
where change = 'changed' and list_contains(getvariable('shown'), attribute)
group by attribute
order by changed desc, attribute;
