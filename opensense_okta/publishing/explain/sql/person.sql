-- The person, as one row; none: nobody has the id.
--
-- view named_people    of of_person.sql; macros    of macros.sql
-- set variable named = ['0123…'];
select
    active, manager_id,
    name_of(
        listed(display_name), listed(given_name), listed(family_name), listed(email), listed(user_name)
    ) as name
from named_people;
