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
-- Fields that are one value only together, by their places in `pointers`.
set variable pairs = (
    select list(distinct [
        list_position(getvariable('pointers'), pointer), list_position(getvariable('pointers'), and_pointer)
    ])
    from mapping where and_pointer is not null
);
-- Where each attribute's values are found, first choice first: in what the pointers lead to, then the
-- pairs, then the record's own id. Unless it is one place, the choice is made for each account; and for
-- lists, as a list of nothing is no value.
create or replace temp table sought as
select position, merges, coalesce(found, []) as places, merges or len(places) <> 1 as chosen
from attributes
left join (
    select position, flatten(list(places order by choice)) as found
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
where position > 0; -- `active` follows from the status

set variable choices = (
    select coalesce(list(struct_pack(places, merges) order by position), []) from sought where chosen
);
-- For each attribute, in their order: where its value is. What was chosen comes after the id.
set variable taken_from = (
    select list(place order by position)
    from (
        select
            position,
            if(
                chosen,
                len(getvariable('pointers')) + len(coalesce(getvariable('pairs'), [])) + 1
                + count(*) filter (chosen) over (order by position),
                places[1]
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
    list_select(
        texts || list_transform(getvariable('choices'), lambda choice: case
            when choice.merges
            then list_filter(list_select(texts, choice.places), lambda text: len(listed(text)) > 0)[1]
            else list_any_value(list_select(texts, choice.places))
        end),
        getvariable('taken_from')
    ) as texts
from found
join numbered using (id);

-- An id that comes twice is one account; the snapshot's own check holds the day for it.
delete from accounts_read
using (select account, min(rowid) as first from accounts_read group by account having count(*) > 1) doubled
where accounts_read.account = doubled.account and accounts_read.rowid <> doubled.first;
