-- The people that match a text best.
--
-- macros exactly, loosely, words_of       of words.sql
-- views people_with_words, accounts_with_word    those that have the longest word: _day, ids, all texts as lists
-- view named_people                       of names.sql
-- set variable who = 'ana';
create or replace temp view people_and_accounts as
select _day, person_id, [person_id] as ids, columns(* exclude (_day, person_id))
from people_with_words
union all by name
select _day, person_id, [id, directory || '/' || id] as ids, columns(* exclude (_day, person_id, directory, id))
from accounts_with_words;

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
                words_of(getvariable('who')),
                lambda word: contains(concat_ws(' ', names[1], names[2]), word)
            )) then 4
        end as kind
    from named
)
select person_id, max(_day) as day
from (from ranked where kind is not null qualify kind = min(kind) over ())
group by person_id;

select person_id, name, email, active, day
from fitting
join named_people using (person_id)
where _day = day
order by name nulls last, person_id;
