-- People with their values and manager, and the provenance of each value.
--
-- tables accounts_read, account_person, person_ids, directories, attributes    see the files before
-- tables value_order, account_combinations, people_values    see account_combinations.sql, with a worked example

-- Manager. An account refers to its manager by id, login, e-mail or employee number, or by an alias that is none of
-- these. The reference is resolved if it fits exactly one person of the account's own directory, or, where it fits
-- nobody there, exactly one person of all directories. Names are never matched.
create table manager_references as
select account, rank, texts[(select position from attributes where attribute = 'manager')] as value
from accounts_read join account_person using (account);

create table manager_lookup_keys as
select rank, value, unnest(list_distinct([value, stripped(value), normalized(value)])) as key
from (select distinct rank, value from manager_references where value is not null); -- many accounts have the same

create table manager_keys as
with key_attributes as (
    select position, is_list, attribute = 'aliases' as is_alias
    from attributes where attribute in ('user_name', 'email', 'employee_number', 'aliases')
),
all_keys as (
    select person, rank, true as is_id, false as is_alias, id as key from accounts_read join account_person using (account)
    union all
    select
        person, rank, false, is_alias,
        unnest(if(
            is_list, list_transform(as_list(texts[position]), lambda x: normalized(x)), [normalized(texts[position])]
        ))
    from accounts_read join account_person using (account) cross join key_attributes
    where texts[position] is not null
)
select person, rank, is_alias, key
from all_keys semi join manager_lookup_keys using (key)
where is_id or not is_placeholder(key);

-- An alias counts where nothing else fits.
create macro people_of(person, is_alias) as list_distinct(coalesce(
    list(person) filter (not is_alias), list(person)
));
create table managers as
with same_directory as (
    select rank, value, people_of(person, is_alias) as matching_people
    from manager_lookup_keys join manager_keys using (rank, key)
    group by rank, value
),
any_directory as (
    select rank, value, people_of(person, is_alias) as matching_people
    from manager_lookup_keys anti join same_directory using (rank, value) join manager_keys using (key)
    group by rank, value
)
select account, person_ids.person_id as manager_id
from (from same_directory union all from any_directory) matches
join manager_references using (rank, value)
join person_ids on person_ids.person = matching_people[1]
where len(matching_people) = 1;

create view accounts_with_texts as
select directory, id, person_id, status, active, texts
from accounts_read
join account_person using (account)
join person_ids using (person);

-- The dates that count as none, because they are placeholders or cannot be read.
create view unused_dates as
select person_id, directory, attribute, text, is_placeholder
from dates_without_day
join attributes using (position)
join accounts_read using (account)
join account_person using (account)
join person_ids using (person);

-- One row for each filled value of a person. The lists are those of value_order, and in the same order:
--   texts            what each member supplies, NULL where it has no value
--   winner           the index in these lists of the member whose value is selected
--   winning_value    that value, or the union of all lists
create view selected_values as
with with_values as (
    select
        person, accounts, ids, value_order.*,
        if(position = 0, active_texts, list_select(texts, text_indexes)) as texts
    from people_values
    join value_order using (combination)
),
with_winner as (
    select
        *,
        coalesce(texts[1], list_any_value(texts)) as first_value,
        if(texts[1] is not null, 1, list_position(texts, first_value)) as winner -- nearly always the first
    from with_values
)
select *, case
    when merges then union_of_lists(texts) when is_list then union_of_lists([first_value]) else first_value
end as winning_value
from with_winner
where first_value is not null and winner <= eligible_count;

-- People whose dates say that they do not work on the day, with the reason. The dates are those of the person: an
-- account that has them can be another one than the account that is active.
create table days_off as
with indexes as (
    select
        combination,
        eligible_texts[(select position from attributes where attribute = 'start_date')] as start_indexes,
        eligible_texts[(select position from attributes where attribute = 'end_date')] as end_indexes
    from account_combinations
),
dates as (
    select
        person,
        list_any_value(list_select(texts, start_indexes)) as first_day,
        list_any_value(list_select(texts, end_indexes)) as last_day
    from people_values join indexes using (combination)
    where (select coalesce(sum(dates), 0) > 0 from date_counts)
)
select
    person,
    day_off_reason(getvariable('day')::date, first_day, last_day) as reason
