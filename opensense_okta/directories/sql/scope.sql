-- The groups in scope, and the groups that are read, of those that were listed.
--
-- groups_listed                                    with id and name
-- set variable scope_groups = ['Staff*'];          names with wildcards, or ids; NULL: all
-- set variable store_groups = ['*'];               the same; NULL: the groups in scope

-- A wildcard matches any characters; the others only themselves.
create or replace temp macro matching_groups(patterns) as table
select position, g.id
from (select unnest(patterns) as pattern, generate_subscripts(patterns, 1) as position)
join groups_listed g
    on g.id = pattern
    or regexp_full_match(
        g.name, replace(regexp_replace(pattern, '([\\.^$|()\[\]{}+?])', '\\\1', 'g'), '*', '.*'), 's'
    );

create or replace temp table scope_group_matches as
from matching_groups(getvariable('scope_groups'));

create or replace temp table groups_in_scope as
select distinct id from scope_group_matches
union all
select id from groups_listed where getvariable('scope_groups') is null;

-- The members of other groups choose no users, but the groups are stored.
create or replace temp table groups_to_read as
select id from matching_groups(getvariable('store_groups'))
union
select id from groups_in_scope
where getvariable('store_groups') is null or getvariable('scope_groups') is not null;
