-- The rows whose member is both a user and a group, of the first file that has some.
--
-- table csv_keys                                   of keys.sql, of the memberships
-- table csv_ambiguous_members                      of nested_groups.sql
select file, count(*) as count, list(line order by line)[:5] as lines
from csv_keys
where other in (select id from csv_ambiguous_members)
group by file
order by file
limit 1;
