-- The person's accounts, without the values of the left out attributes.
--
-- view person_accounts    of of_person.sql
-- set variable left_out = ['title'];
select columns(lambda name: not list_contains(getvariable('left_out'), name))
from person_accounts
order by directory, id;
