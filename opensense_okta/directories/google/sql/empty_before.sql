-- The groups that had no members in the snapshot before.
--
-- views before_groups, before_members, before_nested_groups    of the snapshot before; empty if there is none
select id
from before_groups
where id not in (select group_id from before_members)
and id not in (select group_id from before_nested_groups);
