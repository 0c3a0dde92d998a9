-- The groups whose members are to be read.
--
-- table groups_in_scope                            of scope.sql
select distinct id from groups_in_scope order by id;
