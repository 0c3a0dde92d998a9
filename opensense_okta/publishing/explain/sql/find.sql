-- The people that match a text best.
--
-- views people_searched, accounts_searched    of the days to search in: _day, ids, and all texts as lists
-- view named_people                           of names.sql
-- set variable who = 'ana';
create or replace temp macro exactly(text) as nfc_normalize(lower(trim(text)));
create or replace temp macro loosely(text) as strip_accents(exactly(text));

create or replace temp view people_and_accounts as
select _day, person_id, [person_id] as ids, columns(* exclude (_day, person_id, active))
from people_searched
union all by name
select _day, person_id, [id, directory || '/' || id] as ids, columns(* exclude (_day, person_id, directory, id))
from accounts_searched;

-- Most people do not change from day to day: equal rows are searched once.
create or replace temp view searched as
select max(_day) as _day, columns(* exclude (_day)) from people_and_accounts group by all;

create or replace temp table fitting as
with named as (
    select
        _day, person_id, ids,
        list_concat(email, user_name, employee_number) as texts,
        list_transform(
            [display_name[1], concat_ws(' ', given_name[1], family_name[1])], lambda x: loosely(x)
        ) as names
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
                string_split_regex(loosely(getvariable('who')), '[\s,]+'),
                lambda word: contains(concat_ws(' ', names[1], names[2]), word)
            )) then 4
        end as kind
    from named
)
select person_id, max(_day) as day
from (from ranked where kind is not null qualify kind = min(kind) over ())
group by person_id;

select person_id, name, email[1] as email, active, day
from fitting
join people_searched using (person_id)
join named_people using (_day, person_id)
where _day = day
order by name nulls last, person_id;
