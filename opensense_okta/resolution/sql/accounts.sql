-- The accounts of one directory, with their values by attribute.
--
-- tables raw_users      of the directory's snapshot
-- table mapping         of the directory
-- table attributes      every attribute's position
-- table accounts_read   rows are added to it
-- set variable directory = 'okta';
-- set variable active_statuses = ['ACTIVE'];
--
-- All fields of the directory are extracted at once, by their JSON pointers: `raw_texts`. Then each attribute takes its text from
-- an index of that list. Attributes that need more than one raw text are computed for each account and follow
-- after the raw texts in the list.

-- The fields of identifiers come last: only these are stripped. A field can be extracted in both ways.
create or replace temp view fields as
select is_identifier, unnest([pointer, second_pointer]) as pointer
from mapping join attributes using (position);

set variable fields = (
    select list_sort(list(distinct struct_pack(is_identifier, pointer))) from fields where pointer is not null
);
set variable pointers = list_transform(getvariable('fields'), lambda field: field.pointer);
set variable unstripped_count = len(list_filter(getvariable('fields'), lambda field: not field.is_identifier));
-- One row for each attribute. `choices` are its sources, first choice first. A source is a list of indexes of
-- `fields`: of one field, of two fields that make one value together, or empty for the record's own id.
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
                lambda x: list_position(
                    getvariable('fields'), struct_pack(is_identifier := is_identifier, pointer := x)
                )
            ) as fields,
            -- A profile field can be named `id`; if it is blank, the record's own id counts.
            if(pointer = '/id', [fields, []], [fields]) as choices
        from mapping join attributes using (position)
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
        -- A value is published as it was written; an identifier without white space around it.
        list_transform(
            json_extract_string(coalesce(profile, '{}'), getvariable('pointers')),
            lambda text, index: case
                when not is_filled(text) then null
                when index > getvariable('unstripped_count') then stripped(text)
                else text
            end
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

-- An id that occurs twice is one account. The snapshot's own check prevents publishing such a day.
delete from accounts_read
using (
    select account, min(rowid) as first_row from accounts_read group by account having count(*) > 1
) repeated
where accounts_read.account = repeated.account and accounts_read.rowid <> repeated.first_row;
