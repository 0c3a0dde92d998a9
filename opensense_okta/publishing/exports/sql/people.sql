-- All active people as a CSV (RFC 4180).
--
-- view new_texts (person_id, texts)   of the day
-- set variable path = '…/people.csv';
copy (
    select unnest(cells) from with_cells('new_texts') order by person_id
) to (getvariable('path')) (format csv, header, new_line '\r\n');
