-- Decides about the groups that have fewer members than before and no new timestamp, once all users are listed.
--
-- A deleted user leaves all groups, and their timestamps do not show it (docs/okta-api.md, "Incremental reads").
-- If a group lost as many members as were deleted, it is carried over without them.
--
-- tables plan, unchanged                           of plan.sql
-- tables users_youngest, before_members, before_users    who is listed now; what the snapshot before has
-- view journal                                     of journal.sql

create or replace temp table deletions as
select group_id, count(*) as members
from before_members
semi join (from unchanged where lost > 0) shrunk on shrunk.id = group_id
anti join users_youngest on users_youngest.id = user_id
left join before_users on before_users.id = user_id
group by group_id
-- A member who was not listed before is perhaps not deleted.
having count(*) = count(before_users.id);

delete from unchanged
where lost > 0 and not exists (from deletions where group_id = unchanged.id and members = lost);

update plan
set how = case
    when group_id in (select id from unchanged)
    -- An interrupted read has pages of its members.
    and group_id not in (select listing from journal)
    then 'carry'
    else 'read'
end
where how = 'wait'
returning group_id, how;
