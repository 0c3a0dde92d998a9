-- What changed of the person on the published days, as far as they are stored; the newest first.
--
-- view changes_of_days    changes of the published days before the day, and of it, with the day in _day
-- set variable person_id = '0123…';
select _day as day, change, attribute, before, after
from changes_of_days
where
    person_id = getvariable('person_id')
    or (change in ('merged', 'split') and getvariable('person_id') in (before, after))
order by day desc, change, attribute, before, after;
