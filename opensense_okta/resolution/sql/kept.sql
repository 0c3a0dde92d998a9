-- Who keeps which id: one round, repeated until it keeps none more, because who may choose between two
-- ids leaves one to others. Returns how many it kept.
--
-- tables claims, ledger    see claims.sql
-- table kept               person, person_id: rows are added

-- Of one person that becomes two, the part with the account first recorded keeps the id; then, of two
-- that become one, the id given first stays.
create or replace temp table keeping as
with won as (
    select person_id, arg_min(person, row(since, anchor)) as person, arg_min(anchor, row(since, anchor)) as anchor
    from claims
    anti join kept using (person)
    where person_id not in (select person_id from kept)
    group by person_id
),
given as (
    select person_id, min(day) as given from ledger group by person_id
)
select person, arg_min(person_id, row(given, anchor)) as person_id
from won join given using (person_id)
group by person;

insert into kept from keeping;
select count(*) as kept from keeping;
