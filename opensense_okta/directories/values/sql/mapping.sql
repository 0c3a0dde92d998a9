-- What `mapped_texts.sql` needs of the mapping, as variables.
--
-- table mapped_attributes    position, is_list: the attributes whose texts are computed
-- table mapping              the sources of each attribute
-- view mapped_users          id, profile and other columns
--
-- All JSON pointers of the directory are extracted at once: `raw_texts`. Then each attribute takes its text from
-- an index of that list. Attributes that need more than one raw text are computed for each user and follow
-- after the raw texts in the list.
--
-- A computed attribute has choices, the first choice first. A choice is an index of these texts: the raw texts, the
-- texts of array items, the prefixed texts, the values, the texts looked up, the constants, the joined texts, the
-- record's own id.

set variable pointers = (
    select coalesce(list(distinct pointer order by pointer), [])
    from (select unnest(pointers) as pointer from mapping)
);
create or replace temp table mapped_sources as
with numbered as (
    select
        *,
        list_transform(pointers, lambda x: list_position(getvariable('pointers'), x)) as places,
        row_number() over (
            partition by form = 'field'
            order by
                list_position(['item', 'prefixed', 'values', 'lookup', 'constant', 'join'], form), position, choice
        ) as number
    from mapping
)
select *, if(form = 'field', places[1], len(getvariable('pointers')) + number) as index
from numbered;

-- The arrays that items are in, each once; the objects that they are parts of, each once, with the conditions
-- that choose it; and the items.
create or replace temp table item_arrays as
select place, row_number() over (order by place) as array_number
from (select distinct places[1] as place from mapped_sources where form = 'item');

create or replace temp table item_objects as
select place, array_number, text, row_number() over (order by place, text) as object_number
from (select distinct places[1] as place, text from mapped_sources where form = 'item')
join item_arrays using (place);

set variable array_places = (select coalesce(list(place order by array_number), []) from item_arrays);
set variable objects = (
    select coalesce(list(struct_pack(
        array_number,
        choices := list_transform(from_json(text, '[["VARCHAR"]]'), lambda choice: list_transform(
            choice,
            lambda condition: struct_pack(
                key := '/' || split_part(condition, '=', 1), text := split_part(condition, '=', 2)
            )
        ))
    ) order by object_number), [])
    from item_objects
);
set variable items = (
    select coalesce(list(struct_pack(object_number, part, addition) order by number), [])
    from mapped_sources m
    join item_objects o on o.place = m.places[1] and o.text = m.text
    where form = 'item'
);
set variable prefixed = (
    select coalesce(list(struct_pack(place := places[1], prefix := text) order by number), [])
    from mapped_sources where form = 'prefixed'
);
set variable value_places = (
    select coalesce(list(places[1] order by number), []) from mapped_sources where form = 'values'
);
set variable lookup_places = (
    select coalesce(list(places[1] order by number), []) from mapped_sources where form = 'lookup'
);
set variable lookup_pointers = list_select(getvariable('pointers'), getvariable('lookup_places'));
set variable constants = (
    select coalesce(list(text order by number), []) from mapped_sources where form = 'constant'
);
set variable joins = (
    select coalesce(list(struct_pack(places, between := text) order by number), [])
    from mapped_sources where form = 'join'
);

-- Values that are not simply one field are computed. So are lists, because an empty list counts as no value.
create or replace temp table attribute_choices as
with own_id as (
    select
        len(getvariable('pointers')) + count(*) filter (form <> 'field') + 1 as index
    from mapped_sources
),
-- A profile field can be named `id`; if it is blank, the record's own id counts.
each_choice as (
    select position, choice, 1 as part, index, origin from mapped_sources
    union all
    select position, choice, 2, own_id.index, null
    from mapped_sources cross join own_id where form = 'field' and pointers = ['/id']
),
choices_of_attributes as (
    select position, is_list, coalesce(choices, []) as choices, origins
    from mapped_attributes
    left join (
        select
            position,
            list(index order by choice, part) as choices,
            list(origin order by choice, part) as origins
        from each_choice group by position
    ) using (position)
)
select
    *,
    is_list or len(choices) <> 1 or choices[1] > len(getvariable('pointers')) as is_computed
from choices_of_attributes;

set variable computed_attributes = (
    select coalesce(list(struct_pack(choices, is_list) order by position), [])
    from attribute_choices where is_computed
);
set variable explained = (
    select coalesce(list(struct_pack(position, computed_index, origins) order by position), [])
    from (
        select position, origins, row_number() over (order by position) as computed_index
        from attribute_choices where is_computed
    )
    where len(list_filter(origins, lambda origin: origin is not null)) > 0
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
                choices[1]
            ) as text_index
        from attribute_choices
    )
);

create or replace temp view users_with_texts as
select
    *,
    -- A value is used as it was written.
    list_transform(
        json_extract_string(coalesce(profile, '{}'), getvariable('pointers')),
        lambda text: if(is_filled(text), text, null)
    ) as raw_texts
from mapped_users;

-- Without lookups; else see lookups.sql.
create or replace temp view users_looked_up as
select *, []::varchar[] as lookup_values from users_with_texts;
