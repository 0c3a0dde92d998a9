-- Who is in the group Everyone, so that it need not be read: every user, with or without those who are
-- DEPROVISIONED (not documented; docs/okta-api.md, "Memberships"). The API's own count shows which; where it
-- fits neither, the members have to be read.
--
-- tables of groups.sql, users.sql and plan.sql
select
    plan.group_id,
    case
        when g.members_count = (select count(*) from users_youngest where status is distinct from 'DEPROVISIONED')
            then 'present'
        when g.members_count = (select count(*) from users_youngest) then 'all'
    end as everyone
from plan
join groups_listed g on g.id = plan.group_id
where plan.how = 'everyone';
