-- The rows of an exported file in which a column that identifies people has one of the person's texts. A cell can
-- have several texts; an apostrophe before a text protects spreadsheets.
--
-- view exported                                  the file
-- set variable identifying = ['email'];          columns
-- set variable texts = ['ada@acme.com'];         in lower case
create or replace temp view marked_exported as
select
    list_has_any(
        list_transform(
            regexp_split_to_array(
                concat_ws(';', *columns(lambda name: list_contains(getvariable('identifying')::varchar[], name))),
                '[;,\[\]]'
            ),
            lambda text: lower(ltrim(trim(text), ''''))
        ),
        getvariable('texts')::varchar[]
    ) as forgotten,
    *
from exported;
