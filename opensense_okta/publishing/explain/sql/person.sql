-- The person and the manager, if they exist, as a row each; other people may be among them.
--
-- view person_and_manager    of of_person.sql; macros    of macros.sql
-- set variable person_id = '0123…';
select
    person_id, active, manager_id,
    name_of(
        listed(display_name), listed(given_name), listed(family_name), listed(email), listed(user_name)
    ) as name
from person_and_manager;
