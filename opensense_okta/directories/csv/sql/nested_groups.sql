-- Separates the groups in groups from the memberships: members that are groups and no users. Returns the number of
-- ids that are both.
--
-- table csv_memberships                            of memberships.sql
-- table csv_groups                                 of groups.sql or groups_of_memberships.sql
-- table csv_keys                                   of keys.sql, of the users

create or replace temp table csv_groups_in_groups as
select group_id, user_id as member_group_id
from csv_memberships
where user_id in (select id from csv_groups);

create or replace temp table csv_ambiguous_members as
select distinct member_group_id as id
from csv_groups_in_groups
semi join csv_keys on key = member_group_id and not set_aside;

create or replace table csv_nested_groups as
from csv_groups_in_groups where member_group_id not in (select id from csv_ambiguous_members);

create or replace view nested_groups as from csv_nested_groups;

create or replace view memberships as
from csv_memberships
where (group_id, user_id) not in (select (group_id, member_group_id) from csv_nested_groups);

select count(*) from csv_ambiguous_members;
