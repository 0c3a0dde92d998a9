-- The active accounts of one directory that are gone or inactive now.
--
-- tables old_accounts, new_accounts
-- set variable directory = 'okta'; set variable examples = 20;
select
    o.display_name, o.email, o.directory || '/' || o.id as account,
    case when n.id is null then 'gone' else lower(n.status) end as now
from old_accounts o
left join new_accounts n using (directory, id)
where o.active and o.directory = getvariable('directory') and not coalesce(n.active, false)
order by o.display_name, o.email, o.id
limit getvariable('examples');
