-- The accounts of one directory, with their values in the common vocabulary.
--
-- tables raw_users      of the directory's snapshot
-- table mapping         of the directory
-- table attributes      every attribute's position
-- table accounts_read   rows are added to it
-- set variable directory = 'okta';
-- set variable active_statuses = ['ACTIVE'];

set variable pointers = (
    select list(distinct pointer order by pointer)
    from (select pointer from mapping union all select and_pointer from mapping where and_pointer is not null)
);
-- For each attribute, in their order, the places in `pointers` to look at; NULL where there are none.
set variable places = (
    select list(choices order by position)
    from (
        select
            a.position,
            list(
                struct_pack(
                    place := list_position(getvariable('pointers'), pointer),
                    and_place := list_position(getvariable('pointers'), and_pointer),
                    is_id := pointer = '/id'
                )
                order by choice
            ) filter (pointer is not null) as choices
        from attributes a
        left join mapping m using (position)
        where position > 0 -- `active` follows from the status
        group by a.position
    )
);

insert into accounts_read by name
with found as (
    select
        id,
        status,
        coalesce(list_contains(getvariable('active_statuses'), status), false) as active,
        json_extract_string(profile, getvariable('pointers')) as texts
    from raw_users
)
select
    (select count(*) from accounts_read) + row_number() over (order by id) as account,
    getvariable('directory') as directory,
    id, status, active,
    -- A value is published as it was written.
    list_transform(getvariable('places'), lambda choices: list_filter(
        list_transform(choices, lambda c: case
            when c.and_place is not null
            then concat_ws(' ', stripped(texts[c.place]), stripped(texts[c.and_place]))
            -- A record's own id is a field like any other, for keys that link directories.
            else coalesce(texts[c.place], case when c.is_id then id end)
        end),
        lambda text: filled(text)
    )[1]) as texts
from found;
