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
-- Where each attribute's values are found, first choice first: the places of one field among the pointers,
-- or of two that are one value only together, or none for the record's own id. What is not one field alone
-- is made for each account; so are lists, as a list of nothing is no value.
create or replace temp table sought as
select
    position, merges, coalesce(found, []) as choices,
    merges or len(choices) <> 1 or len(choices[1]) <> 1 as made
from attributes
left join (
    select position, flatten(list(choices order by choice)) as found
    from (
        select
            position, choice,
            list_transform(
                list_filter([pointer, and_pointer], lambda x: x is not null),
                lambda x: list_position(getvariable('pointers'), x)
            ) as fields,
            -- A record's own id is a field like any other, for keys that link directories.
            if(pointer = '/id', [fields, []], [fields]) as choices
        from mapping
    )
    group by position
) using (position)
where position > 0; -- `active` follows from the status

set variable made = (
    select coalesce(list(struct_pack(choices, merges) order by position), []) from sought where made
);
-- For each attribute, in their order: where its value is. What is made comes after what the pointers lead to.
set variable places = (
    select list(place order by position)
    from (
        select
            position,
            if(
                made,
                len(getvariable('pointers')) + count(*) filter (made) over (order by position),
                choices[1][1]
            ) as place
        from sought
    )
);

insert into accounts_read by name
with read as (
    select
        id, status,
        -- A value is published as it was written.
        list_transform(
            json_extract_string(coalesce(profile, '{}'), getvariable('pointers')),
            lambda text: if(filled(text), text, null)
        ) as texts
    from raw_users
),
numbered as (
    select id, row_number() over (order by id) as number from (select distinct id from raw_users)
)
select
    (select coalesce(max(account), 0) from accounts_read) + number as account,
    getvariable('directory') as directory,
    id, status,
    coalesce(list_contains(getvariable('active_statuses'), status), false) as active,
    list_select(
        texts || list_transform(getvariable('made'), lambda one: list_filter(
            list_transform(one.choices, lambda fields: case len(fields)
                when 0 then id
                when 1 then texts[fields[1]]
                else stripped(concat_ws(' ', stripped(texts[fields[1]]), stripped(texts[fields[2]])))
            end),
            lambda text: if(one.merges, len(listed(text)) > 0, text is not null)
        )[1]),
        getvariable('places')
    ) as texts
from read
join numbered using (id);

-- An id that comes twice is one account; the snapshot's own check holds the day for it.
delete from accounts_read
using (select account, min(rowid) as first from accounts_read group by account having count(*) > 1) doubled
where accounts_read.account = doubled.account and accounts_read.rowid <> doubled.first;
