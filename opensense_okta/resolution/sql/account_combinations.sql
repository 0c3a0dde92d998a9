-- The order in which the accounts of a person supply each attribute.
--
-- tables accounts_read, account_person, directories, attributes, attribute_precedence    see the files before
-- set variable inactive_accounts = 'lowest';   ignore: inactive accounts supply nothing; equal: like any other
--
-- Millions of people share a few combinations of accounts: how many accounts of which directories, each active
-- or not. Precedence is computed once per combination, not once per person. This is what it computes, but in a
-- plain form that costs several times as much (tests/resolution/test_value_selection.py compares the two):
--
--     row_number() over (
--         partition by person, attribute
--         order by inactive_last, stale_last, precedence, account
--     )
--
-- Example. Ada has an inactive account in okta and an active one in hr; Bob has one account in okta. okta has
-- the higher precedence, and inactive accounts count last. The only attribute is `title`.
--
--     accounts_read
--     | account | directory | id | active | texts      |
--     | 1       | okta      | o1 | false  | [Engineer] |
--     | 2       | okta      | o2 | true   | [Manager]  |
--     | 3       | hr        | h1 | true   | [Poet]     |
--
-- Accounts 1 and 3 are Ada's, account 2 is Bob's.
--
--     account_person
--     | account | person | rank |
--     | 1       | 1      | 1    |
--     | 2       | 2      | 1    |
--     | 3       | 1      | 2    |
--
-- First the accounts of each person, and the combinations that occur. Members are sorted by account.
--
--     combinations
--     | combination | members                                                    |
--     | 1           | [{'rank': 1, 'active': false}, {'rank': 2, 'active': true}] |
--     | 2           | [{'rank': 1, 'active': true}]                             |
--
--     people_pending
--     | person | combination | accounts | ids      | texts |
--     | 1      | 1           | [1, 3]   | [o1, h1] | []    |
--
--     people_of_one_account
--     | person | combination | account |
--     | 2      | 2           | 2       |
--
-- Then the order of the members for each attribute. For `title`, member 2 of combination 1 comes first (hr),
-- because member 1 is inactive. `active` itself follows the directories alone.
--
--     value_order
--     | combination | attribute | member_indexes | directories | eligible_count | text_indexes |
--     | 1           | active    | [1, 2]         | [okta, hr]  | 2              | [0, 1]       |
--     | 1           | title     | [2, 1]         | [hr, okta]  | 2              | [2, 1]       |
--     | 2           | active    | [1]            | [okta]      | 1              | [0]          |
--     | 2           | title     | [1]            | [okta]      | 1              | [1]          |
--
-- The same in short, all attributes in one row, for table `people`.
--
--     account_combinations
--     | combination | active | directories | eligible_texts |
--     | 1           | false  | [okta, hr]  | [[2, 1]]       |
--     | 2           | true   | [okta]      | [[1]]          |
--
-- people_values.sql then appends the accounts' texts to the rows of people who have several.
--
--     people_values
--     | person | combination | accounts | ids      | texts            |
--     | 1      | 1           | [1, 3]   | [o1, h1] | [Engineer, Poet] |
--     | 2      | 2           | [2]      | [o2]     | [Manager]        |
--
-- people.sql selects: Ada's `title` is the first filled one of texts[2] and texts[1]: Poet. Bob's is texts[1].
--
--     selected_values
--     | person | attribute | texts            | winner | winning_value |
--     | 1      | active    | [false, true]    | 1      | false         |
--     | 1      | title     | [Poet, Engineer] | 1      | Poet          |
--     | 2      | active    | [true]           | 1      | true          |
--     | 2      | title     | [Manager]        | 1      | Manager       |

-- There are few directories and attributes: rows store a number for each, not its text.
create type directory_name as enum (select directory from directories order by rank);
create type attribute_name as enum (select attribute from attributes order by position);

set variable directory_names = (select list(directory order by rank) from directories);
set variable attribute_count = (select max(position) from attributes); -- without `active`

create table person_accounts as
select person, list_sort(list(struct_pack(account, rank := d.rank, active, id))) as members
from accounts_read
join account_person using (account)
join directories d using (directory)
group by person;

create table combinations as
select row_number() over (order by members) as combination, members
from (
    select distinct list_transform(members, lambda x: struct_pack(rank := x.rank, active := x.active)) as members
    from person_accounts
);

create view people_combined as
select
    person, combination,
    list_transform(p.members, lambda x: x.account) as accounts,
    list_transform(p.members, lambda x: x.id) as ids
