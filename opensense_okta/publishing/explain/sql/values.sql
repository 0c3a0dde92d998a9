-- The person's values in the order of the columns of `people`.
--
-- view person_provenance    of of_person.sql
-- set variable person_id = '0123…';
-- set variable columns = ['user_name', 'email'];
select attribute, value, directory, account_id, rule, losing, as_of
from person_provenance
order by list_position(getvariable('columns'), attribute);
