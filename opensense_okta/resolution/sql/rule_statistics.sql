-- What the rules of an organization are evaluated by: counts of a resolved day, without names of people.
--
-- views accounts, people, provenance, conflicts, groups    of the day
-- macros normalized, is_placeholder                        see schema.sql
-- set variable match = ['employee_number', 'email'];
-- set variable lists = ['aliases'];          attributes with `merge: union`
-- set variable account_rules = '[{"rule": "always_same", "number": 1, "directory": "okta", "id": "00u1"}]';

-- The number of accounts of each directory that have each attribute.
create table filled_values as
unpivot (
    select directory, count(*) as accounts, count(columns(* exclude (directory, id, person_id, status)))
    from accounts group by directory
)
on columns(* exclude (directory, accounts)) into name attribute value filled;

-- The directories that have values in a person's merged lists. (Column `user_name` is there because there can be
-- no list.)
create table list_directories as
select person_id, attribute, list(distinct a.directory) as directories
from (
    unpivot (
        select
            person_id, directory,
            to_json(columns(lambda c: c = 'user_name' or list_contains(getvariable('lists'), c)))
        from accounts
    )
    on columns(* exclude (person_id, directory)) into name attribute value written
) a
join provenance p using (person_id, attribute)
where rule = 'union' and list_has_any(from_json(written, '["VARCHAR"]'), from_json(p.value, '["VARCHAR"]'))
group by person_id, attribute;

-- How often a value of each directory won, and how often others had a value, too. Every directory that has values
-- in a merged list wins.
create table won_values as
select attribute, directory, count(*) as won, count(*) filter (where contested) as contested
from (
    select attribute, len(losing) > 0 as contested, directory from provenance where rule <> 'union'
    union all
    select attribute, len(directories) > 1, unnest(directories) from list_directories
)
group by attribute, directory;

create table value_conflicts as
select attribute, count(*) as differing from conflicts where kind = 'value' group by attribute;

-- The values of the match keys, as they are compared.
create table key_values as
select directory, person_id, key, normalized(unnest(if(
    json_type(value) = 'ARRAY', from_json(value, '["VARCHAR"]'), [value ->> '$']
))) as value
from (
    unpivot (
        select directory, person_id, to_json(columns(lambda c: list_contains(getvariable('match'), c)))
        from accounts
    )
    on columns(lambda c: list_contains(getvariable('match'), c)) into name key value value
);

-- Values that several people of a directory have. The accounts of one person may share a value.
create table repeated_keys as
select directory, key, count(*) as keys, count(*) filter (where people > 1) as repeated
from (
    select directory, key, value, count(distinct person_id) as people
    from key_values where not is_placeholder(value) group by directory, key, value
)
group by directory, key;

create table attribute_statistics as
select
    filled_values.directory, attribute, accounts, filled,
    coalesce(won, 0) as won, coalesce(contested, 0) as contested,
    coalesce(keys, 0) as keys, coalesce(repeated, 0) as repeated
from filled_values
left join won_values using (directory, attribute)
left join repeated_keys on repeated_keys.directory = filled_values.directory and key = attribute;

create table group_statistics as
select directory, sum(members_count)::bigint as members
from (
    select members_count, unnest(list_distinct(list_transform(sources, lambda x: split_part(x, '/', 1))))
        as directory
    from groups
)
group by directory;

-- The accounts that rules for single cases name. The number is the set's number in the organization file.
create table named_accounts as
select rule, number, count(*) as accounts, count(*) filter (where a.id is null) as unknown
from (
    select unnest(from_json(
        getvariable('account_rules'),
        '[{"rule": "varchar", "number": "integer", "directory": "varchar", "id": "varchar"}]'
    ), recursive := true)
)
left join accounts a using (directory, id)
group by rule, number
order by rule, number;
