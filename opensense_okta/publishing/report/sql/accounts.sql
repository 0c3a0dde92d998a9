-- Accounts by directory.
--
-- table accounts    of the published day
select
    directory,
    count(*) filter (where active) as active,
    count(*) filter (where not coalesce(active, false)) as inactive
from accounts
group by directory
order by directory;
