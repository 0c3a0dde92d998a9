-- Groups that lost members, of one directory or of all; sorted by the number of lost members, descending.
--
-- tables old_groups, old_memberships, new_groups, changes    see resolution/sql/changes.sql
-- set variable directory = 'okta';    NULL: all
-- set variable examples = 20;
with members as (select group_id, count(*) as members from old_memberships group by group_id)
select
    g.name as "group", m.members as had, count(*) as lost,
    case when any_value(n.group_id) is null then 'gone' else 'there' end as now
from changes c
join old_groups g on g.group_id = c.before
join members m using (group_id)
left join new_groups n on n.group_id = c.before
where
    c.change = 'removed' and c.attribute = 'membership'
    and (
        getvariable('directory') is null
        or list_contains(list_transform(g.sources, lambda s: split_part(s, '/', 1)), getvariable('directory'))
    )
group by g.group_id, g.name, m.members
order by lost desc, had, g.name, g.group_id
limit getvariable('examples');
