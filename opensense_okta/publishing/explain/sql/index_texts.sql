-- An index of texts: for each row of people and accounts, all that it can be found by, folded, in lines.
--
-- views people, accounts    of one day, with the number of each row; macros    of macros.sql
-- set variable day = '2026-11-23';                     the day
-- set variable who = 'ana'; set variable words = ['ana'];    the text that is searched for, and its words
create macro lines_of(text varchar) as text, (text varchar[]) as array_to_string(text, chr(10));
create macro first_of(text varchar) as text, (text varchar[]) as text[1];
create macro folded(text) as strip_accents(lower(text)); -- as `loosely`, in half the time

create table people_texts as
select
    file_row_number::uinteger as row,
    folded(concat_ws(
        chr(10), '|', person_id, lines_of(email), lines_of(user_name), lines_of(employee_number), '|'
    )) as keys,
    folded(concat_ws(
        chr(10), '|', first_of(display_name),
        concat_ws(' ', first_of(given_name), first_of(family_name)), '|'
    )) as names
from people;

create table accounts_texts as
select
    file_row_number::uinteger as row,
    folded(concat_ws(
        chr(10), '|', id, directory || '/' || id, lines_of(email), lines_of(user_name),
        lines_of(employee_number), '|'
    )) as keys,
    folded(concat_ws(
        chr(10), '|', first_of(display_name),
        concat_ws(' ', first_of(given_name), first_of(family_name)), '|'
    )) as names
from accounts;

create macro has_line(lines, line) as
contains(lines, line) and regexp_matches(lines, '\n *' || regexp_escape(line) || ' *\n');

create macro is_whole(keys, names) as
has_line(keys, loosely(getvariable('who'))) or has_line(names, loosely(getvariable('who')));

-- The longest word is looked for first: few rows have it.
create macro has_words(names) as
contains(names, getvariable('words')[1])
and list_bool_and(list_transform(getvariable('words')::varchar[], lambda word: contains(names, word)));

create view people_of_days as select getvariable('day')::date as _day, * from people;

create view people_searched as
from people_of_days
where file_row_number in (select row from people_texts where is_whole(keys, names));

create view accounts_searched as
select getvariable('day')::date as _day, *
from accounts
where file_row_number in (select row from accounts_texts where is_whole(keys, names));

create view people_with_words as
select person_id
from people
where file_row_number in (select row from people_texts where has_words(names))
union
select person_id
from accounts
where file_row_number in (select row from accounts_texts where has_words(names));
