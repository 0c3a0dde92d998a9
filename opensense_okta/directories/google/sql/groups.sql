-- The groups that an account listed (docs/google-api.md, "Groups").
--
-- view groups_read, table groups_youngest          of groups_read.sql

create or replace temp view groups_listed as
select
    id,
    'google' as type,
    json_extract_string(record, '$.name') as name,
    nullif(json_extract_string(record, '$.description'), '') as description,
    null::timestamptz as created,
    null::timestamptz as last_updated,
    null::timestamptz as last_membership_updated,
    try_cast(json_extract_string(record, '$.directMembersCount') as bigint) as members_count,
    record as profile,
    captured_at
from groups_read
semi join groups_youngest using (id, page);

create or replace temp view group_pages_out_of_order as
select page
from (
    select page, min(address) as first, max(address) as last
    from (select page, lower(json_extract_string(record, '$.email')) as address from groups_read)
    group by page
)
qualify first <= lag(last) over (order by page);

select count(*) from group_pages_out_of_order;
