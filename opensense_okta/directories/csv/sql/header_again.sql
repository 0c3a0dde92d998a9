-- The rows that repeat the header, by file: besides the key, another cell is equal to its column's name.
--
-- view csv_rows, macro name_key                    of rows.sql
-- set variable key_column = 'id';                  the column that identifies a row

with rows_with_key as (
    from csv_rows
    where name_key(columns(lambda c: c = getvariable('key_column'))) = name_key(getvariable('key_column'))
),
repeated as (
    select " file" as file, " line" as line
    from (unpivot rows_with_key on columns(lambda c: c[1] <> ' ') into name column_name value cell)
    group by all
    having count(*) = 1 or count(*) filter (name_key(cell) = name_key(column_name)) > 1
)
select 'header' as problem, file, count(*) as count, list(line order by line)[:5] as lines
from repeated
group by file
order by file;
