-- Texts that are similar to the searched text.
--
-- views people_searched, accounts_searched    of one day
-- set variable who = 'ana';
with texts as (
    select distinct unnest(list_concat(email, user_name, employee_number, display_name)) as text
    from (
        select email, user_name, employee_number, display_name from people_searched
        union all
        select email, user_name, employee_number, display_name from accounts_searched
    )
),
alike as (
    select
        text,
        jaro_winkler_similarity(
            strip_accents(lower(text)), strip_accents(lower(getvariable('who')))
        ) as likeness
    from texts
)
select text from alike where likeness > 0.85 order by likeness desc, text limit 3;
