-- A history with a day more.
--
-- view kept_history          of the days before; periods that last have person_id and valid_from only
-- views last_people, next_people    people of the newest of these days, and of the day
-- set variable day = '2026-11-23';
-- makes view history_rows
create or replace temp table same_people as
select person_id
from (
    select person_id, hash(*columns(* exclude (person_id))) as content
    from (from last_people union all by name from next_people)
)
group by person_id
having count(*) = 2 and min(content) = max(content);

-- The columns of the newest day come first.
create or replace temp view history_rows as
from (from next_people limit 0)
union all by name
from kept_history where valid_to is not null
union all by name
select last_people.*, kept_history.valid_from, getvariable('day')::date as valid_to
from last_people
join kept_history on kept_history.person_id = last_people.person_id and valid_to is null
where last_people.person_id not in (from same_people)
union all by name
select
    next_people.person_id,
    coalesce(valid_from, getvariable('day')::date) as valid_from,
    null::date as valid_to
from next_people
left join (
    select person_id, valid_from from kept_history
    where valid_to is null and person_id in (from same_people)
) as lasting on lasting.person_id = next_people.person_id;
