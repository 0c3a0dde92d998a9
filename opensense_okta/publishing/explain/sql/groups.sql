-- The person's groups. `through` has the names of the groups between a group and the person, the outer ones first.
--
-- view person_memberships    of of_person.sql; view groups    of the day
-- table nested_groups        of no_nested_groups.sql
-- set variable person_id = '0123…';

-- Earlier versions counted direct memberships only, and did not write it.
with recursive members as (
    select group_id, coalesce(direct, true) as direct
    from (
        from (select null::boolean as direct where false) union all by name from person_memberships
    )
),
-- A shortest way to each group, from the groups with the person as a direct member upwards.
ways (group_id, through) using key (group_id) as (
    select group_id, []::varchar[] from members where direct
    union
    select n.group_id, min([n.member_name] || through)
    from ways join nested_groups n on n.member_group_id = ways.group_id
    where n.group_id not in (select group_id from recurring.ways)
    group by n.group_id
)
select group_id, name, directory, id, sources, direct, coalesce(through, []) as through
from members
join groups using (group_id)
left join ways using (group_id)
order by name, group_id;
