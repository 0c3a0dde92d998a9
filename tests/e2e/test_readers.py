"""Whoever reads `directory.duckdb` while days are published sees one whole day at any moment.

`reading.py` reads, in processes of their own: DuckDB lets all connections of one process to one path
share what the first of them opened.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.approved import publish_approved
from tests.support.stored import DAY, group, organization, store, user

pytestmark = pytest.mark.slow

REPOSITORY = Path(__file__).parents[2]
FIRST, *FIVE = [DAY + timedelta(days=number) for number in range(6)]
STAFF = 3  # on the first day; one more comes on each

Look = dict[str, Any]


def put_out(lake: Lake, day: date) -> None:
    """Publishes a day: everybody's title is the day, and so is what the group is for."""
    staff = [f"{number:02}" for number in range(staff_on(day))]
    store(
        lake,
        [user(name, {"title": str(day)}) for name in staff],
        [group("g1", "Everyone", str(day))],
        [("g1", name) for name in staff],
        day=day,
    )
    resolve(organization(), day, lake)
    publish_approved(organization(), lake, day)  # so many titles never change overnight


def staff_on(day: date) -> int:
    """How many there are: one more on each day."""
    return STAFF + (day - FIRST).days


def whole(day: date) -> Look:
    """What a look at a day tells when nothing of it is missing, and nothing of another day is there."""
    staff, word = staff_on(day), str(day)
    return {
        "syncs": word,
        "people": [word],
        "accounts": [word],
        "provenance": [word],
        "raw_users": [word],
        "groups": [word],
        "raw_groups": [word],
        "rows": [staff] * 6,
        "came": staff if day == FIRST else 1,
    }


@contextmanager
def reading(how: str, lake: Lake) -> Iterator[list[Look]]:
    """Everything that a reader has seen, once the context is over; the reader has begun by then."""
    looks: list[Look] = []
    command = [sys.executable, "-m", "tests.support.reading", how, str(lake.database)]
    pipe = subprocess.PIPE
    with (
        subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=REPOSITORY
        ) as process,
        ThreadPoolExecutor() as thread,  # so that the reader never waits for a full pipe
    ):
        assert process.stdin
        assert process.stdout
        assert process.stderr
        looks.append(json.loads(process.stdout.readline()))
        told = thread.submit(process.stdout.readlines)
        try:
            yield looks
        finally:
            process.stdin.close()
        looks += map(json.loads, told.result(timeout=30))
        complaints = process.stderr.read()
    assert (process.returncode, complaints) == (0, "")


def test_nobody_who_reads_all_through_five_publications_sees_an_error_or_a_mixture_of_days(
    tmp_path: Path,
) -> None:
    lake = Lake(tmp_path / "data", "acme")
    put_out(lake, FIRST)
    with reading("anew", lake) as anew, reading("kept", lake) as kept:
        for day in FIVE:
            put_out(lake, day)
    days = [date.fromisoformat(one["syncs"]) for one in anew]
    assert anew == [whole(day) for day in days]
    assert days == sorted(days)
    assert len(set(days)) > len(FIVE) / 2
    # Who has the old database open keeps it: that day is whole, too.
    assert len(kept) > len(FIVE)
    assert kept == [whole(FIRST)] * len(kept)


def test_who_opens_the_database_after_a_publication_sees_that_day(tmp_path: Path) -> None:
    lake = Lake(tmp_path / "data", "acme")
    for day in (FIRST, *FIVE[:2]):
        put_out(lake, day)
        with reading("anew", lake) as looks:
            pass
        assert looks[0] == whole(day)
