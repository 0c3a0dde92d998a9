-- The groups that are exported, with their members. A group is left out if its name identifies no group.
--
-- views groups (group_id, name), memberships (person_id, group_id)   of the day
-- set variable opensense = true;                                     whether names are those of Opensense

-- Accents become letters, also of letters that Unicode does not compose of a letter and an accent.
create macro letters(name) as strip_accents(replace(replace(replace(replace(translate(
    lower(nfc_normalize(name)), 'øłđðıħ', 'oldDih'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th'));
create macro opensense_name(name) as regexp_replace(lower(letters(name)), '[^a-z0-9]', '_', 'g');

create table named_groups as
select group_id, case when getvariable('opensense') then opensense_name(name) else name end as name
from groups;

-- A name without a letter or digit is empty in Opensense. A column separates names with semicolons.
create table left_out_groups as
select group_id
from named_groups
qualify trim(coalesce(name, ''), '_') = ''
or contains(name, ';')
or count(*) over (partition by name) > 1;

create view exported_memberships as
select person_id, group_id, name
from memberships
join named_groups using (group_id)
anti join left_out_groups using (group_id);

select count(*) as count, coalesce(list(group_id order by group_id)[:10], []) as examples from left_out_groups;
