-- People from accounts: who is who, which values they have, and why.
--
-- tables account_states, account_values, groups, account_memberships   see schema.sql

-- Each account is a person. The id follows from the account alone, so that a changed login, e-mail or
-- name changes nothing, and two accounts never share one.
create table persons as
select
    directory, account_id, status, active,
    substr(sha256(directory || '/' || account_id), 1, 32) as person_id
from account_states;

create table provenance as
with given as (
    select person_id, attribute, value, directory, account_id
    from account_values
    join persons using (directory, account_id)
    union all
    select person_id, 'active'::attribute, active::varchar, directory, account_id from persons
)
select *, 'only_value' as rule, []::struct(directory varchar, value varchar)[] as losing
from given;

-- `person_id` is a name that no attribute may have.
create table wide as
select * exclude (active)
from (pivot provenance on attribute in attribute using first(value) group by person_id);

-- What a directory writes as a manager is an id, a login, an e-mail or an employee number; it names a
-- person when exactly one account fits. Names are never matched.
create table managers as
with keys as (
    select directory, account_id, account_id as key from persons
    union
    select directory, account_id, lower(stripped(value)) from account_values
    where attribute in ('user_name', 'email', 'employee_number')
),
unambiguous as (
    select directory, key, any_value(account_id) as manager_account
    from keys group by directory, key having count(*) = 1
),
written as (
    select directory, account_id, unnest([value, lower(stripped(value))]) as key
    from account_values where attribute = 'manager'
)
select w.directory, w.account_id, any_value(m.person_id) as manager_id
from written w
join unambiguous u using (directory, key)
join persons m on m.directory = u.directory and m.account_id = u.manager_account
group by w.directory, w.account_id
having count(distinct m.person_id) = 1;

create table accounts as
select p.directory, p.account_id as id, p.person_id, p.status, p.active, w.* exclude (person_id)
from persons p
left join wide w using (person_id)
order by p.directory, p.account_id;

create table people as
select
    p.person_id,
    p.active,
    w.* exclude (person_id),
    m.manager_id,
    [p.directory] as directories,
    [p.directory || '/' || p.account_id] as accounts
from persons p
left join wide w using (person_id)
left join managers m on m.directory = p.directory and m.account_id = p.account_id
order by p.person_id;

create table memberships as
select distinct person_id, group_id
from account_memberships
join persons using (directory, account_id)
semi join groups using (group_id)
order by all;

create or replace view groups_counted as
select g.* exclude (members_count), coalesce(members, 0) as members_count
from groups g
left join (select group_id, count(*) as members from memberships group by group_id) using (group_id)
order by group_id;
