-- A fingerprint of the people of the last export who are not in the new one, as in lost.sql.
--
-- table export_gone    see exported.sql
select coalesce(bit_xor(md5_number(before_id))::varchar, '') as fingerprint from export_gone;
