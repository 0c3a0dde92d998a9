-- The first key that several rows have: the lines of these rows, by file.
--
-- table csv_keys                                   of keys.sql

with doubled as (
    select key from csv_keys where not set_aside and key <> '' group by key having count(*) > 1
)
select file, list(line order by line) as lines
from csv_keys
where key = (select min(key) from doubled) and not set_aside
group by file
order by file;
