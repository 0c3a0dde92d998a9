-- What speaks for a snapshot and against it: counts by name, one after the other to bound memory.
--
-- tables raw_users, raw_groups, memberships    as stored
-- table groups_gone                            of okta_tables.sql

create or replace temp table evidence (name varchar, count bigint);

insert into evidence select 'users', count(*) from raw_users;
insert into evidence select 'groups', count(*) from raw_groups;
insert into evidence select 'memberships', count(*) from memberships;
insert into evidence select 'groups_gone', count(*) from groups_gone;
insert into evidence select 'everyone', count(*) from raw_groups where type = 'BUILT_IN' and name = 'Everyone';

-- An id that comes on two pages is a change during paging, and its youngest version was kept. What is
-- left came twice on one page, which is a broken answer.
insert into evidence select 'users_doubled', count(*) - count(distinct id) from raw_users;
insert into evidence select 'groups_doubled', count(*) - count(distinct id) from raw_groups;

insert into evidence
select 'members_unknown', count(*) from memberships where user_id not in (select id from raw_users);
insert into evidence
select 'groups_unknown', count(*) from memberships where group_id not in (select id from raw_groups);
insert into evidence
select 'groups_miscounted', count(*)
from raw_groups
left join (select group_id, count(*) as members from memberships group by group_id) on group_id = id
where members_count <> coalesce(members, 0);

insert into evidence
select 'logins_missing', count(*)
from raw_users
where status is distinct from 'DEPROVISIONED'
and trim(coalesce(json_extract_string(profile, '$.login'), '')) = '';
insert into evidence
select 'emails_malformed', count(*)
from raw_users
where status is distinct from 'DEPROVISIONED'
and not regexp_full_match(
    coalesce(json_extract_string(profile, '$.email'), ''), '[^@\s]+@[^@\s]+\.[^@\s]+'
);
insert into evidence
select 'statuses_unknown', count(*)
from raw_users
where coalesce(status, '') not in (
    'STAGED', 'PROVISIONED', 'ACTIVE', 'RECOVERY', 'PASSWORD_EXPIRED', 'LOCKED_OUT', 'SUSPENDED',
    'DEPROVISIONED', 'ACTIVATING'
);

from evidence;
