-- What resolving one day works on.
--
-- Accounts and attributes are numbered. An account's number is its place in the order of the anchor: by
-- directory, highest first, then by id; so the smallest number of a person is that person's anchor.

-- Else one thread would read 122,880 rows of a table, and here a row is all that a person's accounts say.
-- DuckDB has this for its own tests, and no other way for tables in memory; no result depends on it.
pragma verify_parallelism;

-- Blank is NULL or white space: Unicode's, and the control characters that separate lines and fields.
create macro filled(text) as case
    when text >= '!' and text < chr(127) then true -- it begins with a visible character of ASCII
    else regexp_matches(text, '[^\s\x0B\x1C-\x1F\x{85}\p{Z}]')
end;
create macro stripped(text) as nullif(
    regexp_replace(text, '^[\s\x0B\x1C-\x1F\x{85}\p{Z}]+|[\s\x0B\x1C-\x1F\x{85}\p{Z}]+$', '', 'g'), ''
);
-- White space, invisible characters and the Unicode form never make a difference; case does not
-- between keys.
create macro tidied(text) as case
    when regexp_full_match(text, '[!-~]+( [!-~]+)*') then text -- as nearly all
    else nfc_normalize(regexp_replace(
        stripped(regexp_replace(text, '\p{Cf}', '', 'g')), '[\s\x0B\x1C-\x1F\x{85}\p{Z}]+', ' ', 'g'
    ))
end;
create macro normalized(text) as nfc_normalize(lower(tidied(text)));

-- The directories in the order of the organization file; `as_of` is the day of the snapshot.
create table directories (directory varchar, rank integer, as_of date, yields boolean);

-- The attributes that people can have, and the rule of each; `precedence` is what it lists. `turns` has the
-- order of the directories for each; `active` has position 0.
create table attributes (
    attribute varchar, position integer, precedence varchar[], blank_wins boolean, merges boolean
);
create table turns (position integer, directory varchar, turn integer);

-- Where the values of one directory come from: of several fields the first filled one counts.
create table mapping (position integer, choice integer, pointer varchar, and_pointer varchar);

create table accounts_read (
    account integer, directory varchar, id varchar, status varchar, active boolean, texts varchar[]
);
create table groups_read (
    group_id varchar, name varchar, description varchar, type varchar, directory varchar, id varchar
);
create table memberships_read (directory varchar, id varchar, group_id varchar);

-- Single cases settled by hand: accounts of one set are always, or never, one person.
create table pins (pinned integer, directory varchar, id varchar);
create table parts (parted integer, directory varchar, id varchar);

-- A list is written as a JSON array or with semicolons between its values.
create macro listed(text) as list_filter(
    list_transform(
        case
            when json_valid(text) and json_type(text) = 'ARRAY' then from_json(text, '["VARCHAR"]')
            else string_split(text, ';')
        end,
        lambda x: stripped(x)
    ),
    lambda x: x is not null
);
-- The values of lists, each once, where they come first; NULL when there are none.
create macro united(texts) as list_transform(
    [flatten(list_transform(list_filter(texts, lambda x: x is not null), lambda x: listed(x)))],
    lambda found: case when len(found) > 0 then
        to_json(list_filter(found, lambda x, place: list_position(found, x) = place))::varchar
    end
)[1];

-- Everyone's accounts, lowest number first; their texts, one account's after the other's.
create table holdings (
    person integer, lineup bigint, accounts integer[], ids varchar[], texts varchar[]
);
create table phone_numbers (value varchar, country varchar, number varchar);
