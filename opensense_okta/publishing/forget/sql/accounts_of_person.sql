-- The accounts that a person ever had, each with the person who had it last.
--
-- table ledger (directory, id, person_id, day)              what was published
-- table accounts_of_days (directory, id, person_id, day)    of all stored days
-- set variable person = '9f…';
with known as (
    select directory, id, person_id, day, true as is_published from ledger
    union all by name
    select directory, id, person_id, day, false as is_published from accounts_of_days
)
select directory || '/' || id as account, arg_max(person_id, (is_published, day)) as owner
from known
group by directory, id
having bool_or(person_id = getvariable('person'))
order by all;
