-- How many rows have something wrong with what identifies them.
--
-- table csv_keys, macros means_…                   of keys.sql
-- set variable unique_keys = true;                 whether a key identifies one row

with doubled as (
    select key
    from csv_keys
    where getvariable('unique_keys') and key <> ''
    group by key
    having count(*) > 1
)
select
    (select count(*) from csv_keys where key <> '') as rows,
    (select count(*) from csv_keys where key = '') as without_key,
    (select count(*) from csv_keys where key <> '' and other = '') as without_other,
    (select count(*) from csv_keys where not means_active(active) and not means_inactive(active))
        as without_flag,
    (select count(*) from doubled) as doubled,
    (select min(key) from doubled) as one_doubled;
