-- The groups of people: the groups of the directories, and who is a member of them, directly or in a nested group.
--
-- tables groups_read, memberships_read, nested_groups_read, directories    see the files before
-- tables account_person, person_ids
-- macros groups_of_members, all_memberships    of nested_groups.sql (directories)
-- set variable merge_groups = false;    whether groups of one name are one group

-- Each group of a directory with the group that it is part of: itself, unless groups are merged by name. The
-- number is that of this group, `source_number` the group's own. Numbers take a fraction of the time of texts.
create table merged_groups as
with numbered as (
    select g.*, g.rowid as group_row, row_number() over (order by rank, id) as source_number
    from groups_read g join directories using (directory)
)
select
    group_id as source, group_row, source_number,
    case when getvariable('merge_groups') and is_filled(name)
        then min(source_number) over (partition by normalized(name))
        else source_number
    end as number
from numbered;

create table numbered_groups as select source_number as group_id, number from merged_groups;

create table numbered_nested_groups as
select g.source_number as group_id, m.source_number as member_group_id
from nested_groups_read n
join merged_groups g on g.source = n.group_id
join merged_groups m on m.source = n.member_group_id;

create table numbered_memberships as
select source_number as group_id, person as user_id
from memberships_read
join merged_groups using (group_row)
join account_person using (account);

-- What is nested in a directory stays so where groups are merged: a merged group does not become a member.
create table numbered_groups_of_members as
select number as group_id, member_group_id, direct
from groups_of_members('numbered_groups', 'numbered_nested_groups')
join numbered_groups using (group_id);

-- A person's memberships one after the other: the stored tables of 1,000,000 have a third of the size, and every step
-- that reads or writes them takes two thirds of the time.
create table numbered_members as
from all_memberships('numbered_memberships', 'numbered_groups_of_members') order by user_id, group_id;

create view memberships as
select person_id, source as group_id, direct
from numbered_members
join merged_groups on source_number = group_id
join person_ids on person = user_id;

create view groups as
select g.*, sources, coalesce(members, 0) as members_count
from groups_read g
join merged_groups own on own.source = g.group_id
join (
    select number as source_number, list_sort(list(source)) as sources from merged_groups group by number
) using (source_number)
left join (
    select group_id as source_number, count(*) as members from numbered_members group by group_id
) using (source_number);
