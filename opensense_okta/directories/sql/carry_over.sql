-- What the next read needs to know, and the snapshot does not have: members and groups that are not stored.
--
-- tables memberships, raw_groups                   as stored
-- set variable members_read = 'members_found';     all members of the groups that were read
-- table groups_listed                              with those that were read and not stored
-- tables groups_to_read, groups_gone               the groups that were read, and those that were deleted meanwhile

create or replace temp view carry_over as
select distinct group_id, user_id
from query_table(getvariable('members_read'))
anti join memberships using (group_id, user_id);

create or replace temp view carry_over_groups as
select id, created, last_membership_updated, members_count
from groups_listed
semi join groups_to_read using (id)
anti join groups_gone using (id)
anti join raw_groups using (id);
