"""A day is read by syncs that were begun on it, until two hours after its end; nobody else reads it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.directories.errors import PastDay
from opensense_okta.directories.protocol import no_progress
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.storage.lake import Lake
from tests.support.reads import failure

DAY = date(2026, 11, 23)
NEW_YORK = ZoneInfo("America/New_York")
MIDNIGHT = datetime(2026, 11, 24, tzinfo=NEW_YORK)

Take = Callable[..., SnapshotManifest]


def an_organization(folder: Path, zone: str = "America/New_York") -> Organization:
    """acme, with a file of HR's and another one."""
    (folder / "people.csv").write_text("employee_number,email\n1,ada@acme.example\n")
    source = {"kind": "csv", "users": str(folder / "people.csv"), "id": "employee_number"}
    return Organization.model_validate(
        {
            "name": "acme",
            "timezone": zone,
            "first_day": "2026-01-01",
            "directories": {"hr": source, "shops": source},
        }
    )


@pytest.fixture
def take(tmp_path: Path) -> Iterator[Take]:
    """Reads a directory at a moment, by a sync that was begun then or before."""
    with time_machine.travel(MIDNIGHT, tick=False) as clock:

        def read(
            directory: str = "hr",
            *,
            at: datetime,
            begun: datetime | None = None,
            group: str = "group",
            day: date = DAY,
            zone: str = "America/New_York",
        ) -> SnapshotManifest:
            clock.move_to(at)
            organization = an_organization(tmp_path, zone)
            run = Run(group, group, begun=begun)
            return take_snapshot(
                organization, directory, day, Lake(tmp_path, "acme"), run, no_progress
            )

        yield read


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def test_a_sync_that_crosses_midnight_between_two_directories_reads_both(take: Take) -> None:
    begun = MIDNIGHT - minutes(5)
    before = take("hr", at=MIDNIGHT - minutes(1), begun=begun)
    after = take("shops", at=MIDNIGHT + minutes(1), begun=begun)
    assert before.day == after.day == DAY
    assert (before.rows["raw_users"], after.rows["raw_users"]) == (1, 1)


@pytest.mark.parametrize(
    "waited", [minutes(0.1), minutes(30), minutes(119.9)], ids=["soon", "half an hour", "at last"]
)
def test_a_sync_that_waited_over_midnight_or_is_retried_then_still_reads_its_day(
    take: Take, waited: timedelta
) -> None:
    assert take(at=MIDNIGHT + waited, begun=MIDNIGHT - minutes(1)).day == DAY


def test_a_sync_that_waited_for_more_than_two_hours_reads_nothing_and_says_why(take: Take) -> None:
    error = failure(lambda: take(at=MIDNIGHT + minutes(120), begun=MIDNIGHT - minutes(1)))
    assert isinstance(error, PastDay)
    assert not error.transient
    assert (
        "This sync was started on 2026-11-23, but a day is read until two hours after its end"
        in error.message
    )


def test_a_sync_of_yesterday_that_is_begun_after_midnight_reads_nothing(take: Take) -> None:
    half_past = MIDNIGHT + minutes(30)
    assert isinstance(failure(lambda: take(at=half_past, begun=half_past)), PastDay)


def test_a_sync_of_yesterday_that_is_begun_after_midnight_uses_what_is_stored(take: Take) -> None:
    stored = take(at=MIDNIGHT - minutes(60), group="by night")
    half_past = MIDNIGHT + minutes(30)
    assert take(at=half_past, begun=half_past, group="later") == stored


def test_a_retry_after_midnight_uses_what_its_group_has_read_and_reads_the_rest(take: Take) -> None:
    begun = MIDNIGHT - minutes(10)
    first = take("hr", at=begun, begun=begun)
    half_past = MIDNIGHT + minutes(30)
    assert take("hr", at=half_past, begun=begun) == first
    assert take("shops", at=half_past, begun=begun).started == half_past


def test_a_second_sync_of_the_day_that_crosses_midnight_reads_again(take: Take) -> None:
    take(at=MIDNIGHT - minutes(600), group="by night")
    begun = MIDNIGHT - minutes(1)
    assert take(at=MIDNIGHT + minutes(1), begun=begun, group="evening").attempt_group == "evening"


def test_a_day_that_has_not_begun_is_not_read(take: Take) -> None:
    error = failure(lambda: take(at=MIDNIGHT - minutes(1), day=DAY + timedelta(days=1)))
    assert isinstance(error, PastDay)
    assert error.message == "2026-11-24 has not begun: today is 2026-11-23."


@pytest.mark.parametrize(
    ("zone", "day", "ends"),
    [
        ("America/New_York", date(2027, 3, 14), datetime(2027, 3, 15, 4, tzinfo=UTC)),
        ("America/New_York", date(2027, 11, 7), datetime(2027, 11, 8, 5, tzinfo=UTC)),
        ("America/Santiago", date(2027, 9, 4), datetime(2027, 9, 5, 4, tzinfo=UTC)),
        ("Pacific/Kiritimati", DAY, datetime(2026, 11, 23, 10, tzinfo=UTC)),
    ],
    ids=["23 hours", "25 hours", "no midnight", "far east"],
)
def test_the_two_hours_are_real_ones_after_the_local_day_when_clocks_change(
    take: Take, zone: str, day: date, ends: datetime
) -> None:
    def by(group: str, at: datetime) -> SnapshotManifest:
        return take(at=at, begun=ends - minutes(1), group=group, day=day, zone=zone)

    assert by("across", ends + minutes(1)).day == day
    assert by("at last", ends + minutes(119)).attempt_group == "at last"
    assert by("too late", ends + minutes(121)).attempt_group == "at last"
    new = take(at=ends + minutes(1), begun=ends, group="new", day=day, zone=zone)
    assert new.attempt_group == "at last"
