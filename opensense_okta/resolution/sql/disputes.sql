-- Where directories do not all say the same, and the phone numbers among that, which may be one number
-- in several spellings; returns those.
--
-- view weighed, tables attributes, accounts_read    see the files before

-- Whether somebody is active is no matter of opinion: who left one directory may work with another.
create table disputed as
select
    person, attribute,
    list_filter(
        list_transform(list_zip(places, directories, texts), lambda x: struct_pack(
            account := accounts[x[1]], name := x[2] || '/' || ids[x[1]], value := x[3]
        )),
        lambda x: x.value is not null
    ) as said
from weighed
where attribute <> 'active' and not merges and len(list_filter(texts, lambda x: x <> winning)) > 0;

create table phones_spelled as
select
    d.person, d.attribute, one.value,
    coalesce(
        upper(stripped(a.texts[(select position from attributes where attribute = 'country')])), ''
    ) as country
from (
    select person, attribute, unnest(said) as one
    from disputed where attribute in ('work_phone', 'mobile_phone')
) d
join accounts_read a on a.account = one.account;

select distinct value, country from phones_spelled;
