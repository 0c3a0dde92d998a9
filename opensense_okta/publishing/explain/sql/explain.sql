-- All data about one person on one day, as one row of lists.
--
-- views people, provenance, …    of the resolved day
-- view named_people              of names.sql
-- view changes_of_days           changes of the published days before it, and of it, with the day in _day
-- set variable person_id = '0123…';
-- set variable first_day = '2026-11-01';    the first of these days; NULL: the day has not been compared

set variable columns = (select list(column_name) from (describe from people));

create or replace temp table person as from people where person_id = getvariable('person_id');

create or replace temp table person_accounts as from accounts where person_id = getvariable('person_id');

create or replace temp table changed as
select _day, change, attribute, before, after
from changes_of_days
where
    person_id = getvariable('person_id')
    or (change in ('merged', 'split') and getvariable('person_id') in (before, after));

-- The first stored day of the person.
set variable began = (
    select coalesce(max(_day), getvariable('first_day')::date)
    from changed
    where (change = 'added' and attribute is null)
    or (change = 'split' and after = getvariable('person_id'))
);

-- The people and groups to name: ids, and values that name nothing.
create or replace temp table ids as
select unnest([before, after]) as id from changed
union
select unnest([person_id, manager_id]) from person;

create or replace temp table named_ids as
select ids.id, name from ids join named_people on person_id = ids.id
union all
select ids.id, name from ids join groups on group_id = ids.id;

select
    (select name from named_ids where id = person_id) as name,
    active,
    manager_id,
    (select name from named_ids where id = manager_id) as manager,
    coalesce((
        select list({
            attribute: p.attribute, value: p.value, directory: p.directory, account_id: p.account_id,
            rule: p.rule, losing: p.losing, as_of: p.as_of,
            since: case
                when getvariable('first_day') is not null
                then greatest(getvariable('began'), c.newest)
            end
        } order by list_position(getvariable('columns'), p.attribute))
        from provenance p
        left join (
            select attribute, max(_day) as newest from changed where change = 'changed' group by attribute
        ) c using (attribute)
        where person_id = getvariable('person_id')
    ), []) as attributes,
    coalesce((
        select list({directory: directory, id: id, status: status, active: active} order by directory, id)
        from person_accounts
    ), []) as accounts,
    coalesce((
        select list(
            {group_id: group_id, name: name, directory: directory, id: id, sources: sources}
            order by name, group_id
        )
        from memberships join groups using (group_id) where person_id = getvariable('person_id')
    ), []) as groups,
    coalesce((
        select list({
            day: _day, change: change, attribute: attribute, before: before, after: after,
            before_name: b.name, after_name: a.name
        } order by _day desc, change, attribute, before, after)
        from changed
        left join named_ids b on b.id = before
        left join named_ids a on a.id = after
    ), []) as changes,
    coalesce((
        select list({kind: kind, attribute: attribute, detail: detail} order by kind, attribute, detail)
        from conflicts where person_id = getvariable('person_id')
    ), []) as conflicts
from person;
