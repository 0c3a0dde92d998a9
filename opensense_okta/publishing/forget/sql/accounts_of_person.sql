-- The accounts of a person: those that belonged to nobody else since.
--
-- table ledger (directory, id, person_id, day)              what was published
-- table accounts_of_days (directory, id, person_id, day)    of all stored days
-- set variable person = '9f…';
with known as (
    select directory, id, person_id, day, true as is_published from ledger
    union all by name
    select directory, id, person_id, day, false as is_published from accounts_of_days
)
select directory || '/' || id
from known
group by directory, id
having arg_max(person_id, (is_published, day)) = getvariable('person')
order by all;
