-- What the accounts of a person say: one round takes in three accounts of everyone who has so many, and is
-- done with those who have no more. Returns how many people are left.
--
-- tables accounts_read, gathering, holdings    see the files before
-- set variable place = 1;                      of the first of the three, among the person's

create or replace view handed as
select g.* replace (list_concat(g.texts, a.texts, b.texts, c.texts) as texts)
from gathering g
join accounts_read a on a.account = g.accounts[getvariable('place')]
left join accounts_read b on b.account = g.accounts[getvariable('place') + 1]
left join accounts_read c on c.account = g.accounts[getvariable('place') + 2];

insert into holdings by name
from handed where len(accounts) <= getvariable('place') + 2;

create or replace table gathering as
from handed where len(accounts) > getvariable('place') + 2;

select count(*) as people from gathering;
