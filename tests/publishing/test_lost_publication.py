"""What is published is known, or the day is held back, whichever file of the lake is lost."""

import shutil
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import duckdb
import pytest

from opensense_okta.publishing.approval import NumbersMissing, approve_day, numbers
from opensense_okta.publishing.publish import Held, publish
from opensense_okta.publishing.published import Published, lost_publication, published
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.folder import Folder
from opensense_okta.storage.lake import DATABASE, Lake
from opensense_okta.storage.partition import PUBLISHED, local_file
from opensense_okta.storage.store import Version
from tests.support.lakes import add_day, overwrite, remove, text_of
from tests.support.memory import lakes_in_memory
from tests.support.stored import DAY, group, organization, store, user

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
ACME = organization()
ALL, FEW = 60, 20


def read(lake: Lake, users: int, day: date) -> None:
    """A day with so many users, resolved."""

    def made(lake: Lake) -> None:
        everyone = [user(f"u{n}") for n in range(users)]
        store(lake, everyone, [group("g1", "Everyone")], [], day=day)
        resolve(ACME, day, lake)

    add_day(lake, (__name__, users, day), made)


def sync_three_days(root: Path) -> Lake:
    """Two days are published, and a third has lost most of the people.

    `yesterday` beside the lake has the files of its folder as they were a day earlier.
    """
    lake = Lake(root / "data", "acme")
    (root / "yesterday").mkdir()
    for day in (YESTERDAY, DAY):
        read(lake, ALL, day)
        publish(ACME, lake, day)
        if day == YESTERDAY:
            for name in (PUBLISHED, DATABASE):
                shutil.copy2(local_file(lake.store, name), root / "yesterday")
    read(lake, FEW, TOMORROW)
    return lake


@pytest.fixture(scope="module")
def synced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("synced")
    sync_three_days(root)
    return root


@pytest.fixture
def lake(synced: Path, tmp_path: Path) -> Lake:
    shutil.copytree(synced, tmp_path, dirs_exist_ok=True)
    return Lake(tmp_path / "data", "acme")


def known(lake: Lake) -> Published:
    last = published(lake)
    assert last is not None
    return last


def lose_published(lake: Lake) -> None:
    remove(lake, PUBLISHED)


def empty_published(lake: Lake) -> None:
    overwrite(lake, PUBLISHED, b"")


def cut_published(lake: Lake) -> None:
    overwrite(lake, PUBLISHED, text_of(lake, PUBLISHED)[:100].encode())


def restore_yesterdays_published(lake: Lake) -> None:
    file = Path(lake.root).parent / "yesterday" / PUBLISHED
    overwrite(lake, PUBLISHED, file.read_bytes())


def restore_yesterdays_published_and_lose_the_mark(lake: Lake) -> None:
    restore_yesterdays_published(lake)
    remove(lake, f"resolved/date={DAY}/{PUBLISHED}")


def lose_published_and_all_marks(lake: Lake) -> None:
    lose_published(lake)
    for day in (YESTERDAY, DAY):
        remove(lake, f"resolved/date={day}/{PUBLISHED}")


def lose_published_and_database(lake: Lake) -> None:
    lose_published(lake)
    remove(lake, DATABASE)


def restore_yesterdays_published_and_lose_the_database(lake: Lake) -> None:
    restore_yesterdays_published(lake)
    remove(lake, DATABASE)


def cut_the_database(lake: Lake) -> None:
    overwrite(lake, DATABASE, lake.database.read_bytes()[:20_000])


def cut_the_database_and_lose_published(lake: Lake) -> None:
    cut_the_database(lake)
    lose_published(lake)


def empty_the_database_of_0_1_and_lose_published(lake: Lake) -> None:
    with duckdb.connect(str(lake.database)) as database:
        database.execute("drop table publication")
    lose_published(lake)


DAMAGE: tuple[Callable[[Lake], None], ...] = (
    lose_published,
    empty_published,
    cut_published,
    restore_yesterdays_published,
    restore_yesterdays_published_and_lose_the_mark,
    lose_published_and_all_marks,
    lose_published_and_database,
    restore_yesterdays_published_and_lose_the_database,
    cut_the_database,
    cut_the_database_and_lose_published,
    empty_the_database_of_0_1_and_lose_published,
)


@pytest.mark.parametrize("damage", DAMAGE, ids=lambda damage: damage.__name__)
def test_the_day_is_compared_with_what_is_published_although_a_file_is_lost(
    lake: Lake, damage: Callable[[Lake], None]
) -> None:
    assert_compared_and_published(lake, damage)


