-- The slice of the people whose values are picked next, and their accounts.
--
-- tables accounts_read, persons, directories    see the files before
-- set variable slice = 0;
-- set variable slices = 1;
create or replace temp table sliced as
select p.person, a.account, a.directory, d.rank, d.yields, a.active, a.texts
from accounts_read a
join persons p using (account)
join directories d using (directory)
where p.person % getvariable('slices') = getvariable('slice');

create or replace temp table picked as
select distinct person, []::varchar[] as texts from sliced;
