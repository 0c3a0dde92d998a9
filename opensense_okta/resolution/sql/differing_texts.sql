-- The values of which a person's accounts have different texts. Returns the phone numbers among them: they may be
-- one number in several spellings, which Python finds out.
--
-- view selected_values, tables attributes, accounts_read    see the files before

-- `active` is no difference: a person can have left one directory and still work with another.
create table differing_texts as
select
    person, attribute,
    list_filter(
        list_transform(list_zip(member_indexes, directories, texts), lambda x: struct_pack(
            account := accounts[x[1]], name := x[2] || '/' || ids[x[1]], value := x[3]
        )),
        lambda x: x.value is not null
    ) as account_values
from selected_values
where
    len(member_indexes) > 1 -- else nothing differs: one number says so, and no text of nearly all people is read
    and attribute <> 'active' and not merges and len(list_filter(texts, lambda x: x <> winning_value)) > 0;

create table differing_phones as
select
    d.person, d.attribute, account_value.value,
    coalesce(
        upper(stripped(a.texts[(select position from attributes where attribute = 'country')])), ''
    ) as country
from (
    select person, attribute, unnest(account_values) as account_value
    from differing_texts where attribute in ('work_phone', 'mobile_phone')
) d
join accounts_read a on a.account = account_value.account;

select distinct value, country from differing_phones;
