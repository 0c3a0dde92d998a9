-- One row per period in which nothing of a person changed.
--
-- view people_of_days                 people of every published day, with the day in _day
-- set variable days = ['2026-11-23'];    the published days, also those without people
-- makes view history_rows

-- The rows of a person on two days are compared by hash, so that few rows of values are in memory at a time.
create or replace temp table people_periods as
with numbered as (
    select day::date as day, row_number() over (order by day) as number
    from unnest(getvariable('days')) days(day)
),
hashed as (
    select _day, person_id, hash(*columns(* exclude (_day, person_id))) as content from people_of_days
),
compared as (
    select
        number, person_id,
        coalesce(
            lag(number) over by_person = number - 1 and lag(content) over by_person = content, false
        ) as same
    from hashed join numbered on day = _day
    window by_person as (partition by person_id order by number)
),
bundled as (
    select
        number, person_id,
        count(*) filter (not same) over (partition by person_id order by number) as period
    from compared
),
periods as (
    select person_id, min(number) as first, max(number) as last from bundled group by person_id, period
)
select person_id, began.day as valid_from, ended.day as valid_to
from periods
join numbered began on began.number = first
left join numbered ended on ended.number = last + 1;

-- Periods that last have no values: those are the people of the newest day.
create or replace temp view history_rows as
select people_of_days.* exclude (_day), valid_from, valid_to
from people_of_days
join people_periods on people_periods.person_id = people_of_days.person_id and valid_from = _day
where valid_to is not null
union all by name
select person_id, valid_from, valid_to from people_periods where valid_to is null;
