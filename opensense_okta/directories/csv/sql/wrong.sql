-- The problems of rows by file, the most important first, with the first lines of each.
--
-- table csv_keys, macros means_…                   of keys.sql
-- macro name_key                                   of rows.sql
-- set variable key_column = 'id';                  the column that identifies a row
-- set variable unique_keys = true;                 whether a key identifies one row
--
-- `doubled` counts keys, the others count rows. A row of problem `header` may be a header; header_again.sql decides.

with problems as (
    select 1 as importance, 'header' as problem, file, line
    from csv_keys
    where key <> '' and name_key(key) = name_key(getvariable('key_column'))
    union all
    select 2, 'key', file, line from csv_keys where key = ''
    union all
    select 3, 'other', file, line from csv_keys where other = ''
    union all
    select 5, 'flag', file, line
    from csv_keys
    where not set_aside and not means_active(active) and not means_inactive(active)
),
doubled as (
    select key, min(file) as file
    from csv_keys
    where getvariable('unique_keys') and not set_aside and key <> ''
    group by key
    having count(*) > 1
),
by_file as (
    select importance, problem, file, count(*) as count, list(line order by line)[:5] as lines
    from problems
    group by importance, problem, file
    union all
    select 4, 'doubled', min(file), count(*), [] from doubled having count(*) > 0
)
select problem, file, count, lines from by_file order by importance, file;
