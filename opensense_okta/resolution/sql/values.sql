-- The values of one directory's accounts, in the common vocabulary: one row per filled value.
--
-- table raw_users       of the directory's snapshot
-- table mapping         attribute, position, field, and_field: where values come from
-- table account_values  directory, account_id, attribute, value: rows are added to it
-- table account_states  directory, account_id, status, active: rows are added to it
-- set variable directory = 'okta';
-- set variable active_statuses = ['ACTIVE'];

set variable fields = (
    select list(distinct field order by field)
    from (select field from mapping union all select and_field from mapping where and_field is not null)
);
-- A JSON pointer (RFC 6901) takes any field name.
set variable pointers = (
    select list('/' || replace(replace(f, '~', '~0'), '/', '~1'))
    from (select unnest(getvariable('fields')) as f)
);

insert into account_states by name
select
    getvariable('directory') as directory,
    id as account_id,
    status,
    coalesce(list_contains(getvariable('active_statuses'), status), false) as active
from raw_users;

insert into account_values by name
with found as (
    select id as account_id, json_extract_string(profile, getvariable('pointers')) as texts
    from raw_users
),
places as (
    select
        attribute, position,
        list_position(getvariable('fields'), field) as place,
        list_position(getvariable('fields'), and_field) as and_place
    from mapping
),
candidates as (
    select
        account_id, attribute, position,
        case
            when and_place is null then texts[place]
            else concat_ws(' ', stripped(texts[place]), stripped(texts[and_place]))
        end as value
    from found cross join places
)
select
    getvariable('directory') as directory,
    account_id,
    attribute::attribute as attribute,
    arg_min(value, position) as value
from candidates
-- A value is published as it was written.
where filled(value)
group by account_id, attribute;
