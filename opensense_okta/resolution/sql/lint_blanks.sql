-- Of whom an attribute is blank although an account of theirs has a value: where a blank won.
--
-- views accounts, people                    of the day
-- set variable attributes = ['title'];
-- set variable inactive_count = true;       whether inactive accounts' values count at all
with written as (
    unpivot (
        select person_id, columns(lambda c: list_contains(getvariable('attributes'), c))::varchar
        from accounts where active or getvariable('inactive_count')
    )
    on columns(* exclude (person_id)) into name attribute value value
),
resolved as (
    unpivot (
        select person_id, columns(lambda c: list_contains(getvariable('attributes'), c))::varchar
        from people
    )
    on columns(* exclude (person_id)) into name attribute value value
)
select attribute, count(distinct person_id) as blanked
from written anti join resolved using (person_id, attribute)
group by attribute;
