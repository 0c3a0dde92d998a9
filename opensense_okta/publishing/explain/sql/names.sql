-- The names of people and groups.
--
-- view named_people    of of_person.sql; view groups    of the day; macros    of macros.sql
-- set variable named = ['0123…'];    ids; what is no id is left out
select
    person_id as id,
    name_of(
        listed(display_name), listed(given_name), listed(family_name), listed(email), listed(user_name)
    ) as name
from named_people
union all
select group_id, name from groups where group_id in (select unnest(getvariable('named')::varchar[]));
