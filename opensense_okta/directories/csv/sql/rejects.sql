-- The rows that could not be understood, the first ones of each file.
--
-- tables reject_errors, reject_scans      of DuckDB, filled when `csv_rows` is read

select
    scan.file_path as file,
    error.line_byte_position as position,
    error.error_type as error,
    try_cast(regexp_extract(error.error_message, 'Found: (\d+)', 1) as bigint) as found
from reject_errors error
join reject_scans scan using (scan_id, file_id)
where error.line_byte_position is not null
order by scan.file_path, error.line_byte_position, error.column_idx
limit 5;
