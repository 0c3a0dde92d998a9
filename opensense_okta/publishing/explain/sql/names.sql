-- The name to show for each person.
--
-- view people_searched    _day, person_id, active, and as lists: display_name, given_name, family_name, email, user_name
create or replace temp view named_people as
select
    _day, person_id,
    coalesce(
        display_name[1],
        nullif(concat_ws(' ', given_name[1], family_name[1]), ''),
        email[1],
        user_name[1]
    ) as name,
    email[1] as email,
    active
from people_searched;
