"""An unfinished read in an object store: another machine goes on where the last segment ends."""

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from opensense_okta.config.errors import UserError
from opensense_okta.directories import segments
from opensense_okta.directories.protocol import Progress
from opensense_okta.directories.segments import Segments
from opensense_okta.simulator.company.org import Org
from opensense_okta.storage.bucket import Bucket
from opensense_okta.storage.store import Changed, StoreTrouble, Version
from tests.support.days import DAY, Company, a_company, truth
from tests.support.object_stores import in_memory

PAGES = "snapshots/directory=okta/date=2026-11-23/0123456789abcdef/pages"
IN_FLIGHT = 10


@pytest.fixture
def store(tmp_path: Path) -> Bucket:
    return in_memory(tmp_path / "scratch")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What the clock shows: the last element."""
    shown = [0.0]
    monkeypatch.setattr(segments, "monotonic", lambda: shown[-1])
    return shown


def stored(store: Bucket) -> list[str]:
    return store.children(PAGES)


def written(folder: Path, **texts: str) -> dict[str, int]:
    """Writes files of a read; returns their sizes."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.jsonl").write_text(text)
    return {f"{name}.jsonl": len(text) for name, text in texts.items()}


def joined(store: Bucket, folder: Path) -> dict[str, str]:
    """The files of the read on another machine."""
    Segments(store, PAGES, folder).close()
    return {path.stem: path.read_text() for path in folder.iterdir()}


