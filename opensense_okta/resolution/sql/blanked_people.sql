-- The number of people, by attribute, who have no value although an account of theirs has one: a blank won.
--
-- views accounts, people                    of the day
-- set variable attributes = ['title'];
-- set variable inactive_count = true;       whether values of inactive accounts count at all
with account_values as (
    unpivot (
        select person_id, columns(lambda c: list_contains(getvariable('attributes'), c))::varchar
        from accounts where active or getvariable('inactive_count')
    )
    on columns(* exclude (person_id)) into name attribute value value
),
resolved_values as (
    unpivot (
        select person_id, columns(lambda c: list_contains(getvariable('attributes'), c))::varchar
        from people
    )
    on columns(* exclude (person_id)) into name attribute value value
)
select attribute, count(distinct person_id) as blanked
from account_values anti join resolved_values using (person_id, attribute)
group by attribute;
