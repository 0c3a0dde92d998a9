-- How many addresses of the exported people have no row, and how many people have none.
--
-- views day_addresses (macro addresses of addresses.sql), exported_people
with addresses_of_exported as (
    select *, address is not null and left_out is null as has_row
    from day_addresses semi join (from exported_people where active) using (person_id)
),
people_with_rows as (
    select person_id, bool_or(has_row) as has_row from addresses_of_exported group by person_id
)
select
    count(distinct case when left_out = 'email_of_another' then address end) as emails_of_others,
    count(distinct case when left_out = 'alias_of_several' then address end) as aliases_of_several,
    (select count(*) from people_with_rows where not has_row) as people_without_address
from addresses_of_exported;