from dates
where not works_on(getvariable('day')::date, first_day, last_day);

set variable merges = (select list(merges order by position) from attributes where position > 0);
set variable is_list = (select list(is_list order by position) from attributes where position > 0);

-- `texts` has the person's value of each attribute: the same as in `selected_values`, computed without the lists
-- that explain it.
create view people_with_texts as
select
    person_id, active and days.person is null as active,
    list_transform(eligible_texts, lambda text_indexes, position: case
        when getvariable('merges')[position] then union_of_lists(list_select(texts, text_indexes))
        when getvariable('is_list')[position] then union_of_lists(
            [coalesce(texts[text_indexes[1]], list_any_value(list_select(texts, text_indexes)))]
        )
        else coalesce(texts[text_indexes[1]], list_any_value(list_select(texts, text_indexes)))
    end) as texts,
    manager_id, distinct_directories as directories,
    list_transform(list_zip(c.directories, ids), lambda x: x[1] || '/' || x[2]) as accounts
from people_values
join account_combinations c using (combination)
join person_ids using (person)
left join days_off days using (person)
left join (
    select person, manager_id
    from selected_values join managers on account = accounts[member_indexes[winner]]
    where attribute = 'manager'
) using (person);

-- How a value came about, if it is not as it was read.
create table value_origins as
with several as (
    select distinct account, position from value_steps where step > 1 -- only they can have two steps
)
select account, position, origin
from value_steps anti join several using (account, position)
union all
select account, position, string_agg(origin, ', ' order by step)
from value_steps semi join several using (account, position)
group by account, position;

-- Whether a value has higher precedence than the winner's, and lost only because its member counts last.
create macro was_demoted(text, precedence, counts_last, winner_precedence, winner_counts_last) as
    text is not null and precedence < winner_precedence and counts_last and not winner_counts_last;

-- Values that one account alone can supply, which are most: without the lists of selected_values, a fifth less time.
create view single_values as
select
    person, accounts[member_indexes[1]] as account, ids[member_indexes[1]] as account_id, position, attribute, merges,
    is_list, directories[1] as directory, days[1] as day,
    if(position = 0, active_texts[1], texts[text_indexes[1]]) as text
from people_values
join value_order using (combination)
where len(member_indexes) = 1;

create view provenance as
select
    person_id, attribute,
    case when reason is not null then 'false' when merges or is_list then union_of_lists([text]) else text end as value,
    directory, account_id,
    if(merges, 'union', 'only_value' || coalesce('; ' || coalesce(reason, origin), '')) as rule,
    []::struct(directory directory_name, value varchar)[] as losing,
    day as as_of
from single_values
join person_ids using (person)
left join days_off on attribute = 'active' and days_off.person = single_values.person
left join value_origins using (account, position)
where text is not null
union all
select
    person_id, attribute,
    if(reason is null, winning_value, 'false') as value,
    directories[winner] as directory,
    ids[member_indexes[winner]] as account_id,
    case
        when merges then 'union'
        when list_count(texts) = 1 then 'only_value'
        when has_inactive_last and list_bool_or(list_transform(
            list_zip(texts, precedences, inactive_last),
            lambda x: was_demoted(x[1], x[2], x[3], precedences[winner], inactive_last[winner])
        )) then 'inactive_last'
        when has_stale_last and list_bool_or(list_transform(
            list_zip(texts, precedences, stale_last),
            lambda x: was_demoted(x[1], x[2], x[3], precedences[winner], stale_last[winner])
        )) then 'stale_last'
        else precedence_rules[winner]
    -- The dates of the person count on top of the account's own dates.
    end || if(merges, '', coalesce('; ' || coalesce(reason, origin), '')) as rule,
    -- No value of a merged list loses.
    list_filter(
        list_zip(directories, texts), lambda x, index: x[2] is not null and not merges and index <> winner
    )::struct(directory directory_name, value varchar)[] as losing,
    days[winner] as as_of
from selected_values
join person_ids using (person)
left join days_off on attribute = 'active' and days_off.person = selected_values.person
left join value_origins o on o.account = accounts[member_indexes[winner]] and o.position = selected_values.position
where len(member_indexes) > 1;
