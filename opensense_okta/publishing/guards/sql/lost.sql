-- A fingerprint of who and what each guard counts: equal if the same is lost. It does not depend on the order.
--
-- tables old_people, new_people, …                          the published directory and the new one
-- tables changes, people_merged, macro differences          see resolution/sql/changes.sql
-- tables accounts_staying, people_staying, memberships_gone, group_directories    see accounts.sql, losses.sql
with lost as (
    select 'removed' as guard, null::varchar as directory, null::varchar as attribute, o.person_id as what
    from old_people o
    left join people_merged m on m.before = o.person_id
    left join new_people n on n.person_id = coalesce(m.after, o.person_id)
    where o.active and not coalesce(n.active, false)
    union all
    select 'removed', directory, null, id
    from old_accounts o
    left join new_accounts n using (directory, id)
    where o.active and not coalesce(n.active, false)
    union all
    select 'removed_memberships', null, null, concat_ws('/', person_id, group_id) from memberships_gone
    union all
    select 'removed_memberships', directory, null, concat_ws('/', person_id, group_id)
    from memberships_gone
    join group_directories using (group_id)
    join old_people p using (person_id)
    where list_contains(p.directories, directory)
    union all
    select
        case when after is null then 'blanked' else 'rewritten' end, null, attribute,
        concat_ws('/', person_id, after)
    from changes
    semi join people_staying using (person_id)
    where change = 'changed' and before is not null
    union all
    select
        case when after is null then 'blanked' else 'rewritten' end, split_part(key, '/', 1), attribute,
        concat_ws('/', key, after)
    from differences('accounts_both', getvariable('accounts_attributes'))
    where before is not null
    union all
    select 'correlation', null, null, concat_ws('/', o.person_id, list_sort(n.accounts))
    from old_people o
    left join people_merged m on m.before = o.person_id
    join new_people n on n.person_id = coalesce(m.after, o.person_id)
    where o.active and (m.before is not null or len(o.accounts) > 1 and len(n.accounts) < len(o.accounts))
)
select guard, directory, attribute, bit_xor(md5_number(what))::varchar as fingerprint
from lost
group by guard, directory, attribute;
