-- The tables of the published database that follow from others. To compress the same texts again took a third of the
-- time of publishing and of the file.
--
-- database published    attached, with the tables of publish.sql; a view must not name the database it is in
--
-- Schemas are named with their database: a directory, and so a schema, can have the name of a database.
use published.main;

create view main.people_history as
from (from main.people limit 0)
union all by name
from _stored.people_history where valid_to is not null
union all by name
select people.*, lasting.valid_from, lasting.valid_to
from main.people
join _stored.people_history lasting on lasting.person_id = people.person_id and lasting.valid_to is null;

-- Macros and lambdas are left out: other versions of DuckDB read this. No attribute's name begins with an underscore.
create view main.provenance as
with values_of_one_account as (
    unpivot (
        select
            person_id, sources.directory as _directory, accounts[1] as _account, sources.as_of as _as_of,
            nullif(to_json(columns(
                people.* exclude (person_id, manager_id, directories, accounts)
            )), '[]'::json) ->> '$'
        from main.people
        join _stored.directories sources on sources.directory = directories[1]
        where len(accounts) = 1
    )
    on columns(* exclude (person_id, _directory, _account, _as_of)) into name attribute value value
)
select
    person_id, attribute, value, _directory as directory,
    substr(_account, len(_directory) + 2) as account_id, 'only_value' as rule,
    []::struct(directory varchar, value varchar)[] as losing, _as_of as as_of
from values_of_one_account
anti join _stored.provenance using (person_id, attribute)
union all
from _stored.provenance;

use memory.main;
