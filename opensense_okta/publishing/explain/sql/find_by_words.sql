-- The people of whom a name has all words.
--
-- views people_of_days, people_with_words    of index_texts.sql; macros    of macros.sql
-- set variable words = ['muller', 'ana'];
select
    person_id,
    name_of(
        listed(display_name), listed(given_name), listed(family_name), listed(email), listed(user_name)
    ) as name,
    listed(email)[1] as email, active, _day as day
from people_of_days
where person_id in (from people_with_words)
order by name nulls last, person_id;
