-- The start and end dates of the accounts of one directory: as ISO 8601, or none. An account is not active before
-- its first day and after its last day.
--
-- tables accounts_read, attributes    see the files before
-- tables value_steps, date_counts, dates_without_day    rows are added to them
-- set variable directory = 'okta';
-- set variable date_format = '%d.%m.%Y';    NULL: ISO 8601
-- set variable day = '2026-11-23';          that is resolved

create or replace temp macro iso_date(text) as case
    when regexp_full_match(text, '\d{4}-\d{2}-\d{2}([T ].*)?') then try_cast(text[1:10] as date)
end;
-- Systems write such a date where they have none: the smallest or the largest date that they know, or day zero of
-- a spreadsheet, of Unix or of a database.
create or replace temp macro is_placeholder_date(day) as
    year(day) < 1920 or year(day) >= 2090 or day in (date '1970-01-01', date '2079-06-06');

create or replace temp table written_dates as
select account, position, texts[position] as text
from accounts_read
cross join (select position from attributes where attribute in ('start_date', 'end_date'))
where directory = getvariable('directory') and texts[position] is not null;

create or replace temp table read_dates as
select text, day, coalesce(is_placeholder_date(day), false) as is_placeholder
from (
    select
        text,
        case
            when getvariable('date_format') is null then iso_date(stripped(text))
            else try_strptime(stripped(text), coalesce(getvariable('date_format'), '%Y-%m-%d'))::date
        end as day
    from (select distinct text from written_dates)
);

insert into date_counts
select
    count(*) as dates,
    count(*) filter (where day is null) as unreadable,
    count(*) filter (where is_placeholder) as placeholders
from written_dates join read_dates using (text);

insert into dates_without_day
select account, position, text, is_placeholder
from written_dates join read_dates using (text)
where day is null or is_placeholder;

create or replace temp table account_dates as
select account, position, text, if(is_placeholder, null, day::varchar) as day
from written_dates join read_dates using (text);

insert into value_steps
select account, position, 3, 'a date written as "' || text || '"'
from account_dates where day <> text;

update accounts_read
set texts = list_transform(
    texts,
    lambda text, index: case
        when len(list_filter(dates, lambda written: written.position = index)) = 0 then text
        else list_filter(dates, lambda written: written.position = index)[1].day
    end
)
from (
    select account, list(struct_pack(position, day)) as dates
    from account_dates where day is distinct from text group by account
) changed
where changed.account = accounts_read.account;

create or replace temp table accounts_off as
select account, day_off_reason(getvariable('day')::date, first_day, last_day) as reason
from (
    select
        account,
        texts[(select position from attributes where attribute = 'start_date')] as first_day,
        texts[(select position from attributes where attribute = 'end_date')] as last_day
    from accounts_read semi join account_dates using (account)
    where active
)
where not works_on(getvariable('day')::date, first_day, last_day);

-- Position 0 is that of `active`.
insert into value_steps
select account, 0, 1, reason from accounts_off;

update accounts_read set active = false where account in (select account from accounts_off);
