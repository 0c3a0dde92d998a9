-- The tables and macros that resolving one day works with.
--
-- Accounts and attributes have numbers. Accounts are numbered by directory, highest precedence first, then by
-- id. The smallest account number of a person is the person's number; that account is the person's anchor.
--
-- macros of texts.sql and keys.sql    see directories/values

-- Parallelism: a thread usually takes 122,880 rows of a table at a time. Here one row holds all values of a
-- person, so that would be too many. DuckDB has this setting for its own tests, and no other one for tables in
-- memory. No result depends on it.
pragma verify_parallelism;

-- Placeholders are written where a value is missing. They are no match keys. These are placeholders: a word
-- of this list, with any white space and signs; zeros and signs only; one digit, three times or more; three letters
-- x or more; an error of a spreadsheet, such as `#REF!`.
create macro is_placeholder(key) as case
    when strpos(key, '@') > 1 then false -- most addresses
    when key[1] between '1' and '9' and key[-1] <> key[1] then false -- nearly all numbers
    when key[1] between '1' and '9' then len(key) > 2 and replace(translate(key, '-./ ', ''), key[1], '') = ''
    else regexp_full_match(key, '[0\p{P}\p{S}\p{Z}]+|x{3,}|k\. ?a\.?|#[\p{L}/0_]+[!?]')
        or len(key) <= 24 and regexp_replace(key, '[\p{P}\p{S}\p{Z}]+', '', 'g') in (
            'na', 'none', 'null', 'nil', 'nan', 'unknown', 'undefined', 'missing', 'blank', 'empty', 'unassigned',
            'unspecified', 'pending', 'tbd', 'tba', 'tbc', 'notavailable', 'notapplicable', 'notassigned',
            'notprovided', 'notset', 'notspecified', 'notgiven', 'novalue', 'nodata', 'tobedetermined',
            'tobeannounced', 'tobeconfirmed', 'unbekannt', 'keineangabe', 'inconnu', 'desconocido'
        )
end;

-- The directories in the order of the organization file. `as_of` is the date of the data. `stale_last`: the
-- data is stale, and the rules give it the lowest precedence.
create table directories (directory varchar, rank integer, as_of date, stale_last boolean);

-- The attributes that people can have, and the rule of each. `listed_directories` are those that the rule's
-- `precedence` names. A person has the values of all lists if an attribute merges. `active` has position 0, the
-- others have 1, 2, 3 … The identifiers are e-mail, user name and the match keys: white space around them is
-- dropped.
create table attributes (
    attribute varchar, position integer, listed_directories varchar[], blank_wins boolean, merges boolean,
    is_list boolean, is_identifier boolean
);
-- The precedence of each directory for each attribute: 1 is the highest.
create table attribute_precedence (position integer, directory varchar, precedence integer);

-- `texts` has the account's text of each attribute, by the attribute's position.
create table accounts_read (
    account integer, directory varchar, id varchar, status varchar, active boolean, texts varchar[],
    choices utinyint[]
);
-- How values of accounts came about that are not as they were read: one row for each step.
create table value_steps (account integer, position integer, step integer, origin varchar);
create table groups_read (
    group_id varchar, name varchar, description varchar, type varchar, directory varchar, id varchar
);
-- `group_row` is the number of the group's row in `groups_read`.
create table memberships_read (account integer, group_row bigint);
create table nested_groups_read (group_id varchar, member_group_id varchar);

-- The rules for single cases: accounts of one set are always, or never, one person.
create table always_same_rules (set_number integer, directory varchar, id varchar);
create table never_same_rules (set_number integer, directory varchar, id varchar);

-- The values of several lists in one, each at its first place only; NULL if there are none.
create macro union_of_lists(texts) as list_transform(
    [flatten(list_transform(list_filter(texts, lambda text: text is not null), lambda text: as_list(text)))],
    lambda items: case when len(items) > 0 then
        to_json(list_filter(items, lambda item, index: list_position(items, item) = index))::varchar
    end
)[1];

-- An account's name; NULL if it has none. Names never join accounts, but they can keep them apart.
create macro account_name(texts) as coalesce(
    nullif(concat_ws(
        ' ',
        texts[(select position from attributes where attribute = 'given_name')],
        texts[(select position from attributes where attribute = 'family_name')]
    ), ''),
    texts[(select position from attributes where attribute = 'display_name')]
);
-- Two names agree if one has all words of the other. An unknown name agrees with every name.
create macro names_agree(x, y) as list_has_all(x, y) or list_has_all(y, x);
create macro names_share_a_word(x, y) as len(x) = 0 or len(y) = 0 or list_has_any(x, y);

-- The values of each person with several accounts: `texts` of the first account, then those of the second one, and so
-- on. Accounts are sorted by number. See people_values.sql.
create table collected_values (
    person integer, combination integer, accounts integer[], ids varchar[], texts varchar[]
);
-- Whether somebody works on a day: from the first day to the last one, both included. Dates are texts in ISO 8601.
create macro works_on(day, first_day, last_day) as
    coalesce(day >= first_day::date, true) and coalesce(day <= last_day::date, true);
create macro day_off_reason(day, first_day, last_day) as
    if(day > last_day::date, 'ended by end_date ' || last_day, 'not started by start_date ' || first_day);
-- How many dates each directory has, and how many of them count as none.
create table date_counts (dates bigint, unreadable bigint, placeholders bigint);
create table dates_without_day (account integer, position integer, text varchar, is_placeholder boolean);

-- The attributes whose phone numbers get a format, their texts, and those that could be formatted.
create table phone_formats (position integer, format varchar);
create table phones_to_format (account integer, position integer, format varchar, value varchar, country varchar);
create table formatted_phones (value varchar, country varchar, format varchar, formatted varchar);
-- The phone numbers that are valid, as E.164.
create table phone_numbers (value varchar, country varchar, number varchar);
