-- Macros for the texts of groups and memberships, of the active people of a day.

create macro group_texts(groups, memberships, people) as table
select group_id as key, [group_id, g.name, g.directory, coalesce(members, 0)::varchar] as texts
from query_table(groups) g
left join (
    select group_id, count(*) as members
    from query_table(memberships) semi join (from query_table(people) where active) using (person_id)
    group by group_id
) using (group_id);

-- Earlier versions exported direct memberships only, and did not write it.
create macro membership_texts(memberships, people) as table
with members as (
    from (select null::boolean as direct where false) union all by name from query_table(memberships)
)
select
    [m.group_id, person_id] as key,
    [p.email, p.user_name, m.group_id, m.name, coalesce(direct, true)::varchar] as texts
from members m
join (select person_id, email, user_name from query_table(people) where active) p using (person_id);
