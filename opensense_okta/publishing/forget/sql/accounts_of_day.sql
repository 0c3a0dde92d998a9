-- Adds the accounts of a stored day.
--
-- view accounts    of the resolved day
-- set variable day = '2026-11-23';
insert into accounts_of_days
select directory, id, person_id, getvariable('day')::date from accounts;
