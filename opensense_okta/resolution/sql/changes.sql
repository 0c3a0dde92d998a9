-- All differences between two directories of people.
--
-- tables old_people, old_accounts, old_groups, old_memberships   of the earlier day
-- tables new_people, …                                           of the later day
-- set variable standard = ['email', 'aliases'];    the standard attributes
-- Result: table changes.

-- An earlier version did not have all standard attributes. An upgrade alone changes nobody.
set variable not_compared = (
    select coalesce(list(name), [])
    from (select unnest(getvariable('standard')) as name)
    anti join (select column_name as name from (describe from old_people)) using (name)
);

-- Each row as texts, lists as JSON: the attributes of the two days, and their types, can differ. No attribute's
-- name begins with an underscore.
create or replace temp macro people_as_texts(people, keys) as table
select
    person_id as _key,
    nullif(to_json(columns(
        lambda c: c not in ('person_id', 'directories', 'accounts')
        and not list_contains(getvariable('not_compared'), c)
    )) ->> '$', '[]'),
    to_json(list_sort(accounts)) ->> '$' as accounts
from query_table(people)
where person_id in (from query_table(keys));

create or replace temp macro people_of_both(keys) as table
select true as _old, * from people_as_texts('old_people', keys)
union all by name
select false as _old, * from people_as_texts('new_people', keys);

-- The keys whose rows differ. Rows are compared by hash first: on most days few differ, and only their values are kept
-- in memory.
create or replace temp macro altered_texts(both_days) as table
select _key
from (select _key, hash([*columns(* exclude (_old, _key))]) as content from query_table(both_days))
group by _key having min(content) <> max(content);

-- The texts that differ between the two rows of a key.
create or replace temp macro differences(both_days, attributes) as table
with lists as (
    select _old, _key, [*columns(* exclude (_old, _key))] as texts from query_table(both_days)
),
texts as (
    select _key as key, unnest(attributes) as attribute, unnest(o.texts) as before, unnest(n.texts) as after
    from (from lists where _old) o
    join (from lists where not _old) n using (_key)
)
from texts where before is distinct from after;

-- If the columns of both days are the same, equal rows are equal texts. To make texts of all takes three times as long.
-- `_row` is the whole row: no attribute has such a name.
set variable same_columns = (
    select list(struct_pack(column_name, column_type)) from (describe from old_people)
) = (
    select list(struct_pack(column_name, column_type)) from (describe from new_people)
);
create or replace temp view people_kept as
select person_id as _key from old_people semi join new_people using (person_id);
create or replace temp view people_kept_both as from people_of_both('people_kept');

create or replace temp table people_altered as
select person_id as _key
from (select person_id, hash(_row) as content from old_people _row) o
join (select person_id, hash(_row) as content from new_people _row) n using (person_id)
where getvariable('same_columns') and o.content <> n.content
union all
from altered_texts('people_kept_both') where not getvariable('same_columns');

create or replace temp view people_both as from people_of_both('people_altered');

set variable people_attributes = (
    select list(column_name)
    from (describe from people_both)
    where column_name not in ('_old', '_key')
);

create or replace temp table people_ended as
select person_id from old_people anti join new_people using (person_id);

create or replace temp table people_begun as
select person_id from new_people anti join old_people using (person_id);

-- Accounts that belong to another person now.
create or replace temp view accounts_moved as
select o.person_id as before, n.person_id as after, count(*) as accounts
from old_accounts o
join new_accounts n using (directory, id)
where o.person_id <> n.person_id
group by all;

-- A person whose id ended was merged into the person who has most of the accounts now.
create or replace temp table people_merged as
select before, arg_min(after, (-accounts, after)) as after
from accounts_moved
where before in (from people_ended)
group by before;

create or replace temp table people_split as
select arg_min(before, (-accounts, before)) as before, after
from accounts_moved
where after in (from people_begun) and after not in (select after from people_merged)
group by after;

-- With the memberships of merged people given to the person they were merged into, so that these do not count as
-- changes.
create or replace temp view memberships_before as
select coalesce(after, person_id) as person_id, group_id, person_id as old_person_id
from old_memberships left join people_merged on before = person_id;

-- Memberships are compared by hash first, in 65,536 parts; only those of parts that differ are compared one by one. On
-- most days this takes a third of the time.
create or replace temp macro part_of(person_id, group_id) as hash(person_id, group_id) & 65535;
create or replace temp macro parts_of(memberships) as table
select
    part_of(person_id, group_id) as part,
    count(*) as memberships, bit_xor(hash(person_id, group_id)) as content
from query_table(memberships)
group by part;

create or replace temp table parts_altered as
select part
from parts_of('memberships_before') o
full join parts_of('new_memberships') n using (part)
where (o.memberships, o.content) is distinct from (n.memberships, n.content);

create or replace temp view memberships_before_altered as
from memberships_before where part_of(person_id, group_id) in (from parts_altered);

create or replace temp view new_memberships_altered as
from new_memberships where part_of(person_id, group_id) in (from parts_altered);

create or replace table changes as
select person_id, 'added' as change, null::varchar as attribute, null::varchar as before, null::varchar as after
from people_begun
where
    person_id not in (select after from people_split)
    and person_id not in (select after from people_merged)
union all
select person_id, 'removed', null, null, null
from people_ended
where person_id not in (select before from people_merged)
union all
select before, 'merged', null, before, after from people_merged
union all
select after, 'split', null, before, after from people_split
union all
select key, 'changed', attribute, before, after
from differences('people_both', getvariable('people_attributes'))
union all
select
    null,
    case when o.group_id is null then 'added' when n.group_id is null then 'removed' else 'changed' end,
    'group',
    case when n.group_id is null then o.group_id when o.group_id is not null then o.name end,
    case when o.group_id is null then n.group_id when n.group_id is not null then n.name end
from old_groups o
full join new_groups n using (group_id)
where o.group_id is null or n.group_id is null or o.name is distinct from n.name
union all
select person_id, 'added', 'membership', null, group_id
from new_memberships_altered
anti join memberships_before_altered using (person_id, group_id)
union all
select old_person_id, 'removed', 'membership', group_id, null
from memberships_before_altered
anti join new_memberships_altered using (person_id, group_id);

select
    count(*) filter (where change = 'added' and attribute is null) as added,
    count(*) filter (where change = 'removed' and attribute is null) as removed,
    count(distinct person_id) filter (where change = 'changed') as changed,
    count(*) filter (where change = 'merged') as merged,
    count(*) filter (where change = 'split') as split,
    coalesce(
        histogram(attribute) filter (where change = 'changed' and person_id is not null), map {}
    ) as attributes,
    count(*) filter (where change = 'added' and attribute = 'group') as groups_added,
    count(*) filter (where change = 'removed' and attribute = 'group') as groups_removed,
    count(*) filter (where change = 'changed' and person_id is null) as groups_changed,
    count(*) filter (where change = 'added' and attribute = 'membership') as memberships_added,
    count(*) filter (where change = 'removed' and attribute = 'membership') as memberships_removed
from changes;
