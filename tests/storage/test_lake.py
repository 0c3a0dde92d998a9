import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule

from opensense_okta.storage.files import atomic_write, make_private_dir
from opensense_okta.storage.lake import UNNAMED_FILES_KEPT, Lake
from opensense_okta.storage.partition import MANIFEST, Manifest, Partition, StagedPartition
from opensense_okta.storage.store import ABSENT, Changed
from tests.support.memory import lakes_in_memory

DAY = date(2026, 11, 23)
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OLD = NOW - UNNAMED_FILES_KEPT - timedelta(seconds=1)
YOUNG = NOW - UNNAMED_FILES_KEPT + timedelta(seconds=1)


in_folder = pytest.mark.parametrize("lake", ["folder"], indirect=True)
"""For a test that is about files of a folder."""


@pytest.fixture(params=["folder", "memory"])
def lake(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Lake]:
    """An empty lake in a folder, and in an object store in memory."""
    with lakes_in_memory() if request.param == "memory" else nullcontext():
        yield Lake(tmp_path / "lake", "acme")


class Noted(Manifest):
    note: str = ""


def commit(shelf: Partition, content: str, note: str = "") -> Noted:
    """Commits a day of one table."""
    draft = filled(shelf, content)
    manifest = Noted(id=draft.id, note=note)
    shelf.commit(draft, manifest)
    return manifest


def filled(shelf: Partition, content: str) -> StagedPartition:
    draft = shelf.draft()
    draft.table("people").write_text(content)
    return draft


def content(shelf: Partition) -> str | None:
    """What a reader finds."""
    manifest = shelf.manifest(Manifest)
    return None if manifest is None else shelf.table(manifest, "people").read_text()


def touch(path: Path, moment: datetime) -> Path:
    """Makes a file or folder with all in it as old as that."""
    for each in [*path.rglob("*"), path]:
        os.utime(each, (moment.timestamp(), moment.timestamp()))
    return path


# -- a commit is one step ---------------------------------------------------------------------


def test_nobody_sees_a_draft(lake: Lake) -> None:
    shelf = lake.snapshot("okta", DAY)
    filled(shelf, "draft")
    assert content(shelf) is None
    assert lake.snapshot_days("okta") == []


def test_a_commit_makes_the_drafts_tables_the_days(lake: Lake) -> None:
    shelf = lake.resolved(DAY)
    manifest = commit(shelf, "first", note="a note")
    assert content(shelf) == "first"
    assert shelf.manifest(Noted) == manifest
    assert lake.resolved_days() == [DAY]


def test_a_commit_replaces_what_stood_and_leaves_its_files(lake: Lake) -> None:
    shelf = lake.snapshot("okta", DAY)
    first = commit(shelf, "first")
    second = filled(shelf, "second")
    assert content(shelf) == "first"
    shelf.commit(second, Manifest(id=second.id))
    assert content(shelf) == "second"
    assert shelf.table(first, "people").read_text() == "first"


def test_a_draft_that_began_before_another_commit_cannot_replace_it(lake: Lake) -> None:
    shelf = lake.snapshot("okta", DAY)
    late = filled(shelf, "of a process that lost its lock")
    commit(shelf, "of its successor")
    with pytest.raises(Changed) as raised:
        shelf.commit(late, Manifest(id=late.id))
    assert raised.value.transient
    assert str(shelf.folder / MANIFEST) in raised.value.message
    assert content(shelf) == "of its successor"


def test_a_manifest_of_another_draft_is_refused(lake: Lake) -> None:
    shelf = lake.snapshot("okta", DAY)
    commit(shelf, "first")
    draft = filled(shelf, "second")
    with pytest.raises(ValueError, match=f"the draft is {draft.id}"):
        shelf.commit(draft, Manifest(id="another"))
    assert content(shelf) == "first"


def test_a_discarded_draft_is_gone_and_a_committed_one_stays(lake: Lake) -> None:
    shelf = lake.snapshot("okta", DAY)
    committed, other = filled(shelf, "committed"), filled(shelf, "other")
    shelf.commit(committed, Manifest(id=committed.id))
    shelf.discard(committed)
    shelf.discard(other)
    shelf.discard(other)
    assert content(shelf) == "committed"
    assert not other.folder.exists()


