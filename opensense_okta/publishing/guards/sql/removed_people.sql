-- Active people who are gone or inactive now; sorted by the number of accounts, descending.
--
-- tables old_people, new_people, people_merged    see resolution/sql/changes.sql
-- set variable examples = 20;
select
    o.display_name, o.email, array_to_string(o.directories, ', ') as directory,
    case when n.person_id is null then 'gone' else 'inactive' end as now
from old_people o
left join people_merged m on m.before = o.person_id
left join new_people n on n.person_id = coalesce(m.after, o.person_id)
where o.active and not coalesce(n.active, false)
order by len(o.accounts) desc, o.display_name, o.email, o.person_id
limit getvariable('examples');
