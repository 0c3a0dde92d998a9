-- No file of memberships.
create or replace view memberships as
select null::varchar as group_id, null::varchar as user_id where false;