def test_a_segment_has_what_is_new_since_the_last_one(store: Bucket, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    sending = Segments(store, PAGES, here)
    sending.save(written(here, users="1\n" * 10_000, journal="a\n"))
    sending.save(written(here, users="1\n" * 10_000 + "2\n", journal="a\nb\n"))
    sending.save(written(here, users="1\n" * 10_000 + "2\n", journal="a\nb\nc\n", groups="3\n"))
    sending.save(written(here, users="not complete", groups="3\n", journal="a\nb\nc\n"))
    assert stored(store) == ["000000.gz", "000001.gz", "000002.gz"]
    assert joined(store, there) == {
        "users": "1\n" * 10_000 + "2\n",
        "groups": "3\n",
        "journal": "a\nb\nc\n",
    }
    sizes = [entry.bytes for entry in sorted(store.entries(PAGES), key=lambda entry: entry.name)]
    assert max(sizes) < 300


def test_a_segment_is_stored_once_the_last_one_is_ten_seconds_old(
    store: Bucket, tmp_path: Path, clock: list[float]
) -> None:
    sending = Segments(store, PAGES, tmp_path / "here")
    for at, numbers in ((9.9, 0), (10.0, 1), (19.9, 1), (20.0, 2)):
        clock.append(at)
        sending.note(written(tmp_path / "here", users="1\n" * int(at * 10)))
        sending._finish()  # noqa: SLF001 - waits for the background
        assert len(stored(store)) == numbers, at


def test_of_two_processes_that_go_on_with_the_same_read_one_ends(
    store: Bucket, tmp_path: Path, clock: list[float]
) -> None:
    first, second = (Segments(store, PAGES, tmp_path / name) for name in ("first", "second"))
    second.save(written(tmp_path / "second", users="of the second"))
    clock.append(10.0)
    first.note(written(tmp_path / "first", groups="of the first"))
    with pytest.raises(Changed) as raised:
        first.save({})
    assert raised.value.transient
    assert joined(store, tmp_path / "third") == {"users": "of the second"}


def test_a_segment_that_could_not_be_stored_is_part_of_the_next_one(
    store: Bucket, tmp_path: Path, clock: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreachable(store: Bucket, name: str, *_arguments: object) -> Version:
        raise StoreTrouble(store.url(name))

    sending = Segments(store, PAGES, tmp_path / "here")
    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "write", unreachable)
        clock.append(10.0)
        sending.note(written(tmp_path / "here", users="1\n"))
        sending._finish()  # noqa: SLF001 - waits for the background
        with pytest.raises(StoreTrouble):
            sending.save(written(tmp_path / "here", users="1\n2\n"))
    sending.save(written(tmp_path / "here", users="1\n2\n3\n"))
    assert stored(store) == ["000000.gz"]
    assert joined(store, tmp_path / "there") == {"users": "1\n2\n3\n"}


def test_files_of_an_earlier_read_on_this_machine_do_not_count(
    store: Bucket, tmp_path: Path
) -> None:
    written(tmp_path / "here", users="old\n")
    assert joined(store, tmp_path / "here") == {}


# -- reads ------------------------------------------------------------------------------------


def an_org() -> Org:
    return Org.create(users=150, groups=24, memberships=450, day=DAY)


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    """A company whose lake is in an object store."""
    with a_company(tmp_path / "lake", an_org()) as company:
        company.lake.store = in_memory(tmp_path / "machine-1")
        yield company


def on_another_machine(acme: Company, scratch: Path) -> None:
    assert isinstance(acme.lake.store, Bucket)
    acme.lake.store = replace(acme.lake.store, scratch=scratch, _copies={})


def stop_after(
    requests: int, acme: Company, stop: Callable[[], object]
) -> Callable[[Progress], None]:
    stopped: list[int] = []

    def listen(_progress: Progress) -> None:
        if len(acme.okta.requests) >= requests and not stopped:
            stopped.append(1)
            stop()

    return listen


def interrupt() -> None:
    signal.raise_signal(signal.SIGINT)


def undisturbed(tmp_path: Path) -> int:
    with a_company(tmp_path / "undisturbed", an_org()) as other:
        other.take()
        return len(other.okta.requests)


def left(acme: Company) -> set[str]:
    """What is stored beside tables and manifests."""
    names = {entry.name.rpartition("/")[2] for entry in acme.lake.store.entries("")}
    return {name for name in names if not name.endswith(".parquet")} - {"manifest.json"}


def test_a_read_that_ended_orderly_is_continued_on_another_machine(
    acme: Company, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        acme.take(listener=stop_after(6, acme, interrupt))
    first = len(acme.okta.requests)
    assert left(acme) == {"open.json", "000000.gz"}
    on_another_machine(acme, tmp_path / "machine-2")
    snapshot = acme.take()
    assert snapshot.cost.resumed_pages
    assert first + len(acme.okta.requests) <= undisturbed(tmp_path) + IN_FLIGHT
    assert acme.tables(snapshot) == truth(acme.org)
    assert left(acme) == set()


def test_a_read_whose_machine_is_lost_is_continued_after_its_last_segment(
    acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "INTERVAL", 0)
    with monkeypatch.context() as lost:
        lost.setattr(Segments, "save", lambda *_: None)  # nothing more leaves the machine
        with pytest.raises(KeyboardInterrupt):
            acme.take(listener=stop_after(12, acme, interrupt))
    assert len([name for name in left(acme) if name.endswith(".gz")]) > 1
    on_another_machine(acme, tmp_path / "machine-2")
    snapshot = acme.take()
    assert snapshot.cost.resumed_pages
    assert len(acme.okta.requests) == undisturbed(tmp_path) - snapshot.cost.resumed_pages
    assert acme.tables(snapshot) == truth(acme.org)
    assert left(acme) == set()


def test_a_read_that_another_process_goes_on_with_ends_and_takes_nothing_from_it(
    acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Segments, "note", Segments.save)  # at once, and after each page
    other = Company(acme.okta, acme.lake)
    snapshots = []

    def overtaken() -> None:
        there = Company(acme.okta, type(acme.lake)(acme.lake.root, "acme"), acme.settings)
        assert isinstance(acme.lake.store, Bucket)
        there.lake.store = replace(acme.lake.store, scratch=tmp_path / "machine-2", _copies={})
        with ThreadPoolExecutor(1) as thread:
            snapshots.append(thread.submit(there.take).result())

    with pytest.raises(UserError) as raised:
        other.take(listener=stop_after(8, other, overtaken))
    assert isinstance(raised.value, Changed)
    (snapshot,) = snapshots
    assert acme.lake.snapshot("okta", DAY).manifest(type(snapshot)) == snapshot
    assert acme.tables(snapshot) == truth(acme.org)


@pytest.mark.parametrize("moment", ["tables", "manifest", "pages"])
def test_a_read_that_is_killed_at_its_commit_is_not_read_again(
    acme: Company, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    kept: list[str] = []

    class Killed(BaseException):
        pass

    keep, write, remove = Bucket.keep, Bucket.write, Bucket.remove

    def dying_keep(store: Bucket, file: Path, name: str, over: Version) -> Version:
        if moment == "tables" and kept:
            raise Killed
        kept.append(name)
        return keep(store, file, name, over)

    def dying_write(store: Bucket, name: str, data: bytes, over: Version) -> Version:
        if moment == "manifest" and name.endswith("manifest.json"):
            raise Killed
        return write(store, name, data, over)

    def dying_remove(store: Bucket, names: list[str]) -> None:
        if moment == "pages":
            raise Killed
        remove(store, names)

    with monkeypatch.context() as patch:
        patch.setattr(Bucket, "keep", dying_keep)
        patch.setattr(Bucket, "write", dying_write)
        patch.setattr(Bucket, "remove", dying_remove)
        with pytest.raises(Killed):
            acme.take(chain="attempts")
    on_another_machine(acme, tmp_path / "machine-2")
    snapshot = acme.take(chain="attempts")
    assert acme.okta.requests == []
    assert acme.tables(snapshot) == truth(acme.org)
    if moment == "pages":  # the next sync of the day reads again, and removes what was left
        assert not acme.take().cost.resumed_pages
    assert left(acme) == set()
