-- Macros for groups in groups. Ids may be of any type; numbers take half the time of texts.
--
-- Each argument is the name of a table or view:
--   groups           (group_id)
--   nested_groups    (group_id, member_group_id): the second group is a member of the first
--   memberships      (group_id, user_id): the direct ones

-- Every group with the groups in it at any depth. A group of a cycle is in itself.
create or replace temp macro groups_within(nested_groups) as table
with recursive within as (
    select group_id, member_group_id from query_table(nested_groups)
    union
    select within.group_id, nested.member_group_id
    from within
    join query_table(nested_groups) nested on nested.group_id = within.member_group_id
)
from within;

-- The groups with those in them at any depth: (group_id), each once.
create or replace temp macro groups_reached(groups, nested_groups) as table
with recursive reached as (
    select group_id from query_table(groups)
    union
    select nested.member_group_id
    from reached
    join query_table(nested_groups) nested using (group_id)
)
from reached;

-- Every group with each group whose members are its members: itself (`direct`), and those in it.
create or replace temp macro groups_of_members(groups, nested_groups) as table
select group_id, group_id as member_group_id, true as direct from query_table(groups)
union all
select group_id, member_group_id, false from groups_within(nested_groups) where group_id <> member_group_id;

-- The memberships: (group_id, user_id, direct), each once. `direct` is true where any way is direct.
create or replace temp macro all_memberships(memberships, groups_of_members) as table
select ways.group_id, user_id, bool_or(direct) as direct
from query_table(memberships) members
join query_table(groups_of_members) ways on ways.member_group_id = members.group_id
group by ways.group_id, user_id;
