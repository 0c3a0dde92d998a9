-- How many active people have a value of each attribute.
--
-- table people    of the published day
unpivot (
    -- An empty list counts as no value.
    select
        count(
            nullif(columns(* exclude (person_id, active, directories, accounts))::varchar, '[]')
        )
    from people
    where active
) on columns(*) into name attribute value people
order by people desc, attribute;
