-- The members of the group Everyone, which are derived instead of read: all users, with or without the
-- DEPROVISIONED ones (not documented; docs/okta-api.md, "Memberships"). The API's count shows which; if it
-- matches neither, the members are read.
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
