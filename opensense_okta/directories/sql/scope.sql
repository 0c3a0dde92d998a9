-- The groups in scope, of those that were listed.
--
-- groups_listed                                    with id and name
-- set variable scope_groups = ['Staff*'];          names with wildcards, or ids; NULL: all

-- A wildcard stands for any characters; other signs mean themselves.
create or replace temp table groups_in_scope as
select g.id
from groups_listed g
where getvariable('scope_groups') is null
or exists (
    from (select unnest(getvariable('scope_groups')) as pattern)
    where g.id = pattern
    or regexp_full_match(
        g.name, replace(regexp_replace(pattern, '([\\.^$|()\[\]{}+?])', '\\\1', 'g'), '*', '.*'), 's'
    )
);
