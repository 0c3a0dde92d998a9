-- A row if an exported person has an address that gets a row.
--
-- views day_addresses (macro addresses of addresses.sql), exported_people
select 1
from day_addresses semi join (from exported_people where active) using (person_id)
where address is not null and left_out is null
limit 1;
