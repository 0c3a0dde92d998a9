-- People who had several accounts and have fewer now, and people who were merged with another person.
-- Sorted by the number of lost accounts, descending.
--
-- tables old_people, new_people, people_merged    see resolution/sql/changes.sql
-- set variable examples = 20;
select
    o.display_name, o.email,
    array_to_string(list_sort(o.accounts), ', ') as before,
    array_to_string(list_sort(n.accounts), ', ') as after
from old_people o
left join people_merged m on m.before = o.person_id
join new_people n on n.person_id = coalesce(m.after, o.person_id)
where o.active and (m.before is not null or len(o.accounts) > 1 and len(n.accounts) < len(o.accounts))
order by len(o.accounts) - len(n.accounts) desc, o.display_name, o.person_id
limit getvariable('examples');
