-- The rows that a published day adds to the ledger: accounts that are new, or of which something changed. They
-- replace what earlier publications of the day added; of these, the accounts stay that are away now.
--
-- table ledger                      what was published up to now, also by earlier publications of the day
-- tables accounts, account_links    of the resolved day
-- set variable day = '2026-11-23';
create or replace temp view new_ledger_rows as
with current as (
    select
        directory, id, person_id, linked_by,
        case when given_name is null and family_name is null then display_name::varchar
            else concat_ws(' ', given_name::varchar, family_name::varchar)
        end as name
    from accounts left join account_links using (directory, id)
),
known as (
    select directory, id, unnest(arg_max(struct_pack(person_id, linked_by, name), day))
    from ledger group by directory, id
),
of_earlier_days as (
    select directory, id, arg_max(struct_pack(p := person_id, l := linked_by, n := name), day) as before
    from ledger where day < getvariable('day')::date
    group by directory, id
),
-- A link stays recorded while the other accounts of the person are away.
compared as (
    select
        c.directory, c.id, c.person_id, c.name,
        coalesce(c.linked_by, if(k.person_id = c.person_id, k.linked_by, null)) as linked_by,
        before
    from current c
    left join known k using (directory, id)
    left join of_earlier_days using (directory, id)
)
select directory, id, person_id, getvariable('day')::date as day, linked_by, name
from compared
where struct_pack(p := person_id, l := linked_by, n := name) is distinct from before
union all
select directory, id, person_id, day, linked_by, name
from ledger anti join accounts using (directory, id)
where day = getvariable('day')::date
order by directory, id;
