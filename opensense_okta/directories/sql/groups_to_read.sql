-- The groups whose members are to be read.
--
-- table groups_to_read                             of scope.sql
select distinct id from groups_to_read order by id;
