-- Where directories do not all say the same, and the phone numbers among that, which may be one number
-- in several spellings; returns those.
--
-- view weighed, tables accounts_read, attributes    see the files before

-- Whether somebody is active is no matter of opinion: who left one directory may work with another.
create table disputed as
select
    person, attribute,
    list_filter(
        list_zip(accounts, texts), lambda x: x[2] is not null
    )::struct(account integer, value varchar)[] as said
from weighed
where attribute <> 'active' and not merges and list_unique(texts) > 1;

create table phones_spelled as
select
    d.person, d.attribute, one.value,
    upper(stripped(a.texts[(select position from attributes where attribute = 'country')])) as country
from (
    select person, attribute, unnest(said) as one
    from disputed where attribute in ('work_phone', 'mobile_phone')
) d
join accounts_read a on a.account = one.account;

select distinct value, country from phones_spelled;
