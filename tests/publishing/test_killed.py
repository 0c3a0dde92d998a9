"""kill -9 at every step from `changes` to the last export: the old directory stands, or the new one does.

`killing.py` does the killing. Afterwards every lake is looked at, and the next sync goes over it.
"""

from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from opensense_okta.publishing.published import published
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.killing import acme, files, kill_everywhere, killed_at, put_out
from tests.support.lakes import copied
from tests.support.stored import DAY, group, store, user

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
EXPORTS = ("people.csv", "people.changes.csv", "people.csv.sha256")
STAFF = {YESTERDAY: "abcdef", DAY: "abcdefg", TOMORROW: "bcdefgh"}

Content = dict[str, list[tuple[Any, ...]]]
_contents: dict[bytes, Content] = {}  # of files that have been read


class Killed(NamedTuple):
    """A lake in which publishing was killed, and what it was about to do."""

    lake: Lake
    about_to: str


class Story(NamedTuple):
    """What undisturbed lakes hold, and the lakes in which today was killed.

    Attributes:
        begin: yesterday is published, and today is resolved.
        content: of the database of each day.
        after_a_gap: of tomorrow's, when today was never published.
        exports: of today.
    """

    begin: Lake
    content: dict[date, Content]
    after_a_gap: Content
    exports: list[bytes]
    killed: list[Killed]

    @property
    def moved(self) -> int:
        """How many were killed before the new database was in its place."""
        steps = [about_to for _, about_to in self.killed]
        return steps.index("os.rename .directory.duckdb.…") + 1

    @property
    def telling(self) -> list[Killed]:
        """Those after which there is something else to do; after the move it is nearly always the same."""
        return [*self.killed[: self.moved], *self.killed[self.moved :: 3]]


def sync(lake: Lake, day: date) -> None:
    """What the daily job does once the day is read."""
    resolve(acme(), day, lake)
    put_out(lake, day)


def content(lake: Lake) -> Content:
    """Every table of the published database but `publication`, whose id and time are of one lake."""
    assert not lake.database.with_name(f"{lake.database.name}.wal").exists()
    database = lake.database.read_bytes()
    if database not in _contents:
        with duckdb.connect(str(lake.database), read_only=True) as connection:
            tables = connection.execute(
                "select table_schema || '.' || table_name from information_schema.tables"
                " where table_name <> 'publication' order by all"
            ).fetchall()
            _contents[database] = {
                name: connection.table(name).order("all").fetchall() for (name,) in tables
            }
    return _contents[database]


def exports(lake: Lake) -> list[bytes]:
    """What is exported for others."""
    return [(lake.scratch / "exports" / name).read_bytes() for name in EXPORTS]


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Yesterday is published, and today is killed, at one step after another."""
    root = tmp_path_factory.mktemp("killed")
    base = Lake(root / "data", "acme")
    for day, staff in STAFF.items():
        people = [
            user(name, {"title": f"as of {day}" if name == "f" else "Clerk"}) for name in staff
        ]
        everyone = [("g1", name) for name in staff]
        store(base, people, [group("g1", "Everyone")], everyone, day=day)
    sync(base, YESTERDAY)
    resolve(acme(), DAY, base)
    gap, whole = copied(base, root / "gap"), copied(base, root / "whole")
    seen = {YESTERDAY: content(base)}
    sync(gap, TOMORROW)
    sync(whole, DAY)
    seen[DAY], exported = content(whole), exports(whole)
    sync(whole, TOMORROW)
    seen[TOMORROW] = content(whole)
    killed = [Killed(*left) for left in kill_everywhere(base, root / "tries", DAY)]
    return Story(base, seen, content(gap), exported, killed)


def test_whenever_publishing_is_killed_one_directory_is_published_and_whole(story: Story) -> None:
    days = []
    for lake, about_to in story.killed:
        now = published(lake)
        assert now is not None, about_to
        assert content(lake) == story.content[now.day], about_to
        days.append(now.day)
    # Until the move itself it is the old one, and after it the new one.
    assert set(days[: story.moved]) == {YESTERDAY}
    assert set(days[story.moved :]) == {DAY}


def test_each_lake_has_the_files_that_a_killed_process_leaves(story: Story, tmp_path: Path) -> None:
    steps = [about_to for _, about_to in story.killed]
    for about_to in ("run publish.sql", "os.rename .directory.duckdb.…"):
        step = steps.index(about_to)
        killed = killed_at(step + 1, story.begin, tmp_path / str(step), DAY)
        assert files(killed) == files(story.killed[step].lake)


def test_the_steps_are_those_that_count(story: Story) -> None:
    renamed = [about_to.removeprefix("os.rename ") for _, about_to in story.killed]
    for file in (
        "resolved/date=2026-11-23/…/.changes.parquet.…",
        "resolved/date=2026-11-23/.judgement.json.…",
        "identities/.date=2026-11-23.parquet.…",
        ".published.json.…",
        ".directory.duckdb.…",
        "resolved/date=2026-11-23/.published.json.…",
        "exports/.people.csv.unfinished",
        ".exported.json.…",
        "reports/.date=2026-11-23.html.…",
    ):
        assert file in renamed
    assert "run publish.sql" in renamed


def test_the_next_run_completes_as_if_nothing_had_been_killed(story: Story, tmp_path: Path) -> None:
    for number, (killed, about_to) in enumerate(story.telling):
        lake = copied(killed, tmp_path / str(number))
        stood = published(lake)
        assert stood is not None, about_to
        match number % 4:
            case 1:  # the day is synced again
                sync(lake, DAY)
            case 3:  # it is published again
                put_out(lake, DAY)
            case _:  # nobody does anything until the next day
                sync(lake, TOMORROW)
                whole = story.content[TOMORROW] if stood.day == DAY else story.after_a_gap
                assert content(lake) == whole, about_to
                continue
        assert content(lake) == story.content[DAY], about_to
        assert exports(lake) == story.exports, about_to


def test_a_second_tick_that_is_killed_leaves_one_of_the_two_and_is_completed_by_the_next(
    story: Story, tmp_path: Path
) -> None:
    base = copied(story.begin, tmp_path / "noon")
    put_out(base, DAY)
    people = [user(name, {"title": "Chief" if name == "b" else "Clerk"}) for name in "abcdefgh"]
    everyone = [("g1", name) for name in "abcdefgh"]
    store(base, people, [group("g1", "Everyone")], everyone, day=DAY)
    resolve(acme(), DAY, base)
    whole = copied(base, tmp_path / "whole")
    put_out(whole, DAY)
    morning, noon = content(base), content(whole)
    assert morning != noon
    killed = kill_everywhere(base, tmp_path / "tries", DAY)
    moved = [about_to for _, about_to in killed].index("os.rename .directory.duckdb.…") + 1
    for number, (lake, about_to) in enumerate(killed):
        assert content(lake) == (morning if number < moved else noon), about_to
    for lake, about_to in [*killed[:moved:3], *killed[moved::6]]:
        sync(lake, DAY)
        assert content(lake) == noon, about_to
        assert exports(lake) == exports(whole), about_to
