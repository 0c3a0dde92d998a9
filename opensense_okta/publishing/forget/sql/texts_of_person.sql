-- The texts by which the person's rows in files of exports are found. What others in the published directory
-- have, too, such as a shared address, identifies nobody.
--
-- table texts_of_days      see texts_of_day.sql
-- view accounts            of the published day
-- set variable person = '9f…'; set variable accounts = ['okta/00u1'];
with of_others as (
    select unnest(texts_of(user_name, email, employee_number, aliases)) as text
    from with_aliases('accounts') where not is_account(directory, id)
)
from (
    select text from texts_of_days
    union select getvariable('person')
    union select lower(unnest(getvariable('accounts')::varchar[]))
)
where text not in (from of_others)
order by all;