@in_folder
def test_a_commit_that_was_killed_at_its_end_is_no_unfinished_read(lake: Lake) -> None:
    shelf = lake.snapshot("okta", DAY)
    killed = filled(shelf, "whole")
    make_private_dir(killed.pages)
    atomic_write(shelf.folder / "manifest.json", Manifest(id=killed.id).model_dump_json().encode())
    assert shelf.open_drafts() == []
    commit(shelf, "read again")
    assert killed.table("people").read_text() == "whole"  # whoever reads it still does
    assert not killed.pages.exists()


def test_days_come_in_order_and_only_whole_ones(lake: Lake) -> None:
    days = [date(2027, 1, 1), date(2026, 11, 30), date(2026, 11, 3)]
    for day in days:
        commit(lake.snapshot("okta", day), "x")
    filled(lake.snapshot("okta", date(2026, 12, 1)), "draft")
    assert lake.snapshot_days("okta") == sorted(days)
    assert lake.snapshot_days("entra") == lake.resolved_days() == []


def test_what_a_later_version_adds_to_a_manifest_does_not_matter(lake: Lake) -> None:
    shelf = lake.snapshot("okta", DAY)
    manifest = commit(shelf, "x", note="a note")
    assert shelf.manifest(Manifest) == Manifest(id=manifest.id)


def test_a_reader_sees_the_old_text_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "published.json"
    texts = [json.dumps({"day": number, "padding": "x" * 100_000}) for number in range(2)]
    atomic_write(path, texts[0].encode())
    ended = threading.Event()

    def keep_writing() -> None:
        while not ended.is_set():
            for text in texts:
                atomic_write(path, text.encode())

    writer = threading.Thread(target=keep_writing)
    writer.start()
    try:
        seen = {json.loads(path.read_text())["day"] for _ in range(300)}
    finally:
        ended.set()
        writer.join()
    assert seen <= {0, 1}
    assert [entry.name for entry in tmp_path.iterdir()] == ["published.json"]


KILLED = """
import os, random, signal, sys, time
from datetime import date
from pathlib import Path
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import Manifest

shelf = Lake(Path(sys.argv[1]), "acme").snapshot("okta", date(2026, 11, 23))

def commit_for_ever():
    while True:
        draft = shelf.draft()
        for table in ("users", "groups"):
            draft.table(table).write_text(draft.id * 2000)
        shelf.commit(draft, Manifest(id=draft.id))

random.seed(7)
for _ in range(int(sys.argv[2])):
    child = os.fork()
    if not child:
        commit_for_ever()
    time.sleep(random.uniform(0.0, 0.04))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    manifest = shelf.manifest(Manifest)
    for table in ("users", "groups") if manifest else ():
        assert shelf.table(manifest, table).read_text() == manifest.id * 2000, "a part of a snapshot"
    print(manifest.id if manifest else "none", flush=True)
"""


def test_whenever_a_process_is_killed_a_snapshot_is_whole_or_absent(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path), "40"]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    seen = run.stdout.split()
    assert len(seen) == 40
    assert len(set(seen)) > 3
    leftovers = list((tmp_path / "acme/snapshots/directory=okta/date=2026-11-23").iterdir())
    assert len(leftovers) > 2  # the drafts of the killed, for the sweep


# -- the sweep --------------------------------------------------------------------------------


@in_folder
def test_a_sweep_removes_what_nobody_names_after_a_day(lake: Lake) -> None:
    snapshot, resolved = lake.snapshot("okta", DAY), lake.resolved(DAY)
    abandoned = [
        touch(filled(snapshot, "old draft").folder, OLD),
        touch(filled(lake.snapshot("entra", DAY), "old draft of a day without more").folder, OLD),
        touch(filled(resolved, "old draft").folder, OLD),
        touch(snapshot.folder / commit(snapshot, "replaced").id, OLD),
    ]
    commit(snapshot, "stands")
    unfinished = [
        snapshot.folder / ".manifest.json.0badcafe",
        lake.scratch / ".directory.duckdb.0badcafe",
    ]
    for path in unfinished:
        path.write_text("unfinished")
        touch(path, OLD)
    assert lake.sweep(NOW) == len(abandoned) + len(unfinished)
    assert not any(path.exists() for path in [*abandoned, *unfinished])
    assert content(snapshot) == "stands"
    assert lake.sweep(NOW) == 0


