-- The number of rows, and the number of those that are set aside.
--
-- table csv_keys                                   of keys.sql
select count(*) as rows, count(*) filter (where set_aside) as set_aside from csv_keys;
