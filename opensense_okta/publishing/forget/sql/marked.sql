-- Which rows of the stored tables are about the forgotten person: for each kind of table a macro, which adds the
-- column `forgotten`.
--
-- set variable person = '9f…';
-- set variable accounts = ['okta/00u1', 'hr/17'];    the person's accounts
-- set variable directory = 'okta';                   of a snapshot
-- table forgotten_people (person_id)                 of the same day: the person, and others who had an account of these

create or replace temp table forgotten_people (person_id varchar);

create or replace macro is_account(directory, id) as list_contains(
    getvariable('accounts')::varchar[], directory || '/' || id
);
-- Whether a text names one of the accounts as JSON does, or is the person's id.
create or replace macro quotes(text) as coalesce(
    text = getvariable('person') or list_bool_or(list_transform(
        getvariable('accounts')::varchar[],
        lambda account: contains(text, to_json(account)::varchar)
    )),
    false
);

create or replace macro marked_raw_users(stored) as table
select is_account(getvariable('directory'), id) as forgotten, * from query_table(stored);

create or replace macro marked_raw_memberships(stored) as table
select is_account(getvariable('directory'), user_id) as forgotten, * from query_table(stored);

create or replace macro marked_accounts(stored) as table
select is_account(directory, id) or person_id = getvariable('person') as forgotten, * from query_table(stored);

create or replace macro marked_account_links(stored) as table
select is_account(directory, id) as forgotten, * from query_table(stored);

-- Of each day, of an export, or of the whole history: of people who had one of the accounts.
create or replace macro marked_people(stored) as table
select
    person_id = getvariable('person')
    or list_has_any(coalesce(accounts, []), getvariable('accounts')::varchar[]) as forgotten, *
from query_table(stored);

create or replace macro marked_rows_of_people(stored) as table
select person_id in (from forgotten_people) as forgotten, * from query_table(stored);

create or replace macro marked_conflicts(stored) as table
select person_id in (from forgotten_people) or quotes(detail::varchar) as forgotten, * from query_table(stored);

-- All changes of a person go if one says that an account was the person's: the values were those of the account.
-- Of a change of the manager only its own row goes.
create or replace macro marked_changes(stored) as table
with quoting as (
    select distinct person_id
    from query_table(stored)
    where attribute is distinct from 'manager_id' and (quotes("before") or quotes("after"))
)
select
    person_id in (from forgotten_people)
    or person_id in (from quoting)
    or quotes("before") or quotes("after") as forgotten,
    *
from query_table(stored);
