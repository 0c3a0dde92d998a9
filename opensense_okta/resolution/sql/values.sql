-- What the accounts of a person say, and what wins: one round takes in one account of everyone who has so
-- many, and is done with those who have no more. Returns how many people are left.
--
-- tables accounts_read, attributes    see the files before
-- tables gathering, lineups           of lineups.sql
-- table holdings                      rows are added
-- set variable place = 1;             of the account, among the person's

set variable merging = (select list(merges order by position) from attributes where position > 0);

insert into holdings by name
select
    person, lineup, accounts, ids, texts,
    list_transform(choices, lambda choice, position: case
        when getvariable('merging')[position] then united(list_select(texts, choice))
        else list_any_value(list_select(texts, choice))
    end) as winning
from (
    select g.* replace (g.texts || a.texts as texts)
    from gathering g
    join accounts_read a on a.account = g.accounts[getvariable('place')]
    where len(accounts) = getvariable('place')
)
join lineups using (lineup);

create or replace table gathering as
select g.* replace (g.texts || a.texts as texts)
from gathering g
join accounts_read a on a.account = g.accounts[getvariable('place')]
where len(accounts) > getvariable('place');

select count(*) as people from gathering;
