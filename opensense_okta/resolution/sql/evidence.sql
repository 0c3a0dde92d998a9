-- Counts of a resolved day, by name: the checks of the day are evaluated on them.
--
-- tables resolved_accounts, resolved_people, resolved_memberships, resolved_conflicts    as stored
-- table date_counts    see dates.sql
-- set variable day = '2026-11-23';
-- tables phones_to_format, formatted_phones    see format_phones.sql
-- tables accounts_read, account_person, placeholder_keys, directories, always_same_rules    see the files before

create table accounts_of_people as
select person_id, unnest(accounts) as account from resolved_people;

create table evidence (name varchar, count bigint);

insert into evidence select 'people', count(*) from resolved_people;
insert into evidence select 'people_active', count(*) from resolved_people where active;
insert into evidence select 'people_linked', count(*) from resolved_people where len(directories) > 1;
insert into evidence select 'accounts', count(*) from accounts_read;
insert into evidence select 'accounts_with_placeholders', count(distinct account) from placeholder_keys;
insert into evidence select 'directories', count(*) from directories;
insert into evidence select 'memberships_nested', count(*) from resolved_memberships where not direct;

insert into evidence select 'people_without_account', count(*) from resolved_people where len(accounts) = 0;
insert into evidence select 'people_doubled', count(*) - count(distinct person_id) from resolved_people;
insert into evidence
select 'accounts_of_nobody', count(*)
from resolved_accounts a
anti join accounts_of_people o on o.account = a.directory || '/' || a.id and o.person_id = a.person_id;
insert into evidence
select 'accounts_of_two', count(*)
from (select account from accounts_of_people group by account having count(*) > 1);
-- Persons with several accounts in one directory that no `always_same` rule names.
insert into evidence
select 'accounts_doubled', count(*)
from (
    select person, a.directory
    from account_person join accounts_read a using (account)
    group by person, a.directory
    having count(*) filter (where (a.directory, a.id) not in (select directory, id from always_same_rules)) > 0
    and count(*) > 1
);

insert into evidence select 'emails_missing', count(*) from resolved_people where active and email is null;
insert into evidence
select 'emails_shared', coalesce(sum(people), 0)
from (
    select count(*) as people
    from resolved_people
    where active and email is not null and typeof(email) = 'VARCHAR'
    group by normalized(email::varchar) having count(*) > 1
);

insert into evidence
select unnest([
    {name: 'dates', count: coalesce(sum(dates), 0)},
    {name: 'dates_unreadable', count: coalesce(sum(unreadable), 0)},
    {name: 'dates_placeholder', count: coalesce(sum(placeholders), 0)}
], recursive := true)
from date_counts;
insert into evidence
select unnest([
    {name: 'people_starting', count: count(*) filter (where start_date > day and start_date <= day + 7)},
    {name: 'people_leaving', count: count(*) filter (where active and end_date <= day + 7)}
], recursive := true)
from resolved_people cross join (select getvariable('day')::date as day);

insert into evidence select 'phones_to_format', count(*) from phones_to_format;
insert into evidence
select 'phones_unreadable', count(*)
from phones_to_format anti join formatted_phones using (value, country, format);

insert into evidence select 'conflicts_' || kind, count(*) from resolved_conflicts group by kind;
insert into evidence
select 'people_in_conflict', count(distinct person_id) from resolved_conflicts where kind <> 'kept_together';
insert into evidence
select 'people_in_doubt', count(distinct person_id)
from resolved_conflicts where kind not in ('value', 'kept_together');
insert into evidence
select 'people_kept_together', count(distinct person_id) from resolved_conflicts where kind = 'kept_together';

from evidence;
