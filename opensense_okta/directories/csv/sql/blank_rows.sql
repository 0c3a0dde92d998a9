-- How many rows have nothing but blank cells. They are no rows; spreadsheets leave them at the end.
--
-- view csv_rows, macro stripped                    of rows.sql
-- set variable key_column = 'id';                  what identifies a row

select count(*) as rows
from csv_rows
where stripped(columns(lambda c: c = getvariable('key_column'))) = ''
and stripped(concat(*columns(lambda c: c[1] <> ' '))) = '';
