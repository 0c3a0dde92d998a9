-- The groups that memberships name, if no file lists groups.
--
-- table memberships                                of memberships.sql
-- set variable captured_at = '2026-11-23 02:00:00+00';

create or replace table csv_groups as
select
    group_id as id,
    null::varchar as type,
    group_id as name,
    null::varchar as description,
    null::timestamptz as created,
    null::timestamptz as last_updated,
    null::timestamptz as last_membership_updated,
    null::bigint as members_count,
    json_object('id', group_id, 'name', group_id) as profile,
    getvariable('captured_at')::timestamptz as captured_at
from (select distinct group_id from memberships);

create or replace view raw_groups as from csv_groups;
