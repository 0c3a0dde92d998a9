-- The text of each attribute of a directory's users, by the attribute's position: view mapped_texts, which has
-- the columns of the users and `texts`. A blank text is NULL. `choices` has the number of the choice that gave
-- the text of each attribute in `explained`.
--
-- view users_looked_up      id, profile, raw_texts, lookup_values and other columns; see mapping.sql and lookups.sql
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

-- A text by its index: the raw texts come first, then the texts that are made of them. They are two lists, because
-- it takes long to make one of them for each user.
create or replace temp macro source_text(raw_texts, made_texts, index) as if(
    index <= len(getvariable('pointers')), raw_texts[index], made_texts[index - len(getvariable('pointers'))]
);

create or replace temp view users_with_objects as
select
    *,
    list_transform(
        getvariable('objects'), lambda object: chosen_object(arrays[object.array_number], object.choices)
    ) as objects
from (
    select
        *, list_transform(getvariable('array_places'), lambda place: objects_of(raw_texts[place])) as arrays
    from users_looked_up
);

create or replace temp view mapped_texts as
with with_made_texts as (
    select
        * exclude (arrays, objects, lookup_values),
        flatten([
            list_transform(
                getvariable('items'), lambda item: item_text(objects[item.object_number], item.part, item.addition)
            ),
            list_transform(getvariable('prefixed'), lambda source: to_json(list_transform(
                list_filter(as_list(raw_texts[source.place]), lambda x: starts_with(x, source.prefix)),
                lambda x: substr(x, len(source.prefix) + 1)
            ))::varchar),
            list_transform(getvariable('value_places'), lambda place: values_of(raw_texts[place])),
            coalesce(lookup_values, []),
            getvariable('constants'),
            list_transform(
                getvariable('joins'), lambda source: joined(list_select(raw_texts, source.places), source.between)
            ),
            [id]
        ]) as made_texts
    from users_with_objects
),
with_computed as (
    -- For each computed attribute, the texts of its choices that are a value.
    select
        * exclude (made_texts),
        list_transform(getvariable('computed_attributes'), lambda attribute: list_transform(
            list_transform(attribute.choices, lambda index: source_text(raw_texts, made_texts, index)),
            lambda text: if(if(attribute.is_list, len(as_list(text)) > 0, is_filled(text)), text, null)
        )) as computed_texts
    from with_made_texts
)
select
    * exclude (profile, raw_texts, computed_texts),
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
