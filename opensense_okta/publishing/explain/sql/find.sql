-- The people that match a text best.
--
-- macros                      of macros.sql
-- views people_searched, accounts_searched    rows of one or several days that may match, with the day in _day
-- view people_of_days         all people of these days, with the day in _day
-- set variable who = 'ana';
create or replace temp table fitting as
with people_and_accounts as (
    select
        _day, person_id, [person_id] as ids,
        list_concat(listed(email), listed(user_name), listed(employee_number)) as texts,
        listed(display_name)[1] as display_name,
        concat_ws(' ', listed(given_name)[1], listed(family_name)[1]) as given_and_family_name
    from people_searched
    union all
    select
        _day, person_id, [id, directory || '/' || id],
        list_concat(listed(email), listed(user_name), listed(employee_number)),
        listed(display_name)[1],
        concat_ws(' ', listed(given_name)[1], listed(family_name)[1])
    from accounts_searched
),
-- Most people do not change from day to day: equal rows are searched once.
searched as (
    select max(_day) as _day, columns(* exclude (_day)) from people_and_accounts group by all
),
named as (
    select
        _day, person_id, ids, texts,
        [loosely(display_name), loosely(given_and_family_name)] as names
    from searched
),
ranked as (
    select
        _day, person_id,
        case
            when list_contains(ids, trim(getvariable('who'))) then 1
            when list_contains(list_transform(texts, lambda x: exactly(x)), exactly(getvariable('who'))) then 2
            when list_contains(names, loosely(getvariable('who'))) then 3
            when list_bool_and(list_transform(
                words_of(getvariable('who')),
                lambda word: contains(concat_ws(' ', names[1], names[2]), word)
            )) then 4
        end as kind
    from named
)
select person_id, max(_day) as day
from (from ranked where kind is not null qualify kind = min(kind) over ())
group by person_id;

select
    p.person_id,
    name_of(
        listed(display_name), listed(given_name), listed(family_name), listed(email), listed(user_name)
    ) as name,
    listed(email)[1] as email, active, day
from fitting
join people_of_days p on p.person_id = fitting.person_id and _day = day
order by name nulls last, p.person_id;
