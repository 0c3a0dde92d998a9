-- What resolving one day works on. `attribute` is an enum of every attribute that people can have.
--
-- set variable attributes = ['user_name', 'email'];

-- Blank is NULL or white space: Unicode's, and the control characters that separate lines and fields.
create macro filled(text) as regexp_matches(text, '[^\s\x0B\x1C-\x1F\x{85}\p{Z}]');
create macro stripped(text) as nullif(
    regexp_replace(text, '^[\s\x0B\x1C-\x1F\x{85}\p{Z}]+|[\s\x0B\x1C-\x1F\x{85}\p{Z}]+$', '', 'g'), ''
);

create type attribute as enum (select unnest(list_append(getvariable('attributes'), 'active')));
create table account_states (directory varchar, account_id varchar, status varchar, active boolean);
create table account_values (directory varchar, account_id varchar, attribute attribute, value varchar);
create table groups (
    group_id varchar, name varchar, description varchar, type varchar, directory varchar, id varchar,
    members_count bigint
);
create table account_memberships (directory varchar, account_id varchar, group_id varchar);
create table mapping (attribute varchar, position integer, field varchar, and_field varchar);
