-- The users of a file. Each query reads the files again, so that wide rows are never held in memory.
-- Not a temp view: it would hide the stored table, which gets the same name next.
--
-- view csv_rows, macro stripped                    of rows.sql
-- macros means_…, is_set_aside, variables          of keys.sql
-- set variable captured_at = '2026-11-23 02:00:00+00';

create or replace view raw_users as
select
    stripped(columns(lambda c: c = getvariable('key_column'))) as id,
    case
        when getvariable('active_column') is null then 'ACTIVE'
        when means_active(lower(stripped(columns(
            lambda c: c = coalesce(getvariable('active_column'), getvariable('key_column'))
        )))) then 'ACTIVE'
        else 'INACTIVE'
    end as status,
    null::timestamptz as created,
    null::timestamptz as activated,
    null::timestamptz as status_changed,
    null::timestamptz as last_login,
    null::timestamptz as last_updated,
    null::timestamptz as password_changed,
    null::varchar as type_id,
    to_json(struct_pack(*columns(lambda c: c[1] <> ' '))) as profile,
    getvariable('captured_at')::timestamptz as captured_at
from csv_rows
where not is_set_aside(" mark");
