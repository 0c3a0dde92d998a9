-- The groups of a file.
--
-- view csv_rows, macro stripped                    of rows.sql
-- set variable has_description = true;             whether there is a column of that name
-- set variable captured_at = '2026-11-23 02:00:00+00';

create or replace table csv_groups as
with read as (
    select
        stripped(columns(lambda c: c = 'id')) as id,
        columns(lambda c: c = 'name') as name,
        columns(lambda c: c = if(getvariable('has_description'), 'description', 'name')) as description,
        to_json(struct_pack(*columns(lambda c: c[1] <> ' '))) as profile
    from csv_rows
)
select
    id,
    null::varchar as type,
    if(stripped(name) = '', id, name) as name,
    if(getvariable('has_description') and stripped(description) <> '', description, null) as description,
    null::timestamptz as created,
    null::timestamptz as last_updated,
    null::timestamptz as last_membership_updated,
    null::bigint as members_count,
    profile,
    getvariable('captured_at')::timestamptz as captured_at
from read;

create or replace view raw_groups as from csv_groups;
