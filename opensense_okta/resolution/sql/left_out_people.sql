-- How many active people the rules of publish.people leave out.
--
-- table people_rules (rule, pattern)
-- set variable matches = 'new_matches';            table (rule, pattern, person_id)
-- set variable left_out = 'new_left_out';          table (person_id, rule)
with by_rule as (
    select rule, count(person_id) as people
    from (select distinct rule from people_rules)
    left join query_table(getvariable('left_out')) using (rule)
    group by rule
),
unmatched as (
    select rule, pattern
    from (select distinct rule, pattern from people_rules)
    anti join query_table(getvariable('matches')) using (rule, pattern)
)
select
    (select count(distinct person_id) from query_table(getvariable('left_out'))) as count,
    (select coalesce(map_from_entries(list((rule, people) order by rule)), map {}) from by_rule) as by_rule,
    (select coalesce(list((rule, pattern) order by rule, pattern), []) from unmatched) as unmatched;
