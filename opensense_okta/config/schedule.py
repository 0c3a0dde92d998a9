"""An organization's schedule: one tick in each local day, also when clocks change."""

from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

_CALENDAR_DAYS = 4 * 366  # has every kind of month, and every weekday on the 31st and the 29th
_ONCE_A_DAY = "must tick exactly once in each local day"
_WEEKS_OF_CHANGES = 20 * 52  # zones keep their rules for years; later rules are unknown


@cache  # most organizations have the same schedule, and checking each day is slow
def daily_tick(schedule: str, first_day: date) -> time:
    """The time at which the schedule ticks, once on each day of the calendar.

    Raises:
        ValueError: it does not tick exactly once a day; the message says why.
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
            raise ValueError(f"{_ONCE_A_DAY}; it has none on {day}")
    if len(cron.hours) * len(cron.minutes) > 1:
        raise ValueError(f"{_ONCE_A_DAY}; it has several on {first_day}")
    return time(min(cron.hours), min(cron.minutes))


@cache  # as above
def refuse_lost_ticks(tick: time, zone: ZoneInfo, first_day: date) -> None:
    """Refuses a tick in a skipped hour if it moves to another day, which then has two ticks.

    Raises:
        ValueError: the tick moves to another day; the message says when.
    """
    for week in (first_day + timedelta(weeks=later) for later in range(_WEEKS_OF_CHANGES)):
        days = [week + timedelta(days=later) for later in range(8)]
        noons = [datetime.combine(day, time(12), zone).utcoffset() for day in (days[0], days[-1])]
        if noons[0] == noons[1]:
            continue
        for day in days:
            other = moment_of(day, tick, zone).astimezone(zone).date()
            if other != day:
                raise ValueError(
                    f"{_ONCE_A_DAY}; it has none on {day}, when the clocks of {zone.key} skip "
                    f"{tick:%H:%M}, and two on {other}"
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
