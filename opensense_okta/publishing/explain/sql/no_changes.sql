-- Used if no stored day has been compared with a published one: an empty view.
create or replace view changes_of_days as
select
    null::date as _day, null::varchar as person_id, null::varchar as change,
    null::varchar as attribute, null::varchar as before, null::varchar as after
where false;
