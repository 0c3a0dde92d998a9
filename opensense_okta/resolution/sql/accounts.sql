-- The accounts of one directory, with their values by attribute.
--
-- tables raw_users      of the directory's snapshot
-- view mapped_texts     id, status, texts and choices of the users
-- variable explained    the attributes that have choices
-- table attributes      every attribute's position
-- tables accounts_read, value_steps    rows are added to them
-- set variable directory = 'okta';
-- set variable active_statuses = ['ACTIVE'];
--
insert into accounts_read by name
with numbered as (
    select id, row_number() over (order by id) as number from (select distinct id from raw_users)
)
select
    (select coalesce(max(account), 0) from accounts_read) + number as account,
    getvariable('directory') as directory,
    id, status,
    coalesce(list_contains(getvariable('active_statuses'), status), false) as active,
    texts, choices
from mapped_texts
join numbered using (id);

-- Identifiers are stripped. Nearly all are already.
set variable identifiers = (select list(position) from attributes where is_identifier and position > 0);

update accounts_read
set texts = list_transform(
    texts, lambda text, index: if(list_contains(getvariable('identifiers'), index), stripped(text), text)
)
where directory = getvariable('directory')
and regexp_matches(
    array_to_string(list_select(texts, getvariable('identifiers')), chr(10)),
    '(?m)^[\s\x0B\x1C-\x1F\x{85}\p{Z}]|[\s\x0B\x1C-\x1F\x{85}\p{Z}]$'
);

insert into value_steps
select account, attribute.position, 1, attribute.origins[choices[number]]
from accounts_read
cross join (
    select
        unnest(getvariable('explained')) as attribute,
        unnest(range(1, len(getvariable('explained')) + 1)) as number
)
where directory = getvariable('directory') and attribute.origins[choices[number]] is not null;

-- An id that occurs twice is one account. The snapshot's own check prevents publishing such a day.
delete from accounts_read
using (
    select account, min(rowid) as first_row from accounts_read group by account having count(*) > 1
) repeated
where accounts_read.account = repeated.account and accounts_read.rowid <> repeated.first_row;
