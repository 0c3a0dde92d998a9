-- No snapshot before: nothing to carry over.
create or replace view before_groups as
select
    null::varchar as id, null::timestamptz as created, null::timestamptz as last_membership_updated,
    null::bigint as members_count
where false;

create or replace view before_users as
select null::varchar as id where false;

create or replace view before_members as
select null::varchar as group_id, null::varchar as user_id where false;

create or replace view before_reads as
select null::varchar as group_id, null::timestamptz as read_at where false;

create or replace view before_nested_groups as
select null::varchar as group_id, null::varchar as member_group_id where false;
