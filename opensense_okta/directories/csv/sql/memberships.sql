-- The memberships of a file, without duplicates.
--
-- table csv_keys                                   of keys.sql

create or replace table csv_memberships as
select distinct key as group_id, other as user_id from csv_keys;

create or replace view memberships as from csv_memberships;
