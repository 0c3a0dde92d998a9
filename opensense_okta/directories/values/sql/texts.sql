-- Macros on texts of profiles.

-- A text is blank if it is NULL, white space or invisible: Unicode's, and the control characters that separate
-- lines and fields. A person with one name has U+200B as the other one in Google.
create or replace macro is_filled(text) as case
    when text >= '!' and text < chr(127) then true -- the first character is a visible one of ASCII
    else regexp_matches(text, '[^\s\x0B\x1C-\x1F\x{85}\p{Z}\p{Cf}]')
end;
create or replace macro stripped(text) as case
    when regexp_full_match(text, '[!-~]+( [!-~]+)*') then text -- nearly all texts
    else nullif(
        regexp_replace(text, '^[\s\x0B\x1C-\x1F\x{85}\p{Z}]+|[\s\x0B\x1C-\x1F\x{85}\p{Z}]+$', '', 'g'), ''
    )
end;
-- A list is written as a JSON array, or with semicolons between its values.
create or replace macro as_list(text) as list_filter(
    list_transform(
        case
            when json_valid(text) and json_type(text) = 'ARRAY' then from_json(text, '["VARCHAR"]')
            else string_split(text, ';')
        end,
        lambda item: stripped(item)
    ),
    lambda item: item is not null
);
