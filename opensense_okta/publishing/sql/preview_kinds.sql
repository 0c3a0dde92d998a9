-- How many people there are of each kind.
--
-- table preview_people    see preview_people.sql
select kind, count(*) as people from preview_people group by kind order by kind;
