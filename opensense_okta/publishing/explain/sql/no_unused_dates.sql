-- No date counts as none, unless the day has the table.
create or replace view unused_dates as
select
    null::varchar as person_id, null::varchar as directory, null::varchar as attribute, null::varchar as text,
    null::boolean as is_placeholder
where false;
