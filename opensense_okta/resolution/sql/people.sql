-- People: everyone's accounts, values, manager and groups.
--
-- tables accounts_read, persons, person_ids, directories, attributes    see the files before
-- tables holdings, asked, lineups    of lineups.sql and values.sql
-- tables groups_read, memberships_read
-- set variable merge_groups = false;    whether groups of one name are one


-- What an account writes as a manager is an id, a login, an e-mail or an employee number. It names a
-- person when it fits exactly one: in the account's own directory, or, when nobody fits there, anywhere.
-- Names are never matched.
create table managers_written as
select account, rank, texts[(select position from attributes where attribute = 'manager')] as value
from accounts_read join persons using (account);

create table managers_sought as
select rank, value, unnest(list_distinct([value, stripped(value), normalized(value)])) as key
from (select distinct rank, value from managers_written where value is not null); -- many have the same

create table manager_keys as
with named as (
    select position, merges from attributes where attribute in ('user_name', 'email', 'employee_number')
),
keys_of as (
    select person, rank, id as key from accounts_read join persons using (account)
    union all
    select
        person, rank,
        unnest(if(
            merges, list_transform(listed(texts[position]), lambda x: normalized(x)), [normalized(texts[position])]
        ))
    from accounts_read join persons using (account) cross join named
    where texts[position] is not null
)
from keys_of semi join managers_sought using (key);

create table managers as
with near as (
    select rank, value, list_distinct(list(person)) as fitting
    from managers_sought join manager_keys using (rank, key) group by rank, value
),
far as (
    select rank, value, list_distinct(list(person)) as fitting
    from managers_sought anti join near using (rank, value) join manager_keys using (key) group by rank, value
)
select account, person_ids.person_id as manager_id
from (from near union all from far) found
join managers_written using (rank, value)
join person_ids on person_ids.person = fitting[1]
where len(fitting) = 1;

create table same_groups as
select
    g.group_id as source,
    case when getvariable('merge_groups') and filled(name)
        then first_value(g.group_id) over (partition by normalized(name) order by rank, id)
        else g.group_id
    end as group_id
from groups_read g join directories using (directory);

create table memberships as
select distinct person_id, s.group_id
from memberships_read m
join same_groups s on s.source = m.group_id
join accounts_read a on a.directory = m.directory and a.id = m.id
join persons using (account)
join person_ids using (person);

create view groups as
select g.*, sources, coalesce(members, 0) as members_count
from groups_read g
join (
    select group_id, list_sort(list(source)) as sources from same_groups group by group_id
) using (group_id)
left join (select group_id, count(*) as members from memberships group by group_id) using (group_id);

create view accounts_whole as
select directory, id, person_id, status, active, texts
from accounts_read
join persons using (account)
join person_ids using (person);

-- One row for each filled value of a person: who was asked, what they said (NULL: nothing), who of them has
-- the value that wins, and that value. Of a list of nothing, accounts.sql has made no value.
create view weighed as
with spoken as (
    select
        person, accounts, ids, asked.*,
        if(position = 0, states, list_select(texts, texts_at)) as texts
    from holdings
    join asked using (lineup)
),
decided as (
    select *, list_any_value(texts) as first, list_position(texts, first) as winner from spoken
)
select *, if(merges, united(texts), first) as winning
from decided
where first is not null and winner <= deciding;

set variable merging = (select list(merges order by position) from attributes where position > 0);

-- Everyone's values, one for each attribute: the same that `weighed` has with the reasons for it.
create view people_whole as
select
    person_id, active,
    list_transform(choices, lambda choice, position: case
        when getvariable('merging')[position] then united(list_select(texts, choice))
        else list_any_value(list_select(texts, choice))
    end) as texts,
    manager_id, present as directories,
    list_transform(list_zip(lineups.directories, ids), lambda x: x[1] || '/' || x[2]) as accounts
from holdings
join lineups using (lineup)
join person_ids using (person)
left join (
    select person, manager_id
    from weighed join managers on account = accounts[places[winner]]
    where attribute = 'manager'
) using (person);

-- Whether a value would have come before the winner's, were it not for what makes it count last.
create macro waited(text, turn, last, turn_of_winner, last_of_winner) as
    text is not null and turn < turn_of_winner and last and not last_of_winner;

create view provenance as
select
    person_id, attribute,
    winning as value,
    directories[winner] as directory,
    ids[places[winner]] as account_id,
    case
        when merges then 'union'
        when list_count(texts) = 1 then 'only_value'
        when list_bool_or(late) and list_bool_or(list_transform(
            list_zip(texts, turns, late), lambda x: waited(x[1], x[2], x[3], turns[winner], late[winner])
        )) then 'inactive_last'
        when list_bool_or(stale) and list_bool_or(list_transform(
            list_zip(texts, turns, stale), lambda x: waited(x[1], x[2], x[3], turns[winner], stale[winner])
        )) then 'stale_last'
        else rules[winner]
    end as rule,
    -- Of a list nothing loses: here is what each directory gave to it.
    list_filter(
        list_zip(directories, texts), lambda x, place: x[2] is not null and (merges or place <> winner)
    )::struct(directory directory_name, value varchar)[] as losing,
    days[winner] as as_of
from weighed
join person_ids using (person);
