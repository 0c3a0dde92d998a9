-- No group has groups, unless a reader replaces the view.
create or replace view nested_groups as
select null::varchar as group_id, null::varchar as member_group_id where false;
