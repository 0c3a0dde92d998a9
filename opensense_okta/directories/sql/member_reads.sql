-- When the members of each group were read, for kinds that read all of them.
--
-- table groups_to_read                             of scope.sql
-- view journal                                     of journal.sql

create or replace view member_reads as
select g.id as group_id, min(journal.read_at) as read_at, 'read' as how
from groups_to_read g
left join journal on journal.listing = g.id
group by g.id;
