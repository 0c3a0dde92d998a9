-- The text of each attribute of a directory's users, by the attribute's position: view mapped_texts, which has
-- the columns of the users and `texts`. A blank text is NULL. `choices` has the number of the choice that gave
-- the text of each attribute in `explained`.
--
-- view mapped_users         id, profile and other columns
-- table looked_up           see lookups.sql
-- variables of mapping.sql

-- The texts that are filled, as one.
create or replace temp macro joined(texts, between) as nullif(list_reduce(
    list_filter(list_transform(texts, lambda text: stripped(text)), lambda text: text is not null),
    lambda x, y: if(x = '', y, x || between || y),
    ''
), '');

create or replace temp macro objects_of(text) as case
    when not json_valid(text) then null
    when json_type(text) = 'ARRAY' then from_json(text, '["JSON"]')
    when json_type(text) = 'OBJECT' then [text::json]
end;

-- The text of a key of an object, and after a comma that of another one.
create or replace temp macro item_text(object, part, addition) as case
    when addition is null then json_extract_string(object, part)
    when is_filled(json_extract_string(object, part)) then
        json_extract_string(object, part)
        || coalesce(', ' || stripped(json_extract_string(object, addition)), '')
end;

create or replace temp macro values_of(text) as if(
    starts_with(text, '[{') and json_valid(text),
    to_json(list_filter(
        list_transform(from_json(text, '["JSON"]'), lambda x: json_extract_string(x, '/value')),
        lambda x: is_filled(x)
    ))::varchar,
    text
);

-- The first object that meets all conditions of the first choice that one meets.
create or replace temp macro chosen_object(objects, choices) as list_filter(
    list_transform(choices, lambda choice: list_filter(
        objects,
        lambda x: len(list_filter(
            choice, lambda condition: coalesce(json_extract_string(x, condition.key), '') <> condition.text
        )) = 0
    )[1]),
    lambda x: x is not null
)[1];

create or replace temp view mapped_texts as
with extracted as (
    select
        *,
        -- A value is used as it was written.
        list_transform(
            json_extract_string(coalesce(profile, '{}'), getvariable('pointers')),
            lambda text: if(is_filled(text), text, null)
        ) as raw_texts
    from mapped_users
),
with_arrays as (
    select
        *, list_transform(getvariable('array_places'), lambda place: objects_of(raw_texts[place])) as arrays
    from extracted
),
with_objects as (
    select
        * exclude (arrays),
        list_transform(
            getvariable('objects'), lambda object: chosen_object(arrays[object.array_number], object.choices)
        ) as objects
    from with_arrays
),
with_sources as (
    select
        with_objects.* exclude (objects),
        raw_texts
        || list_transform(
            getvariable('items'), lambda item: item_text(objects[item.object_number], item.part, item.addition)
        )
        || list_transform(getvariable('prefixed'), lambda source: to_json(list_transform(
            list_filter(as_list(raw_texts[source.place]), lambda x: starts_with(x, source.prefix)),
            lambda x: substr(x, len(source.prefix) + 1)
        ))::varchar)
        || list_transform(getvariable('value_places'), lambda place: values_of(raw_texts[place]))
        || coalesce(lookup_values, [])
        || getvariable('constants')
        || [id] as source_texts
    from with_objects
    left join looked_up on lookup_keys = list_transform(
        list_select(raw_texts, getvariable('lookup_places')), lambda text: coalesce(text, '')
    )
),
with_computed as (
    -- For each computed attribute, the texts of its choices that are a value.
    select
        *,
        list_transform(getvariable('computed_attributes'), lambda attribute: list_transform(
            list_transform(attribute.choices, lambda choice: if(
                len(choice.indexes) = 1,
                source_texts[choice.indexes[1]],
                joined(list_select(source_texts, choice.indexes), choice.between)
            )),
            lambda text: if(if(attribute.is_list, len(as_list(text)) > 0, is_filled(text)), text, null)
        )) as computed_texts
    from with_sources
)
select
    * exclude (profile, raw_texts, source_texts, computed_texts),
    list_select(
        raw_texts || list_transform(
            computed_texts, lambda texts: list_filter(texts, lambda text: text is not null)[1]
        ),
        getvariable('text_indexes')
    ) as texts,
    list_transform(
        getvariable('explained'),
        lambda attribute: list_position(
            list_transform(computed_texts[attribute.computed_index], lambda text: text is not null), true
        )
    ) as choices
from with_computed;
