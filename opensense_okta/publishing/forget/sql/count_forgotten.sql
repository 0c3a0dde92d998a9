-- The number of rows that go.
--
-- set variable marked = 'marked_0';    a view with the column forgotten; see marked.sql
select count(*) from query_table(getvariable('marked')) where forgotten;
