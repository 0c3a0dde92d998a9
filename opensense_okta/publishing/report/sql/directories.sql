-- Active people by the directories that they have accounts in: the largest combinations, then the rest.
--
-- table people    of the published day
-- set variable most = 12;    combinations with a row of their own
with counted as (
    select list_sort(directories) as directories, count(*) as people
    from people
    where active
    group by 1
),
ranked as (
    select *, row_number() over (order by people desc, directories) as place from counted
),
shown as (
    from ranked where place <= getvariable('most')
    union all
    select null, sum(people), max(place) from ranked where place > getvariable('most') having count(*) > 0
)
select directories, people::bigint as people from shown order by place;
