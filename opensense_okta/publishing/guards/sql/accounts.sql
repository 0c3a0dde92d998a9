-- The values of accounts that are active in both directories, as texts.
--
-- tables old_accounts, new_accounts
create or replace temp table accounts_staying as
select directory, id
from (from old_accounts where active) o
join (from new_accounts where active) n using (directory, id);

create or replace temp macro accounts_as_texts(accounts) as table
select
    directory || '/' || id as _key,
    columns(lambda c: c not in ('directory', 'id', 'person_id', 'status', 'active'))::varchar
from query_table(accounts)
semi join accounts_staying using (directory, id);

create or replace temp view accounts_both as
select true as _old, * from accounts_as_texts('old_accounts')
union all by name
select false as _old, * from accounts_as_texts('new_accounts');

set variable accounts_attributes = (
    select list(column_name)
    from (describe from accounts_both)
    where column_name not in ('_old', '_key')
);
