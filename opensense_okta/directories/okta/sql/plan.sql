-- For each group: read its members, carry them over from the last snapshot, or none. The reliability of `lastMembershipUpdated`: docs/okta-api.md, "Incremental reads".
--
-- tables groups_listed, groups_to_read             of groups.sql and scope.sql
-- tables before_groups, before_members, before_reads    of the snapshot before; empty when there is none
-- set variable read_all = false;                   true: read all of them

create or replace temp table members_before as
select group_id, count(*) as members from before_members group by group_id;

-- The groups with an unchanged timestamp. `lost` is the number of members that the API no longer counts.
create or replace temp table unchanged as
select g.id, coalesce(had.members, 0) - g.members_count as lost
from groups_listed g
join before_groups b using (id)
join before_reads r on r.group_id = g.id
left join members_before had on had.group_id = g.id
where not (g.type = 'BUILT_IN' and g.name = 'Everyone') -- its timestamp is unreliable
and g.created = b.created
and g.last_membership_updated = b.last_membership_updated
-- The timestamp is written late and back-dated: a recent one does not prove that nothing changed.
and g.last_membership_updated <= r.read_at - interval 1 hour
-- Members who were not listed are not stored, and would be missing when they return. The timestamp does not
-- show that, but the count does.
and coalesce(had.members, 0) = b.members_count
and g.members_count <= b.members_count;

create or replace temp table plan as
select
    g.id as group_id,
    case
        when g.type = 'BUILT_IN' and g.name = 'Everyone' then 'everyone'
        when g.members_count = 0 and had.group_id is null then 'empty'
        when u.id is null or getvariable('read_all') then 'read'
        when u.lost = 0 then 'carry'
        else 'wait' -- until all users are listed: deletions.sql
    end as how
from groups_listed g
semi join groups_to_read using (id)
left join unchanged u using (id)
left join members_before had on had.group_id = g.id;

select group_id, how from plan order by group_id;
