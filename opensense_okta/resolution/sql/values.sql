-- What wins, why, and against what: for the attributes of one flow and a slice of the people.
--
-- tables attributes, flows             see the files before
-- temp table sliced  the accounts of the slice
-- temp table picked  person, texts: the winning values of the flows before; this one's are appended
-- table weighed      one row per filled value; rows are added
-- set variable flow = 2;                       1 is that of `active`
-- set variable inactive_accounts = 'yield';    ignore: they count not at all; equal: as any other

set variable rules = (
    select list(struct_pack(position, blank_wins, merges) order by position)
    from attributes where flow = getvariable('flow')
);
set variable positions = list_transform(getvariable('rules'), lambda rule: rule.position);
set variable places = range(1, len(getvariable('rules')) + 1);

-- Who says what. Whether somebody is active is for inactive accounts to say as for any other.
create or replace temp table standing as
select
    a.person, a.account, a.rank as directory, f.rank, a.yields,
    case when getvariable('flow') > 1 and getvariable('inactive_accounts') = 'yield' then not a.active
    else false end as late,
    case when getvariable('flow') = 1 then not a.active else false end as inactive,
    case when getvariable('flow') = 1 then [a.active::varchar]
    else list_select(a.texts, getvariable('positions')) end as texts
from sliced a
join flows f on f.directory = a.directory and f.flow = getvariable('flow')
where a.active or getvariable('flow') = 1 or getvariable('inactive_accounts') <> 'ignore';

create or replace temp table heard as
select person, list_sort(list(struct_pack(late, yields, rank, inactive, account, directory, texts))) as accounts
from standing group by person;

-- What each account says of each attribute, and what wins. Where a blank wins, it is the blank of a
-- whole directory, and leaves nothing to the others.
create or replace temp table said as
with spoken as (
    select
        person,
        list_transform(accounts, lambda x: x.directory) as directories,
        list_transform(accounts, lambda x: x.account) as accounts,
        list_bool_or(list_transform(accounts, lambda x: x.late)) as late,
        list_bool_or(list_transform(accounts, lambda x: x.yields)) as stale,
        list_transform(
            getvariable('places'), lambda place: list_transform(accounts, lambda x: x.texts[place])
        ) as texts
    from heard
)
select
    person, directories, accounts, late, stale, texts,
    list_transform(list_zip(texts, getvariable('rules')), lambda x: case
        when x[2].merges then united(x[1])
        when x[1][1] is not null then x[1][1]
        when x[2].blank_wins then list_filter(
            list_zip(directories, x[1]), lambda y: y[1] = directories[1] and y[2] is not null
        )[1][2]
        else list_filter(x[1], lambda text: text is not null)[1]
    end) as winning
from spoken;

create or replace temp table picked as
select
    p.person,
    list_concat(p.texts, coalesce(s.winning, list_resize([]::varchar[], len(getvariable('rules'))))) as texts
from picked p
left join said s using (person);

-- Who said what is filled, the winner first unless a blank won.
insert into weighed by name
with asked as (
    select
        person, directories, accounts, late, stale,
        unnest(getvariable('positions')) as position, unnest(texts) as texts, unnest(winning) as winning
    from said
)
select
    person, position, winning, late, stale,
    list_unique(texts) > 1 as disputed,
    list_filter(list_zip(directories, accounts, texts), lambda x: x[3] is not null) as said
from asked
where winning is not null;
