-- The accounts that the identity ledger keeps together.
--
-- tables kept_pairs, joins     see kept_links.sql, join_links.sql
-- table match_conflicts        rows are added to it
-- set variable strength = 1;
create or replace temp table linking_accounts as
select distinct unnest([account, other_account]) as account, person_id
from kept_pairs
join joins x on x.person = a
join joins y on y.person = b and y.component = x.component;

insert into match_conflicts by name
select
    'kept_together' as kind, getvariable('strength') as strength, person_id as evidence_group, account,
    true as is_reported
from linking_accounts;

create or replace temp table linking_accounts as
select account, r.linked_by from linking_accounts join recorded_accounts r using (account);
