-- Macros for the texts of groups and memberships, of the exported rows of people of a day.
--
-- Groups choose the template of a signature, so each address is a member of its person's groups.
-- `members_count` counts people.

create macro group_texts(groups, memberships, people_rows) as table
select group_id as key, [group_id, g.name, g.directory, coalesce(members, 0)::varchar] as texts
from query_table(groups) g
left join (
    select group_id, count(*) as members
    from query_table(memberships) semi join query_table(people_rows) using (person_id)
    group by group_id
) using (group_id);

-- Earlier versions exported direct memberships only, and did not write it.
create macro membership_texts(memberships, people_rows) as table
with members as (
    from (select null::boolean as direct where false) union all by name from query_table(memberships)
)
select
    [m.group_id, p._key] as key,
    [p.email, p.user_name, m.group_id, m.name, coalesce(direct, true)::varchar] as texts
from members m
join (select person_id, _key, email, user_name from query_table(people_rows)) p using (person_id);
