-- Which of the files have rows.
--
-- table csv_keys                                   of csv_keys.sql

select distinct file from csv_keys where key <> '';
