-- The differences between the previous CSV and the CSV of this day: the people with a different value.
--
-- views old_texts, new_texts (person_id, texts)   of both days' active people
-- view delivered_texts                            of this day, as it was exported before
-- set variable again = false;                     whether it was; if so, differences to it count, too
-- set variable path = '…/people.changes.csv';

-- Digests are compared first: all texts of both days do not fit into memory.
create macro digests(people) as table
    select
        person_id, sha256(to_json(list_transform(texts, lambda text: nullif(text, '')))::varchar) as digest
    from query_table(people);
create table changed as
select
    person_id,
    case when n.digest is null then 'removed' when o.digest is null then 'added' else 'changed' end as change
from digests('new_texts') n
full join digests('old_texts') o using (person_id)
full join (from digests('delivered_texts') where getvariable('again')) t using (person_id)
where n.digest is distinct from o.digest or (getvariable('again') and n.digest is distinct from t.digest);

create view gone as
from old_texts
union all
from delivered_texts anti join old_texts using (person_id) where getvariable('again');

create view changed_texts as
from new_texts join changed using (person_id) where change <> 'removed'
union all by name
from gone join changed using (person_id) where change = 'removed';

copy (
    select change, unnest(cells) from with_cells('changed_texts') order by person_id
) to (getvariable('path')) (format csv, header, new_line '\r\n');
