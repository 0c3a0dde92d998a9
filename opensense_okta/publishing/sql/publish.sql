-- Fills the database that will be published.
--
-- tables new_accounts, new_people, …   of the resolved day; new_syncs, of the manifests
-- view kept_history                    periods that last have person_id and valid_from only
-- database published                   attached, empty
-- set variable day = '2026-11-23'; set variable resolved_id = '0123456789abcdef';
-- set variable published_at = '2026-11-23T02:05:00+00:00';
create table published.main.people as from new_people;
create table published.main.groups as from new_groups;
-- Earlier versions counted direct memberships only, and did not write it.
create table published.main.memberships as
select person_id, group_id, coalesce(direct, true) as direct
from (
    from (select null::boolean as direct where false) union all by name from new_memberships
);
create table published.main.accounts as from new_accounts;
create table published.main.conflicts as from new_conflicts;
create table published.main.changes as from new_changes;
create table published.main.syncs as from new_syncs;
create table published.main.publication as
select
    getvariable('day')::date as day,
    getvariable('resolved_id')::varchar as resolved_id,
    getvariable('published_at')::timestamptz as published_at;

-- What the views of published_views.sql hold beside other tables. Nearly all people have one account, whose values
-- are theirs: these rows of provenance follow from table `people`.
create schema published._stored;
create table published._stored.people_history as from kept_history;
create table published._stored.provenance as
from new_provenance
where rule <> 'only_value' or person_id in (select person_id from new_people where len(accounts) > 1);
create table published._stored.directories as
select distinct directory, as_of from new_provenance where rule = 'only_value';
