-- In which order the accounts of a person are asked for each attribute.
--
-- tables accounts_read, persons, directories, attributes, turns    see the files before
-- set variable inactive_accounts = 'yield';    ignore: they count not at all; equal: as any other
--
-- People differ in what their accounts say, and hardly in which accounts they have. A line-up is how many
-- accounts of which directories, active or not; what follows from it is decided once for all who have it.

-- Directories and attributes are few: rows hold a number for each, not its text.
create type directory_name as enum (select directory from directories order by rank);
create type attribute_name as enum (select attribute from attributes order by position);

set variable names = (select list(directory order by rank) from directories);
set variable width = (select max(position) from attributes);

create table accounts_of as
select person, list_sort(list(struct_pack(account, rank := d.rank, active, id))) as members
from accounts_read
join persons using (account)
join directories d using (directory)
group by person;

create table formations as
select row_number() over () as lineup, formation
from (
    select distinct list_transform(members, lambda x: struct_pack(rank := x.rank, active := x.active)) as formation
    from accounts_of
);

create table gathering as
select
    person, lineup, []::varchar[] as texts,
    list_transform(members, lambda x: x.account) as accounts,
    list_transform(members, lambda x: x.id) as ids
from accounts_of
join formations on formation = list_transform(members, lambda x: struct_pack(rank := x.rank, active := x.active));

-- One row for each line-up and attribute: who is asked, one after the other, by their places among the
-- person's accounts. The first `deciding` of them decide; `late` and `stale` tell who counts last for
-- being inactive, and for being of a stale directory. `days` are those of their directories' data, and
-- `rules` what lets them win where nobody had to wait.
create table asked as
with placed as (
    select
        lineup, position,
        unnest(range(1, len(formation) + 1)) as place,
        unnest(formation) as member
    from formations cross join attributes
),
standing as (
    select
        lineup, position, attribute, merges, precedence, blank_wins,
        place, directory, as_of, turn, yields, member.active,
        -- Whether somebody is active is for inactive accounts to say as for any other.
        position > 0 and not member.active and getvariable('inactive_accounts') = 'yield' as late,
        position = 0 and not member.active as inactive
    from placed
    join directories d on d.rank = member.rank
    join turns using (position, directory)
    join attributes using (position)
    where member.active or position = 0 or getvariable('inactive_accounts') <> 'ignore'
),
heard as (
    select
        *,
        -- Where a blank wins, it is the blank of a whole directory, and leaves nothing to the others.
        blank_wins and directory <> first_value(directory) over (
            partition by lineup, position order by late, yields, turn, inactive, place
        ) as silenced
    from standing
),
queued as (
    select
        *,
        row_number() over (
            partition by lineup, position order by silenced, late, yields, turn, inactive, place
        ) as queue
    from heard
    where not (silenced and merges)
)
select
    lineup, position, attribute::attribute_name as attribute, merges,
    list(place order by queue) as places,
    list(directory::directory_name order by queue) as directories,
    list(as_of order by queue) as days,
    list(turn order by queue) as turns,
    list(active::varchar order by queue) as states,
    count(*) filter (not silenced) as deciding,
    list(late order by queue) as late,
    list(yields order by queue) as stale,
    list(if(list_contains(precedence, directory), 'precedence', 'default_precedence') order by queue) as rules
from queued
group by lineup, position, attribute, merges;

-- The texts of a person's accounts lie one after the other; `texts_at` and `choices` say where.
alter table asked add column texts_at bigint[];

update asked set texts_at = list_transform(
    places, lambda place: (place - 1) * getvariable('width') + position
);

create table lineups as
select
    lineup, states[1]::boolean as active,
    list_transform(formation, lambda x: getvariable('names')[x.rank]) as directories,
    list_transform(
        list_sort(list_distinct(list_transform(formation, lambda x: x.rank))),
        lambda rank: getvariable('names')[rank]
    ) as present,
    choices
from formations
join (select lineup, states from asked where position = 0) using (lineup)
join (
    select lineup, list(coalesce(texts_at[:deciding], []) order by position) as choices
    from formations
    cross join (select position from attributes where position > 0)
    left join asked using (lineup, position)
    group by lineup
) using (lineup);
