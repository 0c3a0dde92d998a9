-- The history as if it had been made from some of its days alone.
--
-- view known_history         the stored history, with the columns that people had on these days
-- set variable first_day = '2026-11-23'; set variable last_day = '2026-11-30';    of these days
-- makes view kept_history
create or replace view kept_history as
select
    * replace (
        greatest(valid_from, getvariable('first_day')::date) as valid_from,
        case when valid_to <= getvariable('last_day')::date then valid_to end as valid_to
    )
from known_history
where
    valid_from <= getvariable('last_day')::date
    and (valid_to is null or valid_to > getvariable('first_day')::date);
