-- The measures of the guards: one row per guard, directory (NULL: people) and attribute.
--
-- tables old_people, new_people, …                      the published directory and the new one
-- tables changes, people_merged, macro differences      see resolution/sql/changes.sql
-- set variable day = '2026-11-23';                      that is evaluated
-- table accounts_staying, view accounts_both            see accounts.sql
--
-- One statement for each kind of measure: one statement for all would need too much memory.
create or replace temp table guard_measures (
    guard varchar, directory varchar, attribute varchar,
    count bigint default 0, "of" bigint, gone bigint default 0, by_removed bigint default 0,
    ended bigint default 0
);

-- Older versions stored no dates.
create or replace temp view people_dated as
select person_id, active, try_cast(end_date as date) as end_date
from (from new_people union all by name (select null::date as end_date limit 0));

create or replace temp view accounts_dated as
select directory, id, active, try_cast(end_date as date) as end_date
from (from new_accounts union all by name (select null::date as end_date limit 0));

create or replace temp view memberships_gone as
select person_id, before as group_id
from changes
where change = 'removed' and attribute = 'membership';

create or replace temp view group_directories as
select group_id, unnest(list_distinct(list_transform(sources, lambda s: split_part(s, '/', 1)))) as directory
from old_groups;

-- The directories in which a person has an account that is active on both days.
create or replace temp view directories_staying as
select distinct person_id, directory
from old_accounts
semi join accounts_staying using (directory, id);

-- A merged person is not removed while the person with the new id is active.
insert into guard_measures by name
select
    'removed' as guard,
    count(*) filter (where not coalesce(n.active, false)) as count,
    count(*) as "of",
    count(*) filter (where n.person_id is null) as gone,
    count(*) filter (where not n.active and n.end_date < getvariable('day')::date) as ended
from old_people o
left join people_merged m on m.before = o.person_id
left join people_dated n on n.person_id = coalesce(m.after, o.person_id)
where o.active;

insert into guard_measures by name
select
    'removed' as guard,
    directory,
    count(*) filter (where not coalesce(n.active, false)) as count,
    count(*) as "of",
    count(*) filter (where n.id is null) as gone,
    count(*) filter (where not n.active and n.end_date < getvariable('day')::date) as ended
from old_accounts o
left join accounts_dated n using (directory, id)
where o.active
group by directory;

insert into guard_measures by name
select
    'removed_memberships' as guard,
    (from memberships_gone select count(*)) as count,
    count(*) as "of"
from old_memberships;

-- A membership belongs to each directory that both its group and its person come from. These may be
-- several, because groups of the same name may be merged.
create or replace temp macro memberships_by_directory(memberships) as table
select person_id, directory
from query_table(memberships)
join group_directories using (group_id)
join old_people using (person_id)
where list_contains(directories, directory);

insert into guard_measures by name
select 'removed_memberships' as guard, directory, coalesce(lost, 0) as count, "of", coalesce(by_removed, 0) as by_removed
from (select directory, count(*) as "of" from memberships_by_directory('old_memberships') group by directory)
left join (
    select directory, count(*) as lost, count(*) filter (where staying.person_id is null) as by_removed
    from memberships_by_directory('memberships_gone')
    left join directories_staying staying using (person_id, directory)
    group by directory
) using (directory);

-- Of all memberships: those whose person has no account left in a directory that the group comes from.
update guard_measures
set by_removed = (
    from memberships_gone
    anti join (
        select gone.person_id, gone.group_id
        from memberships_gone gone
        left join group_directories g using (group_id)
        join directories_staying s
            on s.person_id = gone.person_id and s.directory = coalesce(g.directory, s.directory)
    ) using (person_id, group_id)
    select count(*)
)
where guard = 'removed_memberships' and directory is null;

create or replace temp table people_staying as
select person_id
from (from old_people where active) o
join (from new_people where active) n using (person_id);

create or replace temp table values_filled as
from (
    unpivot (
        select
            null::varchar as directory,
            count(columns(* exclude (person_id, active, manager_id, directories, accounts)))
        from old_people
        semi join people_staying using (person_id)
    )
    on columns(* exclude (directory)) into name attribute value filled
)
union all
from (
    unpivot (
        select directory, count(columns(* exclude (directory, id, person_id, status, active)))
        from old_accounts
        semi join accounts_staying using (directory, id)
        group by directory
    )
    on columns(* exclude (directory)) into name attribute value filled
);

create or replace temp table values_altered as
select
    null::varchar as directory,
    attribute,
    count(*) filter (where after is null) as blanked,
    count(*) filter (where after is not null) as rewritten
from changes
semi join people_staying using (person_id)
where change = 'changed' and before is not null
group by attribute;

insert into values_altered by name
select
    split_part(key, '/', 1) as directory,
    attribute,
    count(*) filter (where after is null) as blanked,
    count(*) filter (where after is not null) as rewritten
from differences('accounts_both', getvariable('accounts_attributes'))
where before is not null
group by all;

insert into guard_measures by name
select
    guard, f.directory, f.attribute, filled as "of",
    coalesce(case guard when 'blanked' then blanked else rewritten end, 0) as count
from values_filled f
left join values_altered a on a.directory is not distinct from f.directory and a.attribute = f.attribute
cross join (select unnest(['blanked', 'rewritten']) as guard)
where filled > 0;

with staying as (
    select null::varchar as directory, count(*) as staying from people_staying
    union all
    select directory, count(*) from accounts_staying group by directory
)
select
    m.*,
    coalesce(staying, 0) as staying,
    attribute is null or attribute in (select column_name from (describe from new_people)) as known
from guard_measures m
left join staying s on s.directory is not distinct from m.directory
order by guard, directory nulls first, attribute;
