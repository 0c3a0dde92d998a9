-- The rows that a published day adds to the ledger: accounts that are new, or now belong to another person.
--
-- table ledger      what was published before the day
-- table accounts    of the resolved day
-- set variable day = '2026-11-23';
create or replace temp view new_ledger_rows as
select a.directory, a.id, a.person_id, getvariable('day')::date as day
from accounts a
left join (
    select directory, id, arg_max(person_id, day) as person_id from ledger group by directory, id
) known using (directory, id)
where known.person_id is distinct from a.person_id
order by a.directory, a.id;
