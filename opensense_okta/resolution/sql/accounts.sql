-- The accounts of one directory, with their values by attribute.
--
-- tables raw_users      of the directory's snapshot
-- table mapping         of the directory
-- table attributes      every attribute's position
-- table accounts_read   rows are added to it
-- set variable directory = 'okta';
-- set variable active_statuses = ['ACTIVE'];
--
-- All JSON pointers of the directory are extracted at once: `raw_texts`. Then each attribute takes its text from
-- an index of that list. Attributes that need more than one raw text are computed for each account and follow
-- after the raw texts in the list.

set variable pointers = (
    select list(distinct pointer order by pointer)
    from (
        select pointer from mapping
        union all
        select second_pointer from mapping where second_pointer is not null
    )
);
-- One row for each attribute. `choices` are its sources, first choice first. A source is a list of indexes of
-- `pointers`: of one field, of two fields that make one value together, or empty for the record's own id.
-- Values that are not simply one field are computed. So are lists, because an empty list counts as no value.
create or replace temp table attribute_sources as
select
    position, merges, coalesce(sources, []) as choices,
    merges or len(choices) <> 1 or len(choices[1]) <> 1 as is_computed
from attributes
left join (
    select position, flatten(list(choices order by choice)) as sources
    from (
        select
            position, choice,
            list_transform(
                list_filter([pointer, second_pointer], lambda x: x is not null),
                lambda x: list_position(getvariable('pointers'), x)
            ) as fields,
            -- A profile field can be named `id`; if it is blank, the record's own id counts.
            if(pointer = '/id', [fields, []], [fields]) as choices
        from mapping
    )
    group by position
) using (position)
where position > 0; -- `active` follows from the status

set variable computed_attributes = (
    select coalesce(list(struct_pack(choices, merges) order by position), [])
    from attribute_sources where is_computed
);
-- For each attribute: the index of its text in the list of raw texts and computed texts.
set variable text_indexes = (
    select list(text_index order by position)
    from (
        select
            position,
            if(
                is_computed,
                len(getvariable('pointers')) + count(*) filter (is_computed) over (order by position),
                choices[1][1]
            ) as text_index
        from attribute_sources
    )
);

insert into accounts_read by name
with users as (
    select
        id, status,
        -- A value is published as it was written, but for the identifiers; see below.
        list_transform(
            json_extract_string(coalesce(profile, '{}'), getvariable('pointers')),
            lambda text: if(is_filled(text), text, null)
        ) as raw_texts
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
        raw_texts || list_transform(getvariable('computed_attributes'), lambda attribute: list_filter(
            list_transform(attribute.choices, lambda fields: case len(fields)
                when 0 then id
                when 1 then raw_texts[fields[1]]
                else stripped(concat_ws(' ', stripped(raw_texts[fields[1]]), stripped(raw_texts[fields[2]])))
            end),
            lambda text: if(attribute.merges, len(as_list(text)) > 0, text is not null)
        )[1]),
        getvariable('text_indexes')
    ) as texts
from users
join numbered using (id);

-- Identifiers are stripped. Nearly all are already.
set variable identifiers = (select list(position) from attributes where is_identifier and position > 0);

update accounts_read
set texts = list_transform(
    texts, lambda text, index: if(list_contains(getvariable('identifiers'), index), stripped(text), text)
)
where directory = getvariable('directory')
and regexp_matches(
    array_to_string(list_select(texts, getvariable('identifiers')), chr(10)),
    '(?m)^[\s\x0B\x1C-\x1F\x{85}\p{Z}]|[\s\x0B\x1C-\x1F\x{85}\p{Z}]$'
);

-- An id that occurs twice is one account. The snapshot's own check prevents publishing such a day.
delete from accounts_read
using (
    select account, min(rowid) as first_row from accounts_read group by account having count(*) > 1
) repeated
where accounts_read.account = repeated.account and accounts_read.rowid <> repeated.first_row;
