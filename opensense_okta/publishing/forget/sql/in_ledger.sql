-- People of the identity ledger by id, account or whole name: retention deletes days, and keeps the ledger.
--
-- table ledger (directory, id, person_id, day, name)
-- set variable who = 'ada lovelace';
with newest as (
    select directory, id, arg_max(person_id, day) as person_id, arg_max(name, day) as name, max(day) as day
    from ledger group by directory, id
)
select person_id, any_value(name) as name, null::varchar as email, null::boolean as active, max(day) as day
from newest
where
    person_id = trim(getvariable('who'))
    or id = trim(getvariable('who'))
    or directory || '/' || id = trim(getvariable('who'))
    or strip_accents(lower(trim(name))) = strip_accents(lower(trim(getvariable('who'))))
group by person_id
order by name, person_id;
