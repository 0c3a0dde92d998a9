-- Texts that are similar to the searched text.
--
-- views people, accounts    of one day; macro listed    of macros.sql
-- set variable who = 'ana';
with texts as (
    select distinct unnest(texts) as text
    from (
        select
            list_concat(listed(email), listed(user_name), listed(employee_number), listed(display_name))
                as texts
        from people
        union all
        select list_concat(listed(email), listed(user_name), listed(employee_number), listed(display_name))
        from accounts
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
