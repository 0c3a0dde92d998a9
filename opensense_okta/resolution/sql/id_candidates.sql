-- The ids that each person could keep: those that the identity ledger has for the person's accounts.
--
-- tables recorded_accounts, account_person, attribute_precedence    see the files before

create table id_candidates as
with recorded as (
    select person, person_id, min(since) as since, min(account) as anchor
    from account_person join recorded_accounts using (account)
    group by person, person_id
),
-- Of persons who compete for an id, whether they are active: the first directory decides (account_combinations.sql).
activity as (
    select person, arg_min(is_active, row(stale_last, precedence, not is_active, account)) as is_active
    from account_person
    join directories using (rank)
    join (from attribute_precedence where position = 0) using (directory)
    where person in (select person from recorded where person_id in (
        select person_id from recorded group by person_id having count(*) > 1
    ))
    group by person
)
select person, person_id, since, anchor, coalesce(is_active, true) as is_active
from recorded left join activity using (person);

create table assigned_ids (person integer, person_id varchar);
