-- The accounts of one directory in which the value of one attribute was blanked or rewritten; the most
-- frequent change first.
--
-- table old_accounts, macro differences              see resolution/sql/changes.sql
-- view accounts_both, variable accounts_attributes   see accounts.sql
-- set variable directory = 'okta'; set variable attribute = 'title'; set variable blanked = true;
-- set variable examples = 20;
select a.display_name, a.email, c.key as account, c.before, c.after
from differences('accounts_both', getvariable('accounts_attributes')) c
join old_accounts a on c.key = a.directory || '/' || a.id
where
    a.directory = getvariable('directory') and c.attribute = getvariable('attribute')
    and c.before is not null and (c.after is null) = getvariable('blanked')
order by count(*) over (partition by c.before, c.after) desc, c.before, c.after, a.display_name, c.key
limit getvariable('examples');
