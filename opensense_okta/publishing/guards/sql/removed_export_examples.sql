-- People of the last export who are not in the new one.
--
-- table export_gone, view export_before, tables new_people, new_left_out    see exported.sql
-- set variable examples = 20;
select
    b.display_name, b.email, array_to_string(b.directories, ', ') as directory,
    case
        when g.person_id is null then 'gone'
        when not coalesce(n.active, false) then 'inactive'
        else (select string_agg('publish.people.' || rule, ', ' order by rule) from new_left_out l where l.person_id = g.person_id)
    end as now
from export_gone g
join export_before b on b.person_id = g.before_id
left join new_people n on n.person_id = g.person_id
order by len(b.accounts) desc, b.display_name, b.email, b.person_id
limit getvariable('examples');
