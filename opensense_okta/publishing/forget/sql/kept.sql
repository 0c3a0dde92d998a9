-- The rows that stay.
--
-- set variable marked = 'marked_0';    a view with the column forgotten; see marked.sql
create or replace temp view kept as
select * exclude (forgotten) from query_table(getvariable('marked')) where forgotten is not true;