@in_folder
def test_a_sweep_leaves_what_is_named_however_old(lake: Lake) -> None:
    for shelf in (lake.snapshot("okta", DAY), lake.resolved(DAY)):
        commit(shelf, "stands")
    for path in (
        lake.database,
        (lake.scratch / "published.json"),
        lake.scratch / "identities" / "date=2026-11-23.parquet",
    ):
        make_private_dir(path.parent)
        path.write_text("{}")
    touch(lake.scratch, OLD - timedelta(days=1000))
    before = sorted(lake.scratch.rglob("*"))
    assert lake.sweep(NOW) == 0
    assert sorted(lake.scratch.rglob("*")) == before


@in_folder
def test_a_sweep_leaves_what_the_published_directory_was_made_of(lake: Lake) -> None:
    shelves = snapshot, tables = lake.snapshot("okta", DAY), lake.resolved(DAY)
    source, resolved = (commit(shelf, "published") for shelf in shelves)
    made_of = {"id": resolved.id, "resolved": {"sources": {"okta": {"id": source.id}}}}
    atomic_write(lake.scratch / "published.json", json.dumps({"newest_first": [made_of]}).encode())
    for shelf in shelves:  # the day is read again, and held
        commit(shelf, "held")
    touch(lake.scratch, OLD)
    assert lake.sweep(NOW) == 0
    assert snapshot.table(source, "people").read_text() == "published"
    assert tables.table(resolved, "people").read_text() == "published"


@in_folder
def test_a_sweep_leaves_what_is_younger_than_a_day(lake: Lake) -> None:
    shelf = lake.snapshot("okta", DAY)
    draft = touch(filled(shelf, "young").folder, YOUNG)
    working = touch(filled(shelf, "still written").folder, OLD)
    spilled = make_private_dir(working / "spilled") / "block"
    spilled.write_text("{}")
    touch(spilled, YOUNG)
    for folder in (working / "spilled", working):
        os.utime(folder, (OLD.timestamp(), OLD.timestamp()))
    assert lake.sweep(NOW) == 0
    assert draft.exists()
    assert spilled.exists()


@in_folder
def test_a_sweep_leaves_files_that_are_not_ours(lake: Lake) -> None:
    """`OPENSENSE_DATA` may name a folder with other files by mistake, and an export may be hidden."""
    partition = lake.snapshot("okta", DAY)
    commit(partition, "stands")
    others = [
        lake.scratch / ".git" / "config",
        lake.scratch / ".env",
        lake.scratch / ".out" / "people.csv",
        lake.scratch / "reports" / ".notes.txt",
        partition.folder / "notes of an operator.txt",
        partition.folder / "copy" / "people.parquet",
    ]
    for path in others:
        make_private_dir(path.parent)
        path.write_text("not ours")
    touch(lake.scratch, OLD - timedelta(days=1000))
    assert lake.sweep(NOW) == 0
    assert all(path.read_text() == "not ours" for path in others)


@in_folder
def test_a_sweep_removes_pages_with_which_no_read_continues(lake: Lake) -> None:
    shelf = lake.snapshot("okta", DAY)
    for draft, age in (
        (shelf.draft(), timedelta(minutes=76)),
        (shelf.draft(), timedelta(minutes=74)),
    ):
        make_private_dir(draft.pages)
        touch(draft.folder, NOW - age)
    assert lake.sweep(NOW) == 1
    (left,) = shelf.open_drafts()
    assert left.pages.stat().st_mtime == (NOW - timedelta(minutes=74)).timestamp()


def test_a_sweep_of_a_store_removes_what_nobody_names_after_a_day(tmp_path: Path) -> None:
    with lakes_in_memory():
        lake = Lake(tmp_path / "lake", "acme")
        commit(lake.resolved(DAY), "first")
        current = commit(lake.resolved(DAY), "second")
        unfinished = lake.snapshot("okta", DAY).draft()
        lake.store.write(unfinished.page_document("open.json"), b"{}", ABSENT)
        stored = datetime.now(UTC)
        assert lake.sweep(stored + timedelta(minutes=74)) == 0
        assert lake.sweep(stored + timedelta(minutes=76)) == 1
        assert lake.sweep(stored + UNNAMED_FILES_KEPT - timedelta(minutes=1)) == 0
        assert lake.sweep(stored + UNNAMED_FILES_KEPT + timedelta(minutes=1)) == 1
        day = lake.resolved(DAY)
        assert {entry.name for entry in lake.store.entries("")} == {
            day.document(MANIFEST),
            day.table_name(current.id, "people"),
        }


