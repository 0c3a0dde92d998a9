-- The rows of an export and of those that it removes: changed rows first, a limited number or all.
--
-- view new_texts (key, texts); table changed, view changed_texts    see changed.sql
-- set variable rows = 20;    null: all
select change, list_transform(texts, lambda text: cell(text)) as cells
from (
    from changed_texts
    union all by name
    select null as change, key, texts from new_texts anti join changed using (key)
)
order by change is null, key
limit (select coalesce(getvariable('rows'), 1_000_000_000_000));
