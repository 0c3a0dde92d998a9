-- What turns the CSV of the day before into this day's: a person is here when a cell differs.
--
-- tables old_cells, new_cells (person_id, cells)   of both days' active people
-- set variable path = '…/people.changes.csv';

-- Digests first: all cells of both days at once would not fit into memory.
create macro digests(people) as table
    select person_id, sha256(to_json(cells)::varchar) as digest from query_table(people);
create table changed as
select
    person_id,
    case when o.digest is null then 'added' when n.digest is null then 'removed' else 'changed' end as change
from digests('new_cells') n
full join digests('old_cells') o using (person_id)
where n.digest is distinct from o.digest;

copy (
    select change, unnest(cells)
    from (
        from new_cells join changed using (person_id) where change <> 'removed'
        union all by name
        from old_cells join changed using (person_id) where change = 'removed'
    )
    order by person_id
) to (getvariable('path')) (format csv, header, new_line '\r\n');
