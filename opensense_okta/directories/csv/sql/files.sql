-- Which of the files have rows.
--
-- table csv_keys                                   of keys.sql

select distinct file from csv_keys where key <> '';
