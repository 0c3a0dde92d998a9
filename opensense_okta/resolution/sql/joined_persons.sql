-- Joins persons.
--
-- table joins               person, component: see join_links.sql
-- table linking_accounts    account, linked_by: the accounts whose key made the links
-- table account_person      persons are joined
update account_person set person = component
from joins
where joins.person = account_person.person;

update account_person set linked_by = l.linked_by
from linking_accounts l
where l.account = account_person.account and account_person.linked_by is null;
