-- The groups that are exported, with their members. A group is left out if its name identifies no group.
--
-- views groups (group_id, id, name, directory, sources), memberships (person_id, group_id, direct)   of the day
-- set variable opensense = true;                                     whether names are those of Opensense
-- set variable patterns = ['Staff*'];                                names with wildcards, or ids

-- Accents become letters, also of letters that Unicode does not compose of a letter and an accent.
create or replace macro letters(name) as strip_accents(replace(replace(replace(replace(translate(
    lower(nfc_normalize(name)), 'øłđðıħ', 'oldDih'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'));
create or replace macro opensense_name(name) as regexp_replace(lower(letters(name)), '[^a-z0-9]', '_', 'g');

-- A wildcard matches any characters; the others only themselves. A merged group has the ids of all its groups.
create or replace table chosen_groups as
select pattern, group_id
from groups
join (select unnest(getvariable('patterns')) as pattern)
    on list_contains(sources, pattern)
    or list_contains(list_transform(sources, lambda source: source[strpos(source, '/') + 1:]), pattern)
    or regexp_full_match(
        coalesce(name, ''),
        replace(regexp_replace(pattern, '([\\.^$|()\[\]{}+?])', '\\\1', 'g'), '*', '.*'),
        's'
    );

create or replace table named_groups as
select
    group_id, directory, case when getvariable('opensense') then opensense_name(name) else name end as name
from groups semi join chosen_groups using (group_id);

-- A name without a letter or digit is empty in Opensense. A column separates names with semicolons.
create or replace table left_out_groups as
select group_id
from named_groups
qualify trim(coalesce(name, ''), if(getvariable('opensense'), '_', ' ')) = ''
or contains(name, ';')
or count(*) over (partition by name) > 1;

create or replace view exported_groups as
from named_groups anti join left_out_groups using (group_id);

create or replace view exported_memberships as
select m.*, name from memberships m join exported_groups using (group_id);

select
    count(*) as count,
    coalesce(list(group_id order by group_id)[:10], []) as examples,
    (
        select coalesce(list(pattern), [])
        from (select unnest(getvariable('patterns')) as pattern) anti join chosen_groups using (pattern)
    ) as unmatched_patterns
from left_out_groups;
