-- All rows of a day as a CSV (RFC 4180), such as those of the active people.
--
-- view new_texts (key, texts)   of the day
-- set variable path = '…/people.csv';
copy (
    select unnest(cells) from with_cells('new_texts') order by key
) to (getvariable('path')) (format csv, header, new_line '\r\n');