@pytest.mark.parametrize(
    "damage",
    [
        cut_published,
        restore_yesterdays_published_and_lose_the_mark,
        lose_published_and_database,
        cut_the_database_and_lose_published,
    ],
    ids=lambda damage: damage.__name__,
)
def test_so_is_a_day_in_an_object_store_although_a_file_is_lost(
    tmp_path: Path, damage: Callable[[Lake], None]
) -> None:
    with lakes_in_memory():
        assert_compared_and_published(sync_three_days(tmp_path), damage)


def assert_compared_and_published(lake: Lake, damage: Callable[[Lake], None]) -> None:
    """The damage changes nothing of what is published, and the next good day recovers it."""
    before = known(lake)
    damage(lake)
    assert (known(lake).day, known(lake).id) == (DAY, before.id)
    with pytest.raises(Held) as held:
        publish(ACME, lake, TOMORROW)
    assert numbers(held.value.judgement) == {"removed": ALL - FEW}
    read(lake, ALL, TOMORROW)
    publish(ACME, lake, TOMORROW)
    assert known(lake).day == TOMORROW
    assert known(lake).file == lake.store.mark(DATABASE)
    assert '"newest_first"' in text_of(lake, PUBLISHED)


def test_an_older_database_that_was_put_back_says_its_own_day(lake: Lake) -> None:
    shutil.copy2(lake.scratch.parent.parent / "yesterday" / "directory.duckdb", lake.database)
    assert known(lake).day == YESTERDAY
    with pytest.raises(Held):
        publish(ACME, lake, TOMORROW)


def test_without_database_and_marks_the_day_is_compared_with_the_one_before(lake: Lake) -> None:
    lake.database.unlink()
    for mark in lake.scratch.glob("resolved/*/published.json"):
        mark.unlink()
    assert known(lake).day == YESTERDAY  # whether DAY was moved into place cannot be known
    with pytest.raises(Held):
        publish(ACME, lake, TOMORROW)


def lose_everything_but(lake: Lake, kept: str) -> None:
    """Loses every file that shows what is published, and leaves a trace of one kind."""
    if kept != "identities":
        shutil.rmtree(lake.scratch / "identities")
    for mark in lake.scratch.glob("resolved/*/published.json"):
        mark.write_text("") if kept == "marks" else mark.unlink()
    for file in ((lake.scratch / "published.json"), lake.database):
        file.write_text("") if kept == file.name else file.unlink()


TRACES = {
    "identities": "the identity ledger has the people of 2026-11-23",
    "marks": "2026-11-23 has a published.json, which cannot be read",
    "directory.duckdb": "there is a directory.duckdb, which cannot be read",
    "published.json": "there is a published.json, which cannot be read",
}


@pytest.mark.parametrize("kept", TRACES)
def test_a_day_with_nothing_to_compare_with_is_held_until_a_person_has_seen_its_numbers(
    lake: Lake, kept: str
) -> None:
    lose_everything_but(lake, kept)
    assert lost_publication(lake) == TRACES[kept]
    with pytest.raises(Held) as held:
        publish(ACME, lake, TOMORROW)
    message = held.value.message
    assert f"There is nothing to compare with: {TRACES[kept]}" in message
    assert f"The day has {FEW} active of {FEW} people, 1 groups and 0 memberships." in message
    with pytest.raises(NumbersMissing, match=f"the numbers that hold it back are uncompared {FEW}"):
        approve_day(ACME, lake, TOMORROW, by="Ada", numbers_seen={})
    approve_day(ACME, lake, TOMORROW, by="Ada", numbers_seen={"uncompared": FEW})
    published_now = publish(ACME, lake, TOMORROW)
    assert published_now.approved_by == "Ada"
    assert known(lake).base is None
    assert lost_publication(lake) == ""


def test_a_first_day_whose_publication_was_killed_is_published_without_an_approval(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = Lake(tmp_path, "acme")
    read(lake, FEW, DAY)

    keep = Folder.keep

    def killed(store: Folder, file: Path, name: str, over: Version) -> Version:
        if name == DATABASE:
            raise KeyboardInterrupt
        return keep(store, file, name, over)

    monkeypatch.setattr(Folder, "keep", killed)
    with pytest.raises(KeyboardInterrupt):
        publish(ACME, lake, DAY)
    monkeypatch.undo()
    assert lake.ledger_days() == [DAY]
    assert published(lake) is None
    read(lake, FEW, TOMORROW)
    assert publish(ACME, lake, TOMORROW).approved_by is None
