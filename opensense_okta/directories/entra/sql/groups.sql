-- The groups that an Entra tenant listed. What their types mean: docs/entra-api.md, "Groups".
--
-- view groups_read, table groups_youngest          of groups_read.sql

create or replace temp view groups_listed as
select
    id,
    case
        when list_contains(json_extract_string(record, '$.groupTypes[*]'), 'Unified') then 'MICROSOFT_365'
        when json_extract_string(record, '$.mailEnabled') = 'true'
        and json_extract_string(record, '$.securityEnabled') = 'true' then 'MAIL_ENABLED_SECURITY'
        when json_extract_string(record, '$.mailEnabled') = 'true' then 'DISTRIBUTION'
        when json_extract_string(record, '$.securityEnabled') = 'true' then 'SECURITY'
    end as type,
    json_extract_string(record, '$.displayName') as name,
    json_extract_string(record, '$.description') as description,
    try_cast(json_extract_string(record, '$.createdDateTime') as timestamptz) as created,
    null::timestamptz as last_updated,
    null::timestamptz as last_membership_updated,
    null::bigint as members_count,
    record as profile,
    captured_at
from groups_read
semi join groups_youngest using (id, page);
