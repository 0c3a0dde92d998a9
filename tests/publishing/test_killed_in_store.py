"""kill -9 before each write of publishing, exports and report into an object store.

What a process that is killed leaves there is what is stored at that moment. So one run is enough: before each
write the store is copied. Afterwards every copy is looked at, and the next sync goes over it.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import pytest

from opensense_okta.publishing.published import published
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.bucket import Bucket
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.store import Version
from tests.support.killing import acme, put_out
from tests.support.object_stores import copied, in_memory
from tests.support.stored import DAY, group, store, user

pytestmark = pytest.mark.slow

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
STAFF = {YESTERDAY: "abcdef", DAY: "abcdefg", TOMORROW: "bcdefgh"}
Content = dict[str, list[tuple[Any, ...]]]


class Killed(NamedTuple):
    """What a process left that was killed when it was about to write."""

    about_to: str
    store: Bucket


class Story(NamedTuple):
    """The stores in which today was killed; what undisturbed ones have of today and tomorrow."""

    killed: list[Killed]
    days: dict[date, Content]
    exports: dict[str, bytes]


def lake_in(store: Bucket, scratch: Path) -> Lake:
    """A lake in a store, on a machine that has nothing of it."""
    lake = Lake(scratch, "acme")
    lake.store = replace(store, scratch=scratch / "acme", _copies={})
    lake.create()
    return lake


def content(lake: Lake) -> Content:
    """Every table of the published database but `publication`, whose time is of one lake."""
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        tables = connection.execute(
            "select table_schema || '.' || table_name from information_schema.tables"
            " where table_name <> 'publication' order by all"
        ).fetchall()
        return {name: connection.table(name).order("all").fetchall() for (name,) in tables}


def exports(lake: Lake) -> dict[str, bytes]:
    documents = {entry.name: lake.store.read(entry.name) for entry in lake.store.entries("exports")}
    return {
        name: document.data
        for name, document in documents.items()
        if document and not name.endswith((".parquet", ".sha256"))
    }


def killed_at_each_write(lake: Lake, root: Path) -> list[Killed]:
    """Publishes today; returns copies of the store, one before each write."""
    killed: list[Killed] = []
    put, remove = Bucket._put, Bucket.remove  # noqa: SLF001 - all writes

    def note(store: Bucket, about_to: str) -> None:
        killed.append(Killed(about_to, copied(store, root / str(len(killed)))))

    def noted_put(store: Bucket, name: str, data: Any, over: Version, mark: str) -> Version:  # noqa: ANN401 - a buffer
        note(store, f"put {name}")
        return put(store, name, data, over, mark)

    def noted_remove(store: Bucket, names: Iterable[str]) -> None:
        names = list(names)
        note(store, f"remove {names}")
        remove(store, names)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bucket, "_put", noted_put)
        patch.setattr(Bucket, "remove", noted_remove)
        put_out(lake, DAY)
    return killed


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Yesterday is published, and today is killed, at one write after another."""
    root = tmp_path_factory.mktemp("killed")
    lake = lake_in(in_memory(root), root / "first")
    for day, staff in STAFF.items():
        people = [
            user(name, {"title": f"as of {day}" if name == "f" else "Clerk"}) for name in staff
        ]
        everyone = [("g1", name) for name in staff]
        store(lake, people, [group("g1", "Everyone")], everyone, day=day)
    resolve(acme(), YESTERDAY, lake)
    put_out(lake, YESTERDAY)
    resolve(acme(), DAY, lake)
    days = {YESTERDAY: content(lake)}
    killed = killed_at_each_write(lake, root / "copies")
    days[DAY], exported = content(lake), exports(lake)
    resolve(acme(), TOMORROW, lake)
    put_out(lake, TOMORROW)
    days[TOMORROW] = content(lake)
    return Story(killed, days, exported)


def test_whenever_publishing_is_killed_one_directory_is_published_and_whole(
    story: Story, tmp_path: Path
) -> None:
    days = []
    for number, (about_to, killed) in enumerate(story.killed):
        lake = lake_in(killed, tmp_path / str(number))
        now = published(lake)
        assert now is not None, about_to
        assert content(lake) == story.days[now.day], about_to
        assert lake.store.mark("directory.duckdb") == now.file, about_to
        days.append(now.day)
    moved = [about_to for about_to, _ in story.killed].index("put directory.duckdb")
    assert set(days[: moved + 1]) == {YESTERDAY}
    assert set(days[moved + 1 :]) == {DAY}


def test_the_writes_are_those_that_count(story: Story) -> None:
    writes = " ".join(about_to for about_to, _ in story.killed)
    for name in (
        "changes.parquet",
        "judgement.json",
        "put published.json",
        f"identities/date={DAY}.parquet",
        "put directory.duckdb",
        f"resolved/date={DAY}/published.json",
        "exports/people.csv",
        "exported.json",
        f"reports/date={DAY}.html",
    ):
        assert name in writes


@pytest.mark.parametrize("follows", ["the same day", "the next day"])
def test_whatever_was_killed_the_next_sync_publishes(
    story: Story, tmp_path: Path, follows: str
) -> None:
    # Around the database; before and after it nearly everything is alike.
    moved = [about_to for about_to, _ in story.killed].index("put directory.duckdb")
    chosen = [*story.killed[: moved - 1 : 3], *story.killed[moved - 1 : moved + 2]]
    day = DAY if follows == "the same day" else TOMORROW
    chosen = [*chosen, *story.killed[-3::2]] if day == DAY else chosen[-2:]
    for number, (about_to, killed) in enumerate(chosen):
        lake = lake_in(killed, tmp_path / str(number))
        if day == TOMORROW:
            resolve(acme(), day, lake)
        put_out(lake, day)
        now = published(lake)
        assert now is not None, about_to
        assert now.day == day
        found = content(lake)
        if day == DAY:
            assert found == story.days[DAY], about_to
            assert exports(lake) == story.exports, about_to
        else:
            assert found["main.people"] == story.days[TOMORROW]["main.people"], about_to
