-- The rows of the files of one sort, every cell as it is written.
--
-- set variable files = ['users-1.csv'];            copies in UTF-8 whose header lines are as long
-- set variable columns = {id: 'VARCHAR', ...};     the headers; a name that begins with a blank: without one
-- set variable delimiter = ';';
--
-- A row that cannot be understood is left out here and listed in reject_errors: whoever reads must look.
-- The first line end in a file has to be that of its rows: DuckDB goes by it, and told `\r\n` by
-- `new_line` it loses rows without a word (2.0.0).
-- `nullstr` is what no copy contains: an empty cell is an empty text, and `NULL` a name like any other.

create or replace view csv_rows as
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
    filename = ' file',
    hive_partitioning = false, -- the lake's folders are named like columns
    store_rejects = true,
    rejects_limit = 1000
);

-- Without white space around it: Unicode's, and the control characters that separate lines and fields.
create or replace temp macro stripped(text) as regexp_replace(
    text, '^[\s\x0B\x1C-\x1F\x{85}\p{Z}]+|[\s\x0B\x1C-\x1F\x{85}\p{Z}]+$', '', 'g'
);
