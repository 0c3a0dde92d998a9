-- Counts of a snapshot of any kind, for its checks; one statement per count, to limit memory.
--
-- tables raw_users, raw_groups, memberships        as stored
-- set variable login = '/login';                   JSON pointers to where a profile keeps them
-- set variable email = '/email';
-- set variable statuses_gone = ['DEPROVISIONED'];  of users who need neither

create or replace temp table evidence (name varchar, count bigint);

insert into evidence select 'users', count(*) from raw_users;
insert into evidence select 'groups', count(*) from raw_groups;
insert into evidence select 'memberships', count(*) from memberships;

-- A record that changed during paging may be on two pages; the newest version was kept. The ids counted here
-- are twice on one page, which is an invalid answer.
insert into evidence select 'users_doubled', count(*) - count(distinct id) from raw_users;
insert into evidence select 'groups_doubled', count(*) - count(distinct id) from raw_groups;

insert into evidence
select 'members_unknown', count(*) from memberships where user_id not in (select id from raw_users);
insert into evidence
select 'groups_unknown', count(*) from memberships where group_id not in (select id from raw_groups);

insert into evidence
select 'logins_missing', count(*)
from raw_users
where not list_contains(getvariable('statuses_gone'), coalesce(status, ''))
and trim(coalesce(json_extract_string(profile, getvariable('login')), '')) = '';
insert into evidence
select 'emails_malformed', count(*)
from raw_users
where not list_contains(getvariable('statuses_gone'), coalesce(status, ''))
and not regexp_full_match(
    coalesce(json_extract_string(profile, getvariable('email')), ''), '[^@\s]+@[^@\s]+\.[^@\s]+'
);
