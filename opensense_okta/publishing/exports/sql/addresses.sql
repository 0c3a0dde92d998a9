-- Macros for the rows of people in an export: one for each person, or one for each address.
--
-- A person's addresses are the e-mail and each alias. Case does not distinguish them. An alias that is another
-- active person's e-mail or alias is left out: a signature belongs to one person.
--
-- | person | email       | aliases                  | rows                                |
-- | ada    | ada@acme    | a@acme, team@acme        | ada@acme, a@acme                    |
-- | bob    | bob@acme    | BOB@acme, A.B@acme       | bob@acme, A.B@acme                  |
-- | cat    | cat@acme    | ada@acme, team@acme      | cat@acme                            |

-- Graph's proxyAddresses have a scheme before each address: those of `smtp:` are e-mail addresses.
create or replace macro mail_address(text) as nullif(
    regexp_extract(text, '^\s*(?:smtp:)?([^\s:;@]+@[^\s:;@]+)\s*$', 1, 'i'), ''
);
-- A day that was resolved by an earlier version has no aliases, or has them as one text.
create or replace macro alias_list(aliases) as case
    when aliases is null then []
    when json_type(to_json(aliases)) = 'ARRAY' then from_json(to_json(aliases), '["VARCHAR"]')
    else string_split(to_json(aliases) ->> '$', ';')
end;

-- Each address of the active people once. `address` is in lower case; people without an e-mail have a row
-- without address. `left_out` is the reason why the address gets no row. Some people share one e-mail: `number`
-- distinguishes their rows.
create or replace macro addresses(people) as table
with active_people as (
    select person_id, email, aliases
    from (select null as aliases where false union all by name from query_table(people))
    where active
),
written as (
    select person_id, email, 0 as place from active_people
    union all
    select person_id, mail_address(alias), place
    from (
        select person_id, unnest(alias_list(aliases)) as alias, generate_subscripts(alias_list(aliases), 1) as place
        from active_people
    )
),
own as (
    select person_id, email, lower(email) as address, place = 0 as is_primary
    from written
    where email is not null or place = 0
    qualify row_number() over (partition by person_id, address order by place) = 1
)
select
    person_id, email, address, is_primary,
    case
        when is_primary then null
        when bool_or(is_primary) over (partition by address) then 'email_of_another'
        when count(*) over (partition by address) > 1 then 'alias_of_several'
    end as left_out,
    row_number() over (partition by address order by is_primary desc, person_id) as number
from own;

-- The rows of the active people of a day, each with its key.
--
-- day_addresses    the table or view of the day's addresses
-- with_aliases     whether each address has a row, or only each person
-- by_address       whether a row is known by its address, or by its person
create or replace macro person_rows(day_addresses, with_aliases, by_address) as table
select
    person_id, email,
    case
        when not by_address then if(is_primary, person_id, person_id || ' ' || address)
        when address is null then ' ' || person_id
        when number > 1 then address || ' ' || number
        else address
    end as _key
from query_table(day_addresses)
where if(with_aliases, address is not null and left_out is null, is_primary);
