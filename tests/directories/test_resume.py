"""A read that stopped half-way goes on where it stopped, and gives what an undisturbed one gives."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from opensense_okta.directories.checkpoint import JOURNAL, ReadCheckpoint
from opensense_okta.directories.errors import CursorLost, PastDay
from opensense_okta.directories.okta.reader import FILES
from opensense_okta.directories.protocol import Progress
from opensense_okta.directories.records import Records
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.company.people import dice
from opensense_okta.simulator.faults import Fault
from opensense_okta.simulator.okta.faults import Failure, make_fault
from tests.support.days import DAY, Company, a_company, truth
from tests.support.killed_reads import start_read
from tests.support.memory import in_folder
from tests.support.reads import failure

pytestmark = pytest.mark.usefixtures("lakes")

IN_FLIGHT = 10
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SMALL_PAGES = make_fault("small-pages", match=r"/api/v1/users\?", limit=15)
USERS_LISTING = r"GET /api/v1/users\?"


def an_org() -> Org:
    return Org.create(users=150, groups=24, memberships=450, day=DAY)


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    with a_company(tmp_path / "lake", an_org()) as company:
        yield company


def stop_after(requests: int, acme: Company) -> Callable[[Progress], None]:
    """A listener that interrupts the read, as Ctrl-C does, once so many requests were answered."""

    stopped: list[int] = []

    def stop(_progress: Progress) -> None:
        if len(acme.okta.requests) >= requests and not stopped:
            stopped.append(len(acme.okta.requests))
            signal.raise_signal(signal.SIGINT)

    return stop


def interrupted(acme: Company, requests: int = 6, **options: Any) -> int:  # noqa: ANN401 - as `take` has them
    """Leaves an open snapshot; returns how many requests it took."""
    with pytest.raises(KeyboardInterrupt):
        acme.take(listener=stop_after(requests, acme), **options)
    (kept,) = pages(acme)
    assert (kept / JOURNAL).stat().st_size
    return len(acme.okta.requests)


def pages(acme: Company) -> list[Path]:
    """The folders with what was kept of reads."""
    return list(acme.lake.scratch.glob("snapshots/*/*/*/pages"))


def leftovers(acme: Company) -> set[str]:
    """What lies in the lake beside the tables of whole snapshots."""
    whole = {"raw_users", "raw_groups", "memberships", "member_reads"}
    return acme.files() - {f"{table}.parquet" for table in whole} - {"manifest.json"}


# -- kill -9 ---------------------------------------------------------------------------------------


def start(acme: Company, day: date, dies_at: str = "") -> subprocess.Popen[str]:
    return start_read(acme.organization(), acme.lake.scratch.parent, day, dies_at)


def killed(acme: Company, day: date, requests: int, rng: Random) -> None:
    """Lets a process read until about so many more requests were answered, then kills it."""
    until = len(acme.okta.requests) + requests
    with start(acme, day) as process:
        while len(acme.okta.requests) < until:
            assert process.poll() is None
            time.sleep(0.001)
        time.sleep(rng.uniform(0, 0.03))
        process.kill()
        process.wait()
    while acme.okta.at_once:  # what was in flight
        time.sleep(0.001)


@pytest.mark.slow
@in_folder
def test_killed_at_any_moments_it_reads_no_page_twice_but_those_in_flight(tmp_path: Path) -> None:
    org, rng, now = an_org(), dice("kill"), datetime.now(UTC)
    with a_company(tmp_path / "undisturbed", org) as acme:
        acme.take(now.date(), at=now)
        undisturbed = len(acme.okta.requests)
    with a_company(tmp_path / "killed", org, latency=0.02) as acme:
        kills = 4
        for kill in range(kills):
            first = 1 if kill == 0 else 0
            killed(acme, now.date(), rng.randrange(first, undisturbed // kills), rng)
        acme.okta.latency = 0.0
        before = len(acme.okta.requests)
        (kept,) = pages(acme)
        with ReadCheckpoint(kept, FILES) as spool:
            spooled = spool.resumed_pages
        snapshot = acme.take(now.date(), at=datetime.now(UTC))
        assert before + len(acme.okta.requests) <= undisturbed + kills * IN_FLIGHT
        assert len(acme.okta.requests) == undisturbed - spooled
        assert snapshot.cost.resumed_pages == spooled > 0
        assert acme.tables(snapshot) == truth(org)
        assert leftovers(acme) == set()


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["tables", "commit"])
@in_folder
def test_killed_after_the_last_page_it_reads_nothing_again(tmp_path: Path, moment: str) -> None:
    org, now = an_org(), datetime.now(UTC)
    with a_company(tmp_path, org) as acme:
        with start(acme, now.date(), moment) as process:
            assert process.wait() == -signal.SIGKILL
        assert acme.okta.requests
        snapshot = acme.take(now.date(), at=datetime.now(UTC))
        assert acme.okta.requests == []
        assert acme.tables(snapshot) == truth(org)
        shelf = acme.lake.snapshot("okta", now.date())
        assert {path.name for path in shelf.folder.iterdir()} == {"manifest.json", snapshot.id}
        assert leftovers(acme) == set()
        assert list(acme.lake.scratch.rglob(".*")) == []


# -- what is kept ----------------------------------------------------------------------------------


@in_folder
def test_what_is_kept_for_going_on_is_private_whatever_the_umask(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    with a_company(tmp_path, an_org(), latency=0.01) as acme:
        killed(acme, now.date(), 8, dice("kill"))
        (kept,) = pages(acme)
        for path in [kept, *kept.parents[:3], *kept.iterdir()]:
            assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path


@pytest.mark.parametrize(("minutes", "resumed"), [(0, True), (74, True), (76, False)])
def test_a_read_whose_last_page_is_too_old_is_read_again(
    acme: Company, minutes: int, *, resumed: bool
) -> None:
    interrupted(acme)
    notes: list[str] = []
    snapshot = acme.take(
        at=NOON + timedelta(minutes=minutes), listener=lambda progress: notes.append(progress.note)
    )
    assert bool(snapshot.cost.resumed_pages) is resumed
    assert any("too old to be continued" in note for note in notes) is not resumed
    assert acme.tables(snapshot) == truth(acme.org)
    assert leftovers(acme) == set()
    (folder,) = {path.parent for path in acme.lake.scratch.rglob("*.parquet")}
    assert folder.name == snapshot.id


@in_folder
def test_a_read_whose_first_page_is_too_old_is_read_again(acme: Company) -> None:
    for attempt in range(6):  # each within 75 minutes after the one before
        interrupted(acme, 1, at=NOON + timedelta(minutes=70 * attempt))
    assert acme.take(at=NOON + timedelta(minutes=420)).cost.resumed_pages == 0


def test_a_read_is_continued_as_long_as_its_last_page_is_young(acme: Company) -> None:
    for attempt in range(4):
        interrupted(acme, 1, at=NOON + timedelta(minutes=70 * attempt))
    snapshot = acme.take(at=NOON + timedelta(minutes=280))
    assert snapshot.cost.resumed_pages >= 4
    assert acme.tables(snapshot) == truth(acme.org)


@in_folder
def test_a_read_that_is_gone_on_with_counts_from_when_it_was_begun(acme: Company) -> None:
    interrupted(acme)
    snapshot = acme.take(at=NOON + timedelta(minutes=30))
    assert (snapshot.started - NOON) < timedelta(minutes=1)
    assert (snapshot.finished - NOON) > timedelta(minutes=29)


@pytest.mark.parametrize(
    ("first", "then", "resumed"),
    [
        ({}, {}, True),
        ({}, {"rate_limit_share": 0.5}, True),
        ({}, {"scope": {"groups": ["*e*"]}}, False),
        ({}, {"scope": {"statuses": ["ACTIVE"]}}, False),
        ({"scope": {"statuses": ["ACTIVE"]}}, {"scope": {"statuses": ["SUSPENDED"]}}, False),
    ],
    ids=str,
)
@in_folder
def test_only_a_read_of_the_same_part_is_gone_on_with(
    acme: Company, first: dict[str, Any], then: dict[str, Any], *, resumed: bool
) -> None:
    interrupted(acme, **first)
    snapshot = acme.take(**then)
    assert bool(snapshot.cost.resumed_pages) is resumed
    assert leftovers(acme) == set()


@pytest.mark.parametrize(
    ("first", "then", "resumed"),
    [(False, False, True), (True, False, True), (True, True, True), (False, True, False)],
)
@in_folder
def test_a_read_of_everything_does_not_go_on_with_one_that_carries_over(
    acme: Company, *, first: bool, then: bool, resumed: bool
) -> None:
    acme.take(DAY - timedelta(days=1))
    interrupted(acme, 3, everything=first)
    snapshot = acme.take(everything=then)
    assert bool(snapshot.cost.resumed_pages) is resumed
    assert (snapshot.mode == "full") is (first or then)
    assert acme.tables(snapshot) == truth(acme.org)


@pytest.mark.slow
@in_folder
def test_an_incremental_read_that_stops_anywhere_reads_no_page_twice(tmp_path: Path) -> None:
    """Also between the groups that are read at once and those that wait for all users."""
    org = an_org()
    with a_company(tmp_path / "lake", org) as acme:
        acme.take()
        tomorrow = DAY + timedelta(days=1)
        org.advance(tomorrow)
        group, other = sorted(acme.open_groups(members=4))[:2]
        deleted, left, *rest = org.members(group)
        org.remove_user(deleted)
        org.remove_user(next(user for user in org.members(other) if user not in (left, *rest)))
        org.set_members(group, rest, org.groups[group]["lastMembershipUpdated"])
        shutil.copytree(acme.lake.scratch, tmp_path / "before")
        acme.take(tomorrow)
        undisturbed = len(acme.okta.requests)
        assert group in acme.groups_read
        for requests in range(1, undisturbed):
            shutil.rmtree(acme.lake.scratch)
            shutil.copytree(tmp_path / "before", acme.lake.scratch)
            interrupted(acme, requests, day=tomorrow)
            snapshot = acme.take(tomorrow)
            assert len(acme.okta.requests) == undisturbed - snapshot.cost.resumed_pages
            assert acme.tables(snapshot) == truth(org)
            assert left in org.users


@in_folder
def test_a_read_is_not_gone_on_with_when_another_snapshot_came_between(acme: Company) -> None:
    acme.take()
    interrupted(acme, 3, everything=True)
    (kept,) = pages(acme)
    aside = Path(shutil.copytree(kept, acme.lake.scratch / "aside"))
    acme.take(at=NOON + timedelta(hours=2))
    aside.rename(made(kept.parents[1] / "aside") / "pages")
    assert acme.take(everything=True).cost.resumed_pages == 0


def test_an_open_snapshot_is_finished_after_midnight_by_the_sync_that_began_it(
    acme: Company,
) -> None:
    late = datetime(2026, 11, 23, 23, 50, tzinfo=UTC)
    interrupted(acme, at=late)
    snapshot = acme.take(at=late + timedelta(minutes=20), begun=late)
    assert snapshot.day == DAY
    assert snapshot.cost.resumed_pages
    assert acme.tables(snapshot) == truth(acme.org)
    yesterday = DAY - timedelta(days=1)
    assert isinstance(failure(lambda: acme.take(yesterday, at=NOON)), PastDay)


@in_folder
def test_an_open_snapshot_is_left_alone_after_midnight_by_another_sync(acme: Company) -> None:
    late = datetime(2026, 11, 23, 23, 50, tzinfo=UTC)
    interrupted(acme, at=late)
    assert isinstance(failure(lambda: acme.take(at=late + timedelta(minutes=20))), PastDay)
    assert acme.okta.requests == []


@in_folder
def test_an_open_snapshot_too_old_is_read_again_after_midnight_by_the_sync_that_began_it(
    acme: Company,
) -> None:
    late = datetime(2026, 11, 23, 22, 30, tzinfo=UTC)
    interrupted(acme, at=late)
    snapshot = acme.take(at=late + timedelta(hours=2), begun=late)
    assert snapshot.day == DAY
    assert not snapshot.cost.resumed_pages
    assert acme.tables(snapshot) == truth(acme.org)


# -- failures --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fault", "resumed"),
    [
        (make_fault("repeated-cursor", match="/groups/.*/users", after=5, times=None), True),
        (Failure(code="E0000005", match="/groups/.*/users", after=5, times=None), True),
        (Failure(code="E0000006", match="/groups/.*/users", after=5, times=None), False),
        (Failure(code="E0000011", match="/groups/.*/users", after=5, times=None), False),
    ],
    ids=["circle", "session lost", "no role", "token revoked"],
)
def test_what_time_heals_is_gone_on_with_and_what_it_does_not_leaves_nothing(
    acme: Company, monkeypatch: pytest.MonkeyPatch, fault: Fault, *, resumed: bool
) -> None:
    monkeypatch.setattr("opensense_okta.directories.http.client.TRIES", 1)
    acme.okta.faults.append(fault)
    error = failure(acme.take)
    assert error.transient is resumed
    assert bool(pages(acme)) is resumed
    acme.okta.faults.clear()
    snapshot = acme.take()
    assert bool(snapshot.cost.resumed_pages) is resumed
    assert acme.tables(snapshot) == truth(acme.org)
    assert leftovers(acme) == set()


@pytest.mark.parametrize("code", ["E0000029", "E0000031"])
def test_a_cursor_that_died_meanwhile_restarts_its_listing_once(acme: Company, code: str) -> None:
    acme.okta.faults.append(SMALL_PAGES)
    acme.take()
    undisturbed = len(acme.okta.requests)
    first = interrupted(acme, 4, everything=True)
    dead = Failure(code=code, cause="Invalid cursor.", match=USERS_LISTING + ".*after=")
    acme.okta.faults.insert(0, dead)
    snapshot = acme.take(everything=True)
    assert dead.struck == 1
    assert acme.asked.count("/api/v1/users?limit=200") == 1
    assert first + len(acme.okta.requests) <= undisturbed + IN_FLIGHT + 4
    assert acme.tables(snapshot) == truth(acme.org)


@in_folder
def test_a_cursor_that_dies_twice_is_an_error_that_time_heals(acme: Company) -> None:
    acme.okta.faults.append(SMALL_PAGES)
    interrupted(acme, 4)
    dead = Failure(code="E0000029", match=USERS_LISTING + ".*after=", times=None)
    acme.okta.faults.insert(0, dead)
    error = failure(acme.take)
    assert isinstance(error, CursorLost)
    assert error.transient
    assert dead.struck == 2


# -- half-written files ----------------------------------------------------------------------------


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def fill(folder: Path) -> list[tuple[int, int]]:
    """Writes a spool of three pages; returns the sizes of journal and records after each."""
    sizes = []
    with ReadCheckpoint(folder, ("users",)) as spool:
        for number in range(1, 4):
            ids = [f"00u{number}", f"00v{number}"]
            rows = [b'{"id": "%s", "name": "Zo\xc3\xab"}' % one.encode() for one in ids]
            following = f"/next?{number}" if number < 3 else None
            spool.add("users", "users", 1, number, Records(rows, ids), following, NOON)
            sizes.append((spool.journal.stat().st_size, spool.path("users").stat().st_size))
    return sizes


def pages_of(folder: Path) -> int:
    """How many pages the spool has, whose files must then end with the last of them."""
    with ReadCheckpoint(folder, ("users",)) as spool:
        return spool.resumed_pages


@in_folder
def test_a_journal_cut_off_anywhere_is_gone_on_with_from_its_last_whole_line(
    tmp_path: Path,
) -> None:
    sizes = fill(made(tmp_path / "whole"))
    journals = [0, *(journal for journal, _ in sizes)]
    records = [0, *(size for _, size in sizes)]
    for cut in range(journals[-1] + 1):
        folder = Path(shutil.copytree(tmp_path / "whole", tmp_path / "cut", dirs_exist_ok=True))
        os.truncate(folder / JOURNAL, cut)
        whole = sum(cut >= size for size in journals) - 1
        assert pages_of(folder) == whole
        assert (folder / JOURNAL).stat().st_size == journals[whole]
        assert (folder / "users.jsonl").stat().st_size == records[whole]


@in_folder
def test_records_cut_off_anywhere_are_gone_on_with_from_the_last_whole_page(tmp_path: Path) -> None:
    sizes = fill(made(tmp_path / "whole"))
    records = [0, *(size for _, size in sizes)]
    for cut in range(records[-1] + 1):
        folder = Path(shutil.copytree(tmp_path / "whole", tmp_path / "cut", dirs_exist_ok=True))
        os.truncate(folder / "users.jsonl", cut)
        whole = sum(cut >= size for size in records) - 1
        assert pages_of(folder) == whole
        assert (folder / "users.jsonl").stat().st_size == records[whole]


@pytest.mark.parametrize("line", [b"\x00" * 40 + b"\n", b'{"listing":"users"}\n', b"[]\n", b"\n"])
@in_folder
def test_a_line_of_the_journal_that_is_none_ends_what_counts(tmp_path: Path, line: bytes) -> None:
    fill(tmp_path)
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(line)
    assert pages_of(tmp_path) == 3


@in_folder
def test_what_is_written_on_after_a_cut_is_whole(tmp_path: Path) -> None:
    fill(tmp_path)
    with (tmp_path / "users.jsonl").open("ab") as records:
        records.write(b'{"listing":"users","attempt":1,"page":4,"rec')
    with ReadCheckpoint(tmp_path, ("users",)) as spool:
        spool.add("users", "more", 1, 1, Records([b'{"id": "a"}'], ["a"]), None, NOON)
    lines = (tmp_path / "users.jsonl").read_bytes().splitlines()
    assert len(lines) == 7
    assert all(line.startswith(b"{") and line.endswith(b"}") for line in lines)
    assert pages_of(tmp_path) == 3 + 1
