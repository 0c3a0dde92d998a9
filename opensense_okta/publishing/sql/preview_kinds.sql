-- The number of people of each kind of change.
--
-- table preview_people    see preview_people.sql
select kind, count(*) as people from preview_people group by kind order by kind;
