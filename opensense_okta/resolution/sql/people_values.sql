-- Appends the texts of up to three accounts to each person; repeat until no person has more accounts. Returns
-- the number of people who have.
--
-- tables accounts_read, people_pending    see account_combinations.sql, which has a worked example
-- table collected_values                  people whose accounts are all appended are added to it
-- set variable first_member = 1;          the index of the batch's first account among the person's accounts
-- set variable batch_size = 3;            how many accounts to append, 1 to 3

create or replace view next_batch as
select p.* replace (list_concat(p.texts, a.texts, b.texts, c.texts) as texts)
from people_pending p
join accounts_read a on a.account = p.accounts[getvariable('first_member')]
left join accounts_read b
    on getvariable('batch_size') >= 2 and b.account = p.accounts[getvariable('first_member') + 1]
left join accounts_read c
    on getvariable('batch_size') >= 3 and c.account = p.accounts[getvariable('first_member') + 2];

insert into collected_values by name
from next_batch where len(accounts) < getvariable('first_member') + getvariable('batch_size');

create or replace table people_pending as
from next_batch where len(accounts) >= getvariable('first_member') + getvariable('batch_size');

select count(*) as people from people_pending;
