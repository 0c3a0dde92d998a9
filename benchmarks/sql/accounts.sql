-- One directory's snapshot: people 0, 1, 2 … with a profile of every attribute.
--
-- set variable directory = 'okta';
-- set variable accounts = 100000;
-- set variable attributes = ['email', 'title'];
create table raw_users as
with numbered as (
    select i, unnest(getvariable('attributes')) as attribute from range(getvariable('accounts')) people(i)
),
written as (
    select
        i, attribute,
        hash(attribute, i, getvariable('directory')) % 40 as chance,
        case attribute
            when 'email' then 'person' || i || '@example.com'
            when 'user_name' then 'person' || i || '@example.com'
            when 'employee_number' then lpad(i::varchar, 8, '0')
            when 'manager' then lpad((i // 10)::varchar, 8, '0')
            when 'work_phone' then '+1 555 ' || lpad((i % 10000000)::varchar, 7, '0')
            when 'mobile_phone' then '+1 556 ' || lpad((i % 10000000)::varchar, 7, '0')
            when 'country' then 'US'
            else attribute || ' ' || i % 997
        end as value
    from numbered
)
select
    getvariable('directory') || '-' || i as id,
    'ACTIVE' as status,
    null::timestamptz as created, null::timestamptz as activated, null::timestamptz as status_changed,
    null::timestamptz as last_login, null::timestamptz as last_updated,
    null::timestamptz as password_changed,
    null::varchar as type_id,
    to_json(map_from_entries(list(struct_pack(
        key := attribute,
        value := case
            when attribute in ('email', 'employee_number') then value
            when chance < 4 then null
            when chance = 4 then value || ' of ' || getvariable('directory')
            else value
        end
    )))) as profile,
    timestamptz '2026-11-23 02:00:00+00' as captured_at
from written
group by i;
create table raw_groups (
    id varchar, type varchar, name varchar, description varchar, created timestamptz,
    last_updated timestamptz, last_membership_updated timestamptz, members_count bigint, profile json,
    captured_at timestamptz
);
create table memberships (group_id varchar, user_id varchar);
