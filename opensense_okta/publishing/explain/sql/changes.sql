-- What changed of the person on the published days, as far as they are stored; the newest first.
--
-- view changes_of_days    changes of the published days before the day, and of it, with the day in _day
-- set variable person_id = '0123…';

-- Two selects, because each leaves out parts of files by one column.
select _day as day, change, attribute, before, after
from changes_of_days
where person_id = getvariable('person_id')
union all
select _day, change, attribute, before, after
from changes_of_days
where
    change in ('merged', 'split')
    and person_id <> getvariable('person_id')
    and getvariable('person_id') in (before, after)
order by day desc, change, attribute, before, after;
