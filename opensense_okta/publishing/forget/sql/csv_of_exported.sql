-- Writes the rows that stay as a CSV (RFC 4180), as the export did.
--
-- view kept    see kept.sql
-- set variable path = '…/people.csv';
copy (from kept) to (getvariable('path')) (format csv, header, new_line '\r\n');
