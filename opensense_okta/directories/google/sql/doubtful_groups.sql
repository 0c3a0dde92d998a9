-- The groups to read once more: those with fewer users than Google counts, and those without any members,
-- unless they had none in the snapshot before either. Google counts only users.
--
-- view groups_listed                               of groups.sql
-- table members_read, groups_gone, groups_to_read  of members.sql and scope.sql
-- view last_attempts                               of journal.sql
-- views before_groups, before_members, before_nested_groups    of the snapshot before; empty if there is none
with members as (
    select group_id as id, count(*) as members, count(*) filter (where type = 'user') as users
    from members_read
    group by group_id
),
empty_before as (
    select id
    from before_groups
    where id not in (select group_id from before_members)
    and id not in (select group_id from before_nested_groups)
),
read as (
    select
        id,
        coalesce(any_value(members_count), 0) as counted,
        coalesce(any_value(users), 0) as users,
        coalesce(any_value(members), 0) as members
    from groups_listed
    semi join groups_to_read using (id)
    anti join groups_gone using (id)
    left join members using (id)
    group by id
)
select read.id
from read
join last_attempts on listing = read.id
where attempt = 1 and (users < counted or members = 0 and read.id not in (from empty_before))
or members = 0 and counted > 0
order by read.id;
