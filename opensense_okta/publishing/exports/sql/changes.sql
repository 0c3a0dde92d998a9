-- The changed rows as a CSV.
--
-- view changed_texts (change, key, texts)    see changed.sql
-- set variable path = '…/people.changes.csv';
copy (
    select change, unnest(cells) from with_cells('changed_texts') order by key
) to (getvariable('path')) (format csv, header, new_line '\r\n');
