-- What is stored of a read: users by include and exclude, groups by store_groups, the memberships between them.
--
-- tables raw_users, raw_groups, memberships, nested_groups    as read
-- table scope_rules (rule, attribute, excludes, position, like_pattern)
-- table group_rules (position, pattern, like_pattern)    of store_groups
-- view mapped_texts (id, texts)                    of the users, by the attributes of the rules
-- set variable rule_attributes = ['email'];
-- set variable rule_lists = ['aliases'];           those of them that are lists
-- set variable nested = true;                      whether members of a group's groups count as its members
-- macros of texts.sql and nested_groups.sql

create or replace temp table rule_matches as
with texts as (
    select id, unnest(texts) as text, unnest(getvariable('rule_attributes')) as attribute from mapped_texts
),
single as (
    select id, attribute, unnest(
        if(list_contains(getvariable('rule_lists'), attribute), as_list(text), [text])
    ) as value
    from texts
    where text is not null
)
-- Case does not count, nor does white space around a value.
select distinct r.rule, r.position, id
from single
join scope_rules r
    on r.attribute = single.attribute
    and lower(nfc_normalize(stripped(value))) like lower(nfc_normalize(r.like_pattern)) escape '\';

-- A row for each user and rule that leaves the user out.
create or replace temp table users_left_out as
select id, rule
from (select distinct id from raw_users)
cross join (select distinct rule, excludes from scope_rules)
left join (select distinct rule, id, true as is_matched from rule_matches) using (rule, id)
where coalesce(is_matched, false) = excludes;

create or replace temp table group_matches as
select r.position, g.id as group_id
from group_rules r
join raw_groups g on g.id = r.pattern or g.name like r.like_pattern escape '\';

create or replace temp view groups_chosen as
select distinct group_id from group_matches;

create or replace temp table groups_kept as
select distinct id
from (
    select group_id as id from groups_chosen
    union all
    select group_id from groups_reached('groups_chosen', 'nested_groups') where getvariable('nested')
    union all
    select id from raw_groups where not exists (from group_rules)
);

create or replace temp view kept_raw_users as from raw_users anti join users_left_out using (id);
create or replace temp view kept_raw_groups as from raw_groups semi join groups_kept using (id);
-- Members who were not listed are kept: a check counts them.
create or replace temp view kept_memberships as
from memberships
where group_id in (select id from groups_kept) and user_id not in (select id from users_left_out);
create or replace temp view kept_nested_groups as
from nested_groups
where group_id in (select id from groups_kept) and member_group_id in (select id from groups_kept);

-- How many users each rule leaves out, and how many users or groups each pattern matches.
select 'left_out.scope.' || rule as name, count(id) as count
from (select distinct rule from scope_rules)
left join users_left_out using (rule)
group by rule
union all
select 'matched.scope.' || rule || '.' || position, count(id)
from scope_rules
left join rule_matches using (rule, position)
group by rule, position
union all
select 'matched.store_groups.' || position, count(group_id)
from group_rules
left join group_matches using (position)
group by position
order by name;
