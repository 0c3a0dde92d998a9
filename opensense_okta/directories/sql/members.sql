-- The members that were read so far. The groups among them are read, too; those that were not are returned.
--
-- views journal, last_attempts                     of journal.sql
-- tables groups_youngest, groups_to_read, groups_in_scope    of groups.sql and scope.sql
-- set variable members_records = 'members.jsonl';  ids of users, `type/id` of others; the listing is the
--                                                  group's id
-- set variable nested = true;                      whether members of a group's groups count as its members

create or replace temp table groups_gone as
select distinct listing as id from journal where gone;

create or replace temp table members_read as
with read as (
    select distinct listing as group_id, unnest(ids) as member
    from read_json(
        getvariable('members_records'),
        format = 'newline_delimited',
        columns = {listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', ids: 'VARCHAR[]'}
    )
    semi join last_attempts using (listing, attempt)
)
select
    group_id,
    case when contains(member, '/') then split_part(member, '/', 1) else 'user' end as type,
    split_part(member, '/', -1) as id
from read
anti join groups_gone on groups_gone.id = group_id;

-- A member without a type is a group if a group with that id was listed.
create or replace temp table groups_in_groups as
select distinct group_id, id as member_group_id
from members_read
where type = 'group'
or type in ('', 'directoryObject') and id in (select id from groups_youngest);

create or replace temp table groups_reached as
select distinct member_group_id as id
from groups_in_groups
where getvariable('nested')
and member_group_id in (select id from groups_youngest)
and member_group_id not in (select id from groups_to_read);

insert into groups_to_read from groups_reached;

-- A group in a group in scope is in scope.
create or replace temp table groups_in_scope as
with recursive reached as (
    select id from groups_in_scope
    union
    select nested.member_group_id
    from reached
    join groups_in_groups nested on nested.group_id = reached.id
    where getvariable('nested') and nested.member_group_id in (select id from groups_to_read)
)
from reached;

select id from groups_reached order by id;
