-- The accounts of others that name the forgotten person as manager.
--
-- view accounts    of the published day
-- set variable texts = ['ada@acme.com', '00u1'];    see texts_of_person.sql
select directory || '/' || id
from accounts
where
    list_contains(getvariable('texts')::varchar[], lower(trim(manager::varchar)))
    and not is_account(directory, id)
order by all;
