-- Adds the rows of one file to table `lookup_rows`, and returns the lines of keys that are there twice.
--
-- macros of texts.sql and keys.sql
-- set variable number = 1;                of the lookup
-- set variable lines = ['2', '3'];        of the file
-- set variable keys = ['Oslo', 'Bonn'];
-- set variable texts = ['+47 …', ''];     the column that is taken

create or replace temp table lines_of_lookup as
select line::integer as line, normalized(key) as key, if(is_filled(text), text, null) as value
from (
    select
        unnest(getvariable('lines')::varchar[]) as line,
        unnest(getvariable('keys')::varchar[]) as key,
        unnest(getvariable('texts')::varchar[]) as text
);

insert into lookup_rows
select getvariable('number'), key, value from lines_of_lookup;

select min(line) as first_line, max(line) as other_line
from lines_of_lookup
group by key having count(*) > 1
order by first_line;
