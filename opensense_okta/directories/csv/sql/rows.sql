-- The rows of normalized files of one kind, every cell as it is written.
--
-- set variable files = ['users-1.csv'];            normalized: UTF-8, a line of constants first, rows end with LF
-- set variable columns = {' line': 'BIGINT', ' mark': 'VARCHAR', 'id': 'VARCHAR', ...};
--                                                  a name that begins with a blank is not a header
-- set variable delimiter = ';';
-- set variable line_limit = 2000000;               bytes of a row
-- set variable buffer_size = 32000000;             bytes
--
-- `nullstr` is a text that no file contains: an empty cell is an empty text, and `NULL` is a normal text.

create or replace view csv_cells as
from read_csv(
    getvariable('files'),
    auto_detect = false,
    columns = getvariable('columns'),
    delim = getvariable('delimiter'),
    header = true,
    quote = '"',
    escape = '"',
    comment = '',
    strict_mode = true,
    null_padding = false,
    nullstr = chr(0),
    max_line_size = getvariable('line_limit'),
    buffer_size = getvariable('buffer_size'),
    filename = ' file',
    hive_partitioning = false -- the lake's folders are named like columns
);

-- Removes surrounding white space: Unicode's, the control characters that separate lines and fields, and invisible
-- characters, such as the byte order mark of a file that was appended.
create or replace temp macro stripped(text) as regexp_replace(
    text, '^[\s\x0B\x1C-\x1F\x{85}\p{Z}\p{Cf}]+|[\s\x0B\x1C-\x1F\x{85}\p{Z}\p{Cf}]+$', '', 'g'
);

-- A column's name for comparison, as in `name_key` of normalize.py, but without compatible characters.
create or replace temp macro name_key(name) as case
    when regexp_full_match(name, '[!-~]*') then lower(name)
    else lower(nfc_normalize(regexp_replace(
        stripped(regexp_replace(name, '\p{Cf}', '', 'g')), '[\s\x0B\x1C-\x1F\x{85}\p{Z}]+', ' ', 'g'
    )))
end;

create or replace view csv_rows as from csv_cells;

create or replace temp table csv_odd_cells (problem varchar, file varchar, line bigint, position bigint);
