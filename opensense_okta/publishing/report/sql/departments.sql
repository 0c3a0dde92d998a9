-- Active people by department: the largest ones, the rest together, and those without one.
--
-- table people    of the published day
-- set variable most = 15;    departments with a row of their own
with written as (
    -- If the organization merges departments, the value is a list.
    select to_json(department) as department from people where active
),
placed as (
    select unnest(
        case
            when json_type(department) = 'ARRAY' and json_array_length(department) > 0
            then from_json(department, '["VARCHAR"]')
            else [department ->> '$']
        end
    ) as department
    from written
),
counted as (
    select nullif(nullif(department, ''), '[]') as department, count(*) as people
    from placed
    group by 1
),
ranked as (
    select *, row_number() over (order by people desc, department) as place
    from counted
    where department is not null
),
shown as (
    select 1 as part, place, department, 1 as departments, people
    from ranked
    where place <= getvariable('most')
    union all
    select 2, 0, null, count(*), sum(people)
    from ranked
    where place > getvariable('most')
    having count(*) > 0
    union all
    select 3, 0, null, 0, people from counted where department is null
)
select department, departments, people::bigint as people, part = 2 as rest from shown order by part, place;
