-- The differences between the previous CSV and the CSV of this day: the rows with a different value.
--
-- views old_texts, new_texts (key, texts)   of both days; a row is known by its key
-- view delivered_texts                            of this day, as it was exported before
-- set variable again = false;                     whether it was; if so, differences to it count, too

-- Digests are compared first: all texts of both days do not fit into memory.
create or replace macro digests(rows) as table
    select
        key, md5_number(to_json(list_transform(texts, lambda text: nullif(text, '')))::varchar) as digest
    from query_table(rows);
create or replace table changed as
select
    key,
    case when n.digest is null then 'removed' when o.digest is null then 'added' else 'changed' end as change
from digests('new_texts') n
full join digests('old_texts') o using (key)
full join (from digests('delivered_texts') where getvariable('again')) t using (key)
where n.digest is distinct from o.digest or (getvariable('again') and n.digest is distinct from t.digest);

create or replace view gone as
from old_texts
union all
from delivered_texts anti join old_texts using (key) where getvariable('again');

create or replace view changed_texts as
from new_texts join changed using (key) where change <> 'removed'
union all by name
from gone join changed using (key) where change = 'removed';

select
    count(*) filter (change = 'added') as added,
    count(*) filter (change = 'changed') as changed,
    count(*) filter (change = 'removed') as removed
from changed;
