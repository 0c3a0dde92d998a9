-- People in conflict, by kind and attribute.
--
-- table conflicts    of the published day
select kind, attribute, count(distinct person_id) as people
from conflicts
group by kind, attribute
order by kind, people desc, attribute;
