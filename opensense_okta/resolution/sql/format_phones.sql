-- Replaces the phone numbers of accounts by the formatted ones.
--
-- tables accounts_read, phones_to_format    see the files before
-- table formatted_phones                    value, country, format, formatted: of the numbers that can be read
-- table value_steps                         rows are added to it

create temp table changed_phones as
select account, position, value, formatted
from phones_to_format join formatted_phones using (value, country, format)
where formatted <> value;

insert into value_steps
select account, position, 2, 'formatted from "' || value || '"' from changed_phones;

update accounts_read
set texts = list_transform(
    texts,
    lambda text, index: coalesce(list_filter(phones, lambda phone: phone.position = index)[1].formatted, text)
)
from (
    select account, list(struct_pack(position, formatted)) as phones from changed_phones group by account
) changed
where changed.account = accounts_read.account;
