-- The groups that an Entra tenant listed. What their types mean: docs/entra-api.md, "Groups".
--
-- view last_attempts                               of journal.sql
-- set variable groups_records = 'groups.jsonl';    full group records

create or replace temp view groups_read as
select page, captured_at, record, json_extract_string(record, '$.id') as id
from read_json(
    getvariable('groups_records'),
    format = 'newline_delimited',
    columns = {
        listing: 'VARCHAR', attempt: 'INTEGER', page: 'INTEGER', captured_at: 'TIMESTAMPTZ', record: 'JSON'
    }
)
semi join last_attempts using (listing, attempt);

create or replace temp table groups_youngest as
select id, max(page) as page from groups_read group by id;

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
