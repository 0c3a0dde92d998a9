-- The accounts of one directory, with their values in the common vocabulary.
--
-- tables raw_users      of the directory's snapshot
-- table mapping         of the directory
-- table attributes      every attribute's position
-- table accounts_read   rows are added to it
-- set variable directory = 'okta';
-- set variable active_statuses = ['ACTIVE'];

set variable merging = (select list(merges order by position) from attributes where position > 0);
set variable pointers = (
    select list(distinct pointer order by pointer)
    from (select pointer from mapping union all select and_pointer from mapping where and_pointer is not null)
);
-- Fields that are one value only together, by their places in `pointers`.
set variable pairs = (
    select list(distinct [
        list_position(getvariable('pointers'), pointer), list_position(getvariable('pointers'), and_pointer)
    ])
    from mapping where and_pointer is not null
);
-- For each attribute, in their order, where its values are found, first choice first: in what the
-- pointers lead to, then the pairs, then the record's own id.
set variable choices = (
    select list(coalesce(places, []) order by position)
    from attributes
    left join (
        select position, flatten(list(places order by choice)) as places
        from (
            select
                position, choice,
                case
                    when and_pointer is not null then [
                        len(getvariable('pointers')) + list_position(getvariable('pairs'), [
                            list_position(getvariable('pointers'), pointer),
                            list_position(getvariable('pointers'), and_pointer)
                        ])
                    ]
                    -- A record's own id is a field like any other, for keys that link directories.
                    when pointer = '/id' then [
                        list_position(getvariable('pointers'), pointer),
                        len(getvariable('pointers')) + len(coalesce(getvariable('pairs'), [])) + 1
                    ]
                    else [list_position(getvariable('pointers'), pointer)]
                end as places
            from mapping
        )
        group by position
    ) using (position)
    where position > 0 -- `active` follows from the status
);

insert into accounts_read by name
with read as (
    select
        id, status,
        -- A value is published as it was written.
        list_transform(
            json_extract_string(profile, getvariable('pointers')), lambda text: if(filled(text), text, null)
        ) as texts
    from raw_users
),
found as (
    select
        id, status,
        texts || list_transform(
            coalesce(getvariable('pairs'), []),
            lambda pair: stripped(concat_ws(' ', stripped(texts[pair[1]]), stripped(texts[pair[2]])))
        ) || [id] as texts
    from read
),
numbered as (
    select id, row_number() over (order by id) as number from (select distinct id from raw_users)
)
select
    (select coalesce(max(account), 0) from accounts_read) + number as account,
    getvariable('directory') as directory,
    id, status,
    coalesce(list_contains(getvariable('active_statuses'), status), false) as active,
    list_transform(getvariable('choices'), lambda choice, position: case
        when getvariable('merging')[position] then list_filter( -- a list of nothing is no value
            list_select(texts, choice), lambda text: len(listed(text)) > 0
        )[1]
        else list_any_value(list_select(texts, choice))
    end) as texts
from found
join numbered using (id);

-- An id that comes twice is one account; the snapshot's own check holds the day for it.
delete from accounts_read
using (select account, min(rowid) as first from accounts_read group by account having count(*) > 1) doubled
where accounts_read.account = doubled.account and accounts_read.rowid <> doubled.first;
