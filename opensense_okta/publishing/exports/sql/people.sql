-- All active people as a CSV (RFC 4180).
--
-- table new_cells (person_id, cells)   of the day; `cells` is a struct with a field for each column
-- set variable path = '…/people.csv';
copy (
    select unnest(cells) from new_cells order by person_id
) to (getvariable('path')) (format csv, header, new_line '\r\n');
