-- The people of the last export who are not in the new one, and why.
--
-- views export_before, new_exported         people of both exports, see exports/comparison.py
-- table new_people                          of the day
-- set variable day = '2026-11-23';          that is evaluated
-- tables new_left_out (person_id, rule), old_matches, new_matches (rule, pattern, person_id)
-- Result: table export_gone (before_id, person_id); `person_id` is who the person is now, if anybody.

-- A person may have another id now: then an account shows who it is.
create or replace temp table export_gone as
with missing as (from export_before anti join (select person_id from new_exported) using (person_id)),
accounts as (select person_id as new_id, active, unnest(accounts)::varchar as account from new_people),
by_account as (
    select m.person_id, arg_max(a.new_id, a.active) as new_id
    from (select person_id, unnest(accounts)::varchar as account from missing) m
    join accounts a using (account)
    group by m.person_id
)
select m.person_id as before_id, coalesce(n.person_id, b.new_id) as person_id
from missing m
left join new_people n using (person_id)
left join by_account b on b.person_id = m.person_id
where coalesce(n.person_id, b.new_id) is null
or coalesce(n.person_id, b.new_id) not in (select person_id from new_exported);

with gone as (
    select
        g.*, coalesce(n.active, false) as is_active,
        not n.active and try_cast(n.end_date as date) < getvariable('day')::date as has_ended
    from export_gone g
    -- Older versions stored no dates.
    left join (from new_people union all by name (select null::date as end_date limit 0)) n using (person_id)
),
by_rule as (
    select rule, count(*) as people
    from gone join new_left_out using (person_id)
    where is_active
    group by rule
),
-- Groups that nobody is a member of any more, though somebody was on the published day.
emptied as (
    select distinct pattern
    from old_matches o
    where rule = 'groups' and not exists (from new_matches n where n.rule = o.rule and n.pattern = o.pattern)
)
select
    'removed' as guard,
    null as directory,
    null as attribute,
    count(*) as count,
    (select count(*) from export_before) as "of",
    count(*) filter (where person_id is null) as gone,
    count(*) filter (where is_active) as left_out,
    count(*) filter (where has_ended) as ended,
    0 as by_removed,
    0 as staying,
    true as known,
    (select coalesce(list((rule, people) order by people desc, rule), []) from by_rule) as by_rule,
    (select coalesce(list(pattern order by pattern), []) from emptied) as emptied
from gone;
