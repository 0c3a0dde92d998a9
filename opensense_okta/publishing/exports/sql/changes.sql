-- The differences between the previous CSV and the CSV of this day: the people with a different cell.
--
-- tables old_cells, new_cells (person_id, cells)   of both days' active people
-- table delivered_cells                            of this day, as it was exported before
-- set variable again = false;                      whether it was; if so, differences to it count, too
-- set variable path = '…/people.changes.csv';

-- Digests are compared first: all cells of both days do not fit into memory.
create macro digests(people) as table
    select person_id, sha256(to_json(cells)::varchar) as digest from query_table(people);
create table changed as
select
    person_id,
    case when n.digest is null then 'removed' when o.digest is null then 'added' else 'changed' end as change
from digests('new_cells') n
full join digests('old_cells') o using (person_id)
full join (from digests('delivered_cells') where getvariable('again')) t using (person_id)
where n.digest is distinct from o.digest or (getvariable('again') and n.digest is distinct from t.digest);

create view gone as
from old_cells
union all
from delivered_cells anti join old_cells using (person_id) where getvariable('again');

copy (
    select change, unnest(cells)
    from (
        from new_cells join changed using (person_id) where change <> 'removed'
        union all by name
        from gone join changed using (person_id) where change = 'removed'
    )
    order by person_id
) to (getvariable('path')) (format csv, header, new_line '\r\n');
