-- The lengths of the lists of attributes with `merge: union`.
--
-- view people                               of the day
-- set variable attributes = ['aliases'];
select attribute, count(*) as people, max(length) as longest
from (
    unpivot (
        select person_id, len(columns(lambda c: list_contains(getvariable('attributes'), c)))
        from people
    )
    on columns(* exclude (person_id)) into name attribute value length
)
group by attribute;
