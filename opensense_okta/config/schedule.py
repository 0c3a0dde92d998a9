"""An organization's schedule: one or more ticks in each local day, also when clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_CALENDAR_DAYS = 4 * 366  # has every kind of month, and every weekday on the 31st and the 29th
_EACH_DAY = "must tick at least once in each local day"
_WEEKS_OF_CHANGES = 20 * 52  # zones keep their rules for years; later rules are unknown


@cache  # most organizations have the same schedule, and checking each day is slow
def daily_ticks(schedule: str, first_day: date) -> tuple[time, ...]:
    """The times at which the schedule ticks on each day of the calendar, the earliest first.

    Raises:
        ValueError: there is a day without a tick; the message says which.
    """
    try:
        cron = CronSim(schedule, datetime(2000, 1, 1))  # noqa: DTZ001 - only the fields are looked at
        if len(schedule.split()) != 5:
            raise ValueError
    except (CronSimError, ValueError, AssertionError):
        words = 'must be five cron fields (minute hour day month weekday), such as "0 2 * * *"'
        raise ValueError(words) from None
    for day in (first_day + timedelta(days=later) for later in range(_CALENDAR_DAYS)):
        if day.month not in cron.months or not cron.match_day(day):
            raise ValueError(f"{_EACH_DAY}; it has none on {day}")
    return tuple(
        time(hour, minute) for hour in sorted(cron.hours) for minute in sorted(cron.minutes)
    )


def format_ticks(ticks: tuple[time, ...]) -> str:
    """The five cron fields of these times, which are all combinations of some hours and minutes."""
    hours = ",".join(str(hour) for hour in sorted({tick.hour for tick in ticks}))
    minutes = ",".join(str(minute) for minute in sorted({tick.minute for tick in ticks}))
    return f"{minutes} {hours} * * *"


def largest_gap(ticks: tuple[time, ...]) -> tuple[time, timedelta]:
    """The longest time without a tick on a day of 24 hours: the tick at which it begins, and its length."""
    starts = [datetime.combine(date.min, tick) for tick in ticks]
    around = [*starts, starts[0] + timedelta(days=1)]
    begin, end = max(pairwise(around), key=lambda pair: pair[1] - pair[0])
    return begin.time(), end - begin


@cache  # as above
def refuse_lost_ticks(ticks: tuple[time, ...], zone: ZoneInfo, first_day: date) -> None:
    """Refuses ticks in a skipped hour if they move to another day and leave their own without one.

    Raises:
        ValueError: a day has no tick; the message says which.
    """
    for week in (first_day + timedelta(weeks=later) for later in range(_WEEKS_OF_CHANGES)):
        days = [week + timedelta(days=later) for later in range(8)]
        noons = [datetime.combine(day, time(12), zone).utcoffset() for day in (days[0], days[-1])]
        if noons[0] == noons[1]:
            continue
        for day in days:
            starts = (moment_of(day, tick, zone).astimezone(zone) for tick in ticks)
            if all(start.date() != day for start in starts):
                raise ValueError(
                    f"{_EACH_DAY}; it has none on {day}, when the clocks of {zone.key} skip"
                    f" {ticks[0]:%H:%M}"
                )


def moment_of(day: date, tick: time, zone: ZoneInfo) -> datetime:
    """The moment of Dagster's tick on a day.

    If clocks repeat the time, it is the later one; if they skip the time, the tick comes after it.
    Dagster handles clock changes only from 1 to 3 o'clock. The same is calculated here to the minute,
    so that the displayed time is the time of the start.
    """
    local = datetime.combine(day, tick, zone)
    if 1 <= tick.hour <= 3:
        if local.astimezone(UTC).astimezone(zone) != local:
            local = local.replace(minute=0)
            local += zone.dst(local + timedelta(hours=1)) or timedelta()
        local = local.replace(fold=1)
    return local.astimezone(UTC)