def test_a_sweep_of_an_empty_lake_finds_nothing(lake: Lake) -> None:
    assert lake.sweep(NOW) == 0


# -- privacy ----------------------------------------------------------------------------------


@contextmanager
def umask(mask: int) -> Iterator[None]:
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)
def test_folders_and_manifests_are_private_whatever_the_umask(tmp_path: Path, mask: int) -> None:
    with umask(mask):
        lake = Lake(tmp_path / "data" / "lake", "acme")
        shelf = lake.snapshot("okta", DAY)
        draft = shelf.draft()
        shelf.commit(draft, Manifest(id=draft.id))
        made = [lake.scratch.parent.parent, lake.scratch.parent, lake.scratch, lake.locks]
        made += [path for path in lake.scratch.rglob("*") if path.is_dir()]
    assert {path.stat().st_mode & 0o777 for path in made} == {0o700}
    assert (shelf.folder / MANIFEST).stat().st_mode & 0o777 == 0o600


def test_folders_that_were_there_stay_as_they_were(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o755)
    make_private_dir(shared / "private")
    assert shared.stat().st_mode & 0o777 == 0o755
    assert make_private_dir(shared) == shared


# -- any order of events ----------------------------------------------------------------------


class AnyOrder(RuleBasedStateMachine):
    """Drafts, commits, discards and sweeps in any order: a reader finds what was committed last.

    A draft commits only over the manifest that it began with.
    """

    drafts = Bundle("drafts")

    def __init__(self) -> None:
        super().__init__()
        self.root = TemporaryDirectory()
        self.lake = Lake(Path(self.root.name), "acme")
        self.committed: dict[str, str] = {}
        self.begun_over: dict[str, str | None] = {}
        self.now = datetime.now(UTC)

    def teardown(self) -> None:
        self.root.cleanup()

    @rule(target=drafts, day=st.integers(1, 2), resolved=st.booleans())
    def start(self, day: int, resolved: bool) -> tuple[Partition, StagedPartition]:
        when = date(2026, 11, day)
        shelf = self.lake.resolved(when) if resolved else self.lake.snapshot("okta", when)
        draft = shelf.draft()
        draft.table("people").write_text(draft.id)
        self.begun_over[draft.id] = self.committed.get(shelf.name)
        return shelf, draft

    @rule(started=drafts)
    def commit(self, started: tuple[Partition, StagedPartition]) -> None:
        shelf, draft = started
        if not draft.folder.exists():
            return
        if self.begun_over[draft.id] == self.committed.get(shelf.name):
            shelf.commit(draft, Manifest(id=draft.id))
            self.committed[shelf.name] = draft.id
        else:
            with pytest.raises(Changed):
                shelf.commit(draft, Manifest(id=draft.id))

    @rule(started=drafts)
    def discard(self, started: tuple[Partition, StagedPartition]) -> None:
        shelf, draft = started
        shelf.discard(draft)
        assert draft.folder.exists() == (self.committed.get(shelf.name) == draft.id)

    @rule(started=drafts, hours=st.sampled_from([1, 23, 25, 1000]))
    def sweep(self, started: tuple[Partition, StagedPartition], hours: int) -> None:
        shelf, draft = started
        there = draft.folder.exists()
        self.lake.sweep(self.now + timedelta(hours=hours))
        named = self.committed.get(shelf.name) == draft.id
        assert draft.folder.exists() == (there and (named or hours < 24))

    @invariant()
    def what_was_committed_last_is_found(self) -> None:
        for name, committed in self.committed.items():
            assert content(Partition(self.lake.store, name)) == committed
        days = [*self.lake.snapshot_days("okta"), *self.lake.resolved_days()]
        assert len(days) == len(self.committed)


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(max_examples=20, stateful_step_count=20, deadline=None)
