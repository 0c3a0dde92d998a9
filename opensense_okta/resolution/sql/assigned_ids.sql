-- One round of assigning known ids to persons; returns how many it assigned. Repeat until it assigns none: a
-- person with two candidates keeps one id, and the other one is free for another person in the next round.
--
-- tables id_candidates, ledger    see id_candidates.sql
-- table assigned_ids              person, person_id: rows are added to it

create or replace temp table round_assignments as
with best_person as ( -- one person became two: an active one keeps the id, else the one with the account recorded first
    select
        person_id,
        arg_min(person, row(not is_active, since, anchor)) as person,
        arg_min(anchor, row(not is_active, since, anchor)) as anchor
    from id_candidates
    anti join assigned_ids using (person)
    where person_id not in (select person_id from assigned_ids)
    group by person_id
),
first_days as (
    select person_id, min(day) as first_day from ledger group by person_id
)
-- Two persons became one: the id that was assigned first is kept.
select person, arg_min(person_id, row(first_day, anchor)) as person_id
from best_person join first_days using (person_id)
group by person;

insert into assigned_ids from round_assignments;
select count(*) as assigned from round_assignments;
