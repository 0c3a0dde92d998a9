-- Counts of a snapshot of any kind, for its checks; one statement per table, to limit memory.
--
-- tables raw_users, raw_groups, memberships        as stored
-- view mapped_texts                                of the users: texts has user_name and email
-- set variable statuses_gone = ['DEPROVISIONED'];  of users who need neither
--
-- A record that changed during paging may be on two pages; the newest version was kept. The ids counted as
-- doubled are twice on one page, which is an invalid answer.

create or replace temp table evidence (name varchar, count bigint);

insert into evidence
with users as (
    select
        id,
        not list_contains(getvariable('statuses_gone'), coalesce(status, '')) as is_here,
        coalesce(texts[1], '') as login,
        coalesce(texts[2], '') as email
    from mapped_texts
)
select unnest([
    {name: 'users', count: count(*)},
    {name: 'users_doubled', count: count(*) - count(distinct id)},
    {name: 'logins_missing', count: count(*) filter (where is_here and login = '')},
    {name: 'emails_malformed', count: count(*) filter (
        where is_here and not regexp_full_match(email, '[^@\s]+@[^@\s]+\.[^@\s]+')
    )}
], recursive := true)
from users;

insert into evidence
select unnest([
    {name: 'groups', count: count(*)},
    {name: 'groups_doubled', count: count(*) - count(distinct id)}
], recursive := true)
from raw_groups;

insert into evidence
select unnest([
    {name: 'memberships', count: count(*)},
    {name: 'members_unknown', count: count(*) filter (where user_id not in (select id from raw_users))},
    {name: 'groups_unknown', count: count(*) filter (where group_id not in (select id from raw_groups))}
], recursive := true)
from memberships;
