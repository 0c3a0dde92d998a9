-- Three directories joined on the employee number; the first filled value of each attribute.
--
-- tables okta, entra, hr              raw users
-- set variable fields = ['/email'];   JSON pointers; the employee number among them
create table people as
with values_of as (
    select 1 as rank, json_extract_string(profile, getvariable('fields')) as texts from okta
    union all
    select 2, json_extract_string(profile, getvariable('fields')) from entra
    union all
    select 3, json_extract_string(profile, getvariable('fields')) from hr
),
keyed as (
    select rank, texts, texts[list_position(getvariable('fields'), '/employee_number')] as number
    from values_of
)
select
    o.number,
    list_transform(list_zip(o.texts, e.texts, h.texts), lambda x: coalesce(x[1], x[2], x[3])) as texts
from (from keyed where rank = 1) o
left join (from keyed where rank = 2) e using (number)
left join (from keyed where rank = 3) h using (number);
