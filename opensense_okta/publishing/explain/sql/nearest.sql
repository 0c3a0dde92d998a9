-- Texts that are similar to the searched text.
--
-- views people, accounts    of one day; macros    of macros.sql
-- set variable who = 'ana';
create or replace macro likeness(text) as
jaro_winkler_similarity(strip_accents(lower(text)), strip_accents(lower(getvariable('who'))));
create or replace macro is_similar(text varchar) as likeness(text) > 0.85,
(text varchar[]) as list_bool_or(list_transform(text, lambda x: likeness(x) > 0.85));

-- What is not similar is left out column by column: few rows of few columns are left to be listed.
with rows as not materialized (
    select email, user_name, employee_number, display_name from people
    union all
    select email, user_name, employee_number, display_name from accounts
),
alike as (
    select listed(email) as texts from rows where is_similar(email)
    union all
    select listed(user_name) from rows where is_similar(user_name)
    union all
    select listed(employee_number) from rows where is_similar(employee_number)
    union all
    select listed(display_name) from rows where is_similar(display_name)
)
select text
from (select distinct unnest(texts) as text from alike)
where likeness(text) > 0.85
order by likeness(text) desc, text
limit 3;
