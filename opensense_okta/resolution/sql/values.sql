-- What the accounts of a person say: one round takes in up to three accounts of everyone who has so many,
-- and is done with those who have no more. Returns how many people are left.
--
-- tables accounts_read, gathering, holdings    see the files before
-- set variable place = 1;                      of the round's first account, among the person's
-- set variable together = 3;                   how many accounts, 1 to 3

create or replace view handed as
select g.* replace (list_concat(g.texts, a.texts, b.texts, c.texts) as texts)
from gathering g
join accounts_read a on a.account = g.accounts[getvariable('place')]
left join accounts_read b
    on getvariable('together') >= 2 and b.account = g.accounts[getvariable('place') + 1]
left join accounts_read c
    on getvariable('together') >= 3 and c.account = g.accounts[getvariable('place') + 2];

insert into holdings by name
from handed where len(accounts) < getvariable('place') + getvariable('together');

create or replace table gathering as
from handed where len(accounts) >= getvariable('place') + getvariable('together');

select count(*) as people from gathering;
