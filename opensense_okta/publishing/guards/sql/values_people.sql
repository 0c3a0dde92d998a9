-- People in whom the value of one attribute was blanked or rewritten; the most frequent change first.
--
-- tables old_people, new_people, changes    see resolution/sql/changes.sql
-- set variable attribute = 'title'; set variable blanked = true; set variable examples = 20;
select
    p.display_name, p.email, array_to_string(p.directories, ', ') as directory,
    c.before, c.after
from changes c
join old_people p using (person_id)
join (from new_people select person_id where active) using (person_id)
where
    p.active and c.change = 'changed' and c.attribute = getvariable('attribute')
    and c.before is not null and (c.after is null) = getvariable('blanked')
order by count(*) over (partition by c.before, c.after) desc, c.before, c.after, p.display_name, p.person_id
limit getvariable('examples');
