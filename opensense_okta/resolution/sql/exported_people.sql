-- Macros that find who of a day is exported, and which rules leave out the others.
--
-- table people_rules (rule, attribute, excludes, pattern, like_pattern)    see people_rules.py

-- Values of people that match a pattern. Case does not count, nor does white space around a value.
create or replace temp macro matching_values(people_values) as table
select r.rule, r.pattern, v.person_id
from query_table(people_values) v
join people_rules r
    on r.attribute = v.attribute
    and lower(nfc_normalize(trim(v.value, E' \t\r\n'))) like r.like_pattern escape '\';

-- Members of groups that match a pattern. An id is that of the directory, or `directory/id`.
create or replace temp macro matching_members(groups, memberships) as table
with matching_groups as (
    select distinct r.rule, r.pattern, g.group_id
    from query_table(groups) g
    join people_rules r
        on r.attribute is null
        and (
            g.group_id = r.pattern
            or g.name like r.like_pattern escape '\'
            or list_contains(list_transform(g.sources, lambda s: s[strpos(s, '/') + 1:]), r.pattern)
        )
)
select rule, pattern, person_id from query_table(memberships) join matching_groups using (group_id);

-- A row for each active person and rule that leaves the person out.
create or replace temp macro left_out_people(people, matches) as table
with rules as (select distinct rule, excludes from people_rules),
matched as (select distinct rule, person_id from query_table(matches))
select person_id, rule
from (select person_id from query_table(people) where active)
cross join rules
left join (select *, true as is_matched from matched) using (rule, person_id)
where coalesce(is_matched, false) = excludes;
