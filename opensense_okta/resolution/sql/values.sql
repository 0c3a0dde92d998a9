-- What the accounts of a person say, and what wins: for a slice of the people.
--
-- tables accounts_read, persons, attributes    see the files before
-- tables lined, lineups                        of lineups.sql
-- table holdings                               rows are added
-- set variable slice = 0;
-- set variable slices = 1;

set variable merging = (select list(merges order by position) from attributes where position > 0);

insert into holdings by name
with gathered as (
    select person, list(account) as gathered, list(texts) as texts
    from accounts_read join persons using (account)
    where person % getvariable('slices') = getvariable('slice')
    group by person
),
laid as (
    select person, flatten(list_select(texts, list_grade_up(gathered))) as texts from gathered
)
select
    person, lineup, accounts, ids, texts,
    list_transform(choices, lambda choice, position: case
        when getvariable('merging')[position] then united(list_select(texts, choice))
        else list_any_value(list_select(texts, choice))
    end) as winning
from laid
join lined using (person)
join lineups using (lineup);
