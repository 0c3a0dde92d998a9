-- The cells to check in each row: what identifies it, whether it is active, its login and e-mail address.
--
-- view csv_rows, macro stripped                    of rows.sql
-- set variable key_column = 'id';                  the column that identifies a row
-- set variable other_column = 'id';                the second part of the key; the same column if there is none
-- set variable needs_more = true;                  whether a row with only a key is set aside
-- set variable active_column = 'active';           NULL, also for the next two: there is no such column
-- set variable login_column = 'user_name';
-- set variable email_column = 'email';
--
-- Only these columns are read, because rows are wide.

create or replace temp macro or_key(column_name) as coalesce(column_name, getvariable('key_column'));

create or replace temp macro means_active(cell) as
    cell in ('', 'true', 'yes', 'y', '1', 't', 'active');
create or replace temp macro means_inactive(cell) as
    cell in ('false', 'no', 'n', '0', 'f', 'inactive');
create or replace temp macro is_set_aside(mark) as getvariable('needs_more') and mark = '1';

create or replace temp table csv_keys as
select
    stripped(columns(lambda c: c = getvariable('key_column'))) as key,
    stripped(columns(lambda c: c = getvariable('other_column'))) as other,
    if(
        getvariable('active_column') is null, '',
        lower(stripped(columns(lambda c: c = or_key(getvariable('active_column')))))
    ) as active,
    getvariable('login_column') is not null
    and stripped(columns(lambda c: c = or_key(getvariable('login_column')))) = '' as without_login,
    getvariable('email_column') is not null
    and not regexp_full_match(
        stripped(columns(lambda c: c = or_key(getvariable('email_column')))), '[^@\s]+@[^@\s]+\.[^@\s]+'
    ) as without_email,
    " file" as file,
    " line" as line,
    is_set_aside(" mark") as set_aside
from csv_rows;
