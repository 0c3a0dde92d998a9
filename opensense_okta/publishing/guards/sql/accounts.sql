-- The values of accounts that are active in both directories, as texts.
--
-- tables old_accounts, new_accounts
-- macro altered_texts    see resolution/sql/changes.sql
create or replace temp table accounts_staying as
select directory, id
from (from old_accounts where active) o
join (from new_accounts where active) n using (directory, id);

-- As people are compared in resolution/sql/changes.sql.
create or replace temp macro accounts_as_texts(accounts, keys) as table
select
    directory || '/' || id as _key,
    columns(lambda c: c not in ('directory', 'id', 'person_id', 'status', 'active'))::varchar
from query_table(accounts)
where directory || '/' || id in (from query_table(keys));

create or replace temp macro accounts_of_both(keys) as table
select true as _old, * from accounts_as_texts('old_accounts', keys)
union all by name
select false as _old, * from accounts_as_texts('new_accounts', keys);

set variable same_columns = (
    select list(struct_pack(column_name, column_type)) from (describe from old_accounts)
) = (
    select list(struct_pack(column_name, column_type)) from (describe from new_accounts)
);
create or replace temp view accounts_staying_keys as select directory || '/' || id as _key from accounts_staying;
create or replace temp view accounts_staying_both as from accounts_of_both('accounts_staying_keys');

create or replace temp table accounts_altered as
select directory || '/' || id as _key
from (select directory, id, hash(_row) as content from old_accounts _row where active) o
join (select directory, id, hash(_row) as content from new_accounts _row where active) n using (directory, id)
where getvariable('same_columns') and o.content <> n.content
union all
from altered_texts('accounts_staying_both') where not getvariable('same_columns');

create or replace temp view accounts_both as from accounts_of_both('accounts_altered');

set variable accounts_attributes = (
    select list(column_name)
    from (describe from accounts_both)
    where column_name not in ('_old', '_key')
);
