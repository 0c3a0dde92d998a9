-- The dates of a person's accounts that count as none.
--
-- view unused_dates    of the day
-- set variable person_id = '0123…';
select attribute, directory, text, is_placeholder
from unused_dates
where person_id = getvariable('person_id')
order by attribute desc, directory, text;