from person_accounts p
join combinations c
    on c.members = list_transform(p.members, lambda x: struct_pack(rank := x.rank, active := x.active));

-- The people whose values people_values.sql still has to collect.
create table people_pending as
select *, []::varchar[] as texts from people_combined where len(accounts) > 1;

-- Most people have one account. Its texts are theirs: a copy of them would take as much memory as table accounts_read.
create table people_of_one_account as
select person, combination, accounts[1] as account from people_combined where len(accounts) = 1;

create view people_values as
select person, combination, [account] as accounts, [id] as ids, texts
from accounts_read join people_of_one_account using (account)
union all by name
from collected_values;

-- One row for each combination and attribute, with parallel lists that have the members in the order in which
-- they supply the value:
--   member_indexes      the member's index among the person's accounts
--   directories, days   the member's directory, and the date of its data
--   precedences         the directory's precedence for the attribute
--   active_texts        whether the member is active, as the text of attribute `active`
--   inactive_last       whether the member counts last because it is inactive
--   stale_last          whether the member counts last because its directory's data is stale
--   has_inactive_last, has_stale_last    whether that is true of any member
--   precedence_rules    the rule that provenance names if the member wins by precedence
-- The first `eligible_count` members can win. Those after them are blocked by a blank that wins.
create table value_order as
with members as (
    select
        combination, position,
        unnest(range(1, len(members) + 1)) as member_index,
        unnest(members) as member
    from combinations cross join attributes
),
ranked as (
    select
        combination, position, attribute, merges, is_list, listed_directories, blank_wins,
        member_index, directory, as_of, precedence, stale_last, member.active,
        -- Attribute `active` (position 0) follows the directories' precedence, whether a member is active or not.
        position > 0 and not member.active and getvariable('inactive_accounts') = 'lowest' as inactive_last,
        -- With several accounts in one directory, a person is active there if one of the accounts is.
        position = 0 and not member.active as supplies_inactive
    from members
    join directories d on d.rank = member.rank
    join attribute_precedence using (position, directory)
    join attributes using (position)
    where member.active or position = 0 or getvariable('inactive_accounts') <> 'ignore'
),
blocked as (
    select
        *,
        -- Where a blank wins, the first directory decides alone, also if it has no value.
        blank_wins and directory <> first_value(directory) over (
            partition by combination, position
            order by inactive_last, stale_last, precedence, supplies_inactive, member_index
        ) as is_blocked
    from ranked
),
ordered as (
    select
        *,
        row_number() over (
            partition by combination, position
            order by is_blocked, inactive_last, stale_last, precedence, supplies_inactive, member_index
        ) as order_index
    from blocked
    where not (is_blocked and merges) -- a merged list has values of the first directory only
)
select
    combination, position, attribute::attribute_name as attribute, merges, is_list,
    list(member_index order by order_index) as member_indexes,
    list(directory::directory_name order by order_index) as directories,
    list(as_of order by order_index) as days,
    list(precedence order by order_index) as precedences,
    list(active::varchar order by order_index) as active_texts,
    count(*) filter (not is_blocked) as eligible_count,
    list(inactive_last order by order_index) as inactive_last,
    list(stale_last order by order_index) as stale_last,
    bool_or(inactive_last) as has_inactive_last,
    bool_or(stale_last) as has_stale_last,
    list(
        if(list_contains(listed_directories, directory), 'precedence', 'default_precedence')
        order by order_index
    ) as precedence_rules
from ordered
group by combination, position, attribute, merges, is_list;

-- The texts of a person's accounts are stored one account after the other (people_values.sql): the index of
-- each member's text in that list.
alter table value_order add column text_indexes bigint[];

update value_order set text_indexes = list_transform(
    member_indexes, lambda member_index: (member_index - 1) * getvariable('attribute_count') + position
);

-- One row for each combination:
--   active                 whether people with these accounts are active
--   directories            of each member
--   distinct_directories   each once
--   eligible_texts         for each attribute, the indexes of the texts that can win
create table account_combinations as
select
    combination, active_texts[1]::boolean as active,
    list_transform(members, lambda x: getvariable('directory_names')[x.rank]) as directories,
    list_transform(
        list_sort(list_distinct(list_transform(members, lambda x: x.rank))),
        lambda rank: getvariable('directory_names')[rank]
    ) as distinct_directories,
    eligible_texts
from combinations
join (select combination, active_texts from value_order where position = 0) using (combination)
join (
    select combination, list(coalesce(text_indexes[:eligible_count], []) order by position) as eligible_texts
    from combinations
    cross join (select position from attributes where position > 0)
    left join value_order using (combination, position)
    group by combination
) using (combination);
