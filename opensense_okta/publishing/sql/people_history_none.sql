-- Used if no published day is stored: an empty history.
create or replace temp view new_people_history as
select null::varchar as person_id, null::date as valid_from, null::date as valid_to where false;
