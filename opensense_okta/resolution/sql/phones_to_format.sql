-- The phone numbers of attributes that have a format. Returns each text once, with the country of the account.
--
-- tables accounts_read, attributes, phone_formats    see the files before
-- table phones_to_format                             rows are added to it

insert into phones_to_format
select
    account, position, format, texts[position],
    coalesce(upper(stripped(texts[(select position from attributes where attribute = 'country')])), '')
from accounts_read cross join phone_formats
where texts[position] is not null;

select distinct value, country, format from phones_to_format;
