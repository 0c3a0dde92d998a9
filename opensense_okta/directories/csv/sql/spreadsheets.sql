-- Corrects cells of spreadsheets: errors become blank, texts in formulas become texts. Only for suspicious files.
--
-- views csv_cells, csv_rows, macro stripped        of rows.sql
-- set variable column_names = ['id', ...];         in their order in the file
-- set variable number_columns = ['id', ...];       ids and phone numbers
-- set variable key_column = 'id';                  the column that identifies a row

-- Errors of Excel and LibreOffice, in any language: `#N/A`, `#BEZUG!`, `#¿NOMBRE?`, `Err:502`. A column that is too
-- narrow for its dates and numbers is exported as `####`.
create or replace temp macro is_error(cell) as
    ltrim(cell)[1] in ('#', 'E')
    and regexp_full_match(
        stripped(cell), '#[¡¿]?\p{Lu}[\p{Lu}/0_]*[!?]|#(\p{L}/\p{L}|NV|GETTING_DATA)|#{3,}|Err:\d{3}'
    );

-- Exports write `="001"` so that a spreadsheet does not read the text as a number.
create or replace temp macro as_text(cell) as case
    when ltrim(cell)[1] = '=' and regexp_full_match(stripped(cell), '="([^"]|"")*"')
    then replace(stripped(cell)[3:-2], '""', '"')
    when is_error(cell) then ''
    else cell
end;

-- A number in scientific notation has lost digits.
create or replace temp macro is_scientific(cell) as regexp_full_match(
    stripped(cell), '[+-]?\d+([.,]\d+)?[eE]\+\d+'
);

-- A row of errors and an id has nothing but an id.
create or replace view csv_rows as
with corrected as (
    select " file", " line", " mark", as_text(columns(lambda c: c[1] <> ' '))
    from csv_cells
),
with_text as (select *, stripped(concat(*columns(lambda c: c[1] <> ' '))) as " text" from corrected)
select
    " file", " line",
    if(stripped(columns(lambda c: c = getvariable('key_column'))) = " text", '1', " mark") as " mark",
    columns(lambda c: c[1] <> ' ')
from with_text;

insert into csv_odd_cells
select
    if(is_error(cell), 'error', 'scientific'),
    " file",
    " line",
    list_position(getvariable('column_names'), column_name)
from (unpivot csv_cells on columns(lambda c: c[1] <> ' ') into name column_name value cell)
where is_error(cell)
or (list_contains(getvariable('number_columns'), column_name) and is_scientific(cell));
