"""When a snapshot is kept, when it is read, and what is left of a read that fails."""

import os
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import time_machine

from opensense_okta.config.environment import set_private_umask
from opensense_okta.config.secret import SecretMissing
from opensense_okta.directories import errors
from opensense_okta.directories.checks import TABLES
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.okta.reader import FILES
from opensense_okta.directories.protocol import Listener, Progress, no_progress
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import Fault
from opensense_okta.simulator.okta.faults import Empty, Failure, make_fault
from opensense_okta.simulator.okta.limits import Limits
from opensense_okta.simulator.okta.server import Simulator
from opensense_okta.simulator.serving import running
from opensense_okta.storage.files import make_private_dir
from opensense_okta.storage.lake import Lake
from tests.conftest import Write
from tests.directories.http.test_client import everything_told
from tests.support.reads import failure
from tests.support.scratch import scratch

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOON.date()
YESTERDAY, TOMORROW = TODAY - timedelta(days=1), TODAY + timedelta(days=1)

Take = Callable[..., SnapshotManifest]


@pytest.fixture
def okta() -> Iterator[Simulator]:
    org = Org.create(users=40, groups=6, memberships=80, day=TODAY)
    with running(Simulator(org, limits=Limits(users=100_000, groups=100_000))) as simulator:
        yield simulator


@pytest.fixture
def take(okta: Simulator, organization: Write, lake: Lake) -> Take:
    """Takes the snapshot of a day, at noon of a day."""

    def take_it(
        day: date = TODAY,
        *,
        chain: str = "first",
        on: date = TODAY,
        faults: tuple[Fault, ...] = (),
        listener: Listener = no_progress,
    ) -> SnapshotManifest:
        okta.faults[:] = faults
        okta.requests.clear()
        now = NOON + (on - TODAY)
        with time_machine.travel(now, tick=True):
            run = Run(f"run of {chain}", chain)
            return take_snapshot(organization(okta.url), "okta", day, lake, run, listener)

    return take_it


def stored(lake: Lake, day: date = TODAY) -> SnapshotManifest | None:
    return lake.snapshot("okta", day).manifest(SnapshotManifest)


def count(lake: Lake, manifest: SnapshotManifest, table: str) -> int:
    path = lake.snapshot("okta", manifest.day).table(manifest, table)
    with scratch() as connection:
        return int(connection.read_parquet(str(path)).aggregate("count(*)").fetchall()[0][0])


def files(lake: Lake) -> set[str]:
    return {path.name for path in lake.scratch.rglob("*") if path.is_file()}


TABLE_FILES = {f"{table}.parquet" for table in TABLES}
COMMITTED = TABLE_FILES | {"member_reads.parquet", "manifest.json"}


# -- kept or read -----------------------------------------------------------------------------


def test_a_snapshot_is_read_and_committed_with_what_proves_it(
    take: Take, okta: Simulator, lake: Lake
) -> None:
    manifest = take()
    truth = okta.org.truth()
    assert stored(lake) == manifest
    assert lake.snapshot_days("okta") == [TODAY]
    assert (manifest.organization, manifest.directory, manifest.kind) == ("acme", "okta", "okta")
    assert (manifest.day, manifest.attempt_group, manifest.run_id) == (
        TODAY,
        "first",
        "run of first",
    )
    assert manifest.rows == {
        "raw_users": len(truth.users),
        "raw_groups": len(truth.groups),
        "memberships": len(truth.memberships),
    }
    for table, rows in manifest.rows.items():
        assert count(lake, manifest, table) == rows
    assert manifest.started <= manifest.finished
    assert manifest.cost.requests == len(okta.requests)
    assert manifest.mode == "full"


def test_a_retry_of_the_chain_keeps_its_snapshot(take: Take, okta: Simulator) -> None:
    first = take()
    assert take() == first
    assert okta.requests == []


def test_another_chain_reads_anew(take: Take, okta: Simulator, lake: Lake) -> None:
    first = take()
    okta.org.remove_user(okta.org.user_ids[-1])
    second = take(chain="second")
    assert stored(lake) == second
    assert second.rows["raw_users"] == first.rows["raw_users"] - 1
    assert count(lake, first, "raw_users") == first.rows["raw_users"]


def test_the_old_snapshot_stands_until_the_new_one_is_whole(take: Take, lake: Lake) -> None:
    first = take()
    seen: list[SnapshotManifest | None] = []

    def look(_progress: Progress) -> None:
        seen.append(stored(lake))
        assert count(lake, first, "raw_users") == first.rows["raw_users"]

    take(chain="second", listener=look)
    assert len(seen) > 3
    assert all(manifest == first for manifest in seen)


@pytest.mark.parametrize(
    "fault",
    [
        make_fault("forbidden"),
        make_fault("forbidden", match="groups/"),
        Empty(match="/api/v1/users"),
        Failure(code="E0000011", match="filter="),
    ],
    ids=repr,
)
def test_the_old_snapshot_stands_when_the_new_read_fails(
    take: Take, lake: Lake, fault: Fault
) -> None:
    first = take()
    before = set(lake.scratch.rglob("*"))
    failure(lambda: take(chain="second", faults=(fault,)))
    assert stored(lake) == first
    assert set(lake.scratch.rglob("*")) == before


def test_a_chain_whose_read_failed_reads_again(take: Take, lake: Lake) -> None:
    failure(lambda: take(faults=(make_fault("forbidden"),)))
    assert stored(lake) is None
    assert take() == stored(lake)


# -- other days -------------------------------------------------------------------------------


@pytest.mark.parametrize("chain", ["first", "second"])
def test_a_stored_past_day_is_kept_without_asking_anybody(
    take: Take, okta: Simulator, chain: str
) -> None:
    first = take()
    assert take(on=TOMORROW, chain=chain) == first
    assert okta.requests == []


def test_a_past_day_without_a_snapshot_is_refused_with_words(take: Take, okta: Simulator) -> None:
    error = failure(lambda: take(YESTERDAY))
    assert type(error) is errors.PastDay
    assert not error.transient
    assert str(error) == (
        "acme/okta: There is no snapshot of 2026-11-22, and an API only returns the data of today, which is"
        " 2026-11-23. Nothing was read, and nothing that is stored was touched. What to do: Choose a"
        " later day: nothing is stored up to 2026-11-22, and the first day that can be resolved is the"
        " day of the first snapshot."
    )
    assert okta.requests == []


def test_the_words_name_the_newest_snapshot_before_a_past_day(take: Take, okta: Simulator) -> None:
    take()
    error = failure(lambda: take(TOMORROW, on=TODAY + timedelta(days=3)))
    assert "Start the job acme__resolve for 2026-11-24" in error.remedy
    assert "the newest snapshot before it, of 2026-11-23" in error.remedy
    assert okta.requests == []


def test_a_day_to_come_is_refused_with_words(take: Take, okta: Simulator) -> None:
    error = failure(lambda: take(TOMORROW))
    assert type(error) is errors.PastDay
    assert "2026-11-24 has not begun: today is 2026-11-23." in error.message
    assert okta.requests == []


@pytest.mark.parametrize(
    ("timezone", "moment", "day"),
    [
        ("Pacific/Kiritimati", datetime(2026, 11, 23, 11, tzinfo=UTC), date(2026, 11, 24)),
        ("Pacific/Pago_Pago", datetime(2026, 11, 23, 10, tzinfo=UTC), date(2026, 11, 22)),
    ],
)
def test_the_day_is_the_organizations(
    okta: Simulator, organization: Write, lake: Lake, timezone: str, moment: datetime, day: date
) -> None:
    with time_machine.travel(moment, tick=True):
        acme = organization(okta.url, timezone=timezone)
        assert take_snapshot(acme, "okta", day, lake, Run("run", "chain"), no_progress).day == day
        for other in (day - timedelta(days=1), day + timedelta(days=1)):
            with pytest.raises(errors.PastDay):
                take_snapshot(acme, "okta", other, lake, Run("run", "chain"), no_progress)


# -- what is left -----------------------------------------------------------------------------


def test_nothing_but_the_tables_is_left_of_a_read(take: Take, lake: Lake) -> None:
    take()
    assert files(lake) == COMMITTED


@pytest.mark.parametrize(
    "fault",
    [
        Failure(code="E0000006", match="groups/", after=2, times=None),
        Failure(code="E0000011", match="filter=", times=None),
        Failure(code="E0000006", times=None),
    ],
    ids=repr,
)
def test_nothing_is_left_of_a_read_that_fails(take: Take, lake: Lake, fault: Fault) -> None:
    failure(lambda: take(faults=(fault,)))
    assert files(lake) == set()
    assert [path.name for path in lake.scratch.rglob("date=*/*")] == []


def test_what_is_left_of_a_read_that_is_interrupted_is_gone_after_75_minutes(
    take: Take, lake: Lake
) -> None:
    def interrupt(progress: Progress) -> None:
        if progress.stage == "groups":
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        take(listener=interrupt)
    assert files(lake) == {"open.json", "journal.jsonl", *(f"{file}.jsonl" for file in FILES)}
    lake.sweep(datetime.now(UTC) + timedelta(minutes=76))
    assert files(lake) == set()


def test_what_is_stored_is_private(take: Take, lake: Lake, tmp_path: Path) -> None:
    with private():
        take()
    stored_paths = [lake.scratch.parent, lake.scratch, *lake.scratch.rglob("*")]
    assert len(stored_paths) > len(COMMITTED)
    for path in stored_paths:
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    assert lake.scratch.is_relative_to(tmp_path)


@contextmanager
def private() -> Iterator[None]:
    """The umask that every process sets itself, and then the old one again."""
    before = os.umask(0o022)
    set_private_umask()
    try:
        yield
    finally:
        os.umask(before)


# -- storage ----------------------------------------------------------------------------------


@contextmanager
def no_file_larger_than(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("size", [1000, 10_000], ids=["pages", "tables"])
def test_what_cannot_be_written_is_a_storage_trouble(take: Take, lake: Lake, size: int) -> None:
    with no_file_larger_than(size):
        error = failure(take)
    assert type(error) is errors.StorageTrouble
    assert error.transient
    assert error.subject == "acme/okta"
    assert "free space on that disk" in error.remedy
    assert files(lake) == set()


def test_a_lake_that_cannot_be_entered_is_a_storage_trouble(take: Take, lake: Lake) -> None:
    make_private_dir(lake.scratch)
    (lake.scratch / "snapshots").write_text("a file where a folder should be")
    error = failure(take)
    assert type(error) is errors.StorageTrouble
    assert error.subject == "acme/okta"


# -- secrets ----------------------------------------------------------------------------------

SECRET = "00-this-is-a-secret-00"


@pytest.mark.parametrize(
    "token",
    [
        SECRET,
        f"{SECRET}\nrest",
        f"{SECRET}\r\nX-Injected: yes",
        f"{SECRET}\trest",
        f'"{SECRET}" ',
        f"SSWS {SECRET}",
        f"{SECRET}\u2028ä",
        f"{SECRET}\x7f",
    ],
    ids=repr,
)
def test_no_words_tell_a_token_however_wrong(
    okta: Simulator, organization: Write, lake: Lake, token: str
) -> None:
    acme = organization(okta.url, token=token)
    today = acme.today(datetime.now(UTC))
    error = failure(
        lambda: take_snapshot(acme, "okta", today, lake, Run("run", "chain"), no_progress)
    )
    assert type(error) is errors.CredentialsRejected
    assert error.subject == "acme/okta"
    assert "token" in error.remedy
    assert SECRET not in everything_told(error)
    assert SECRET not in "".join(traceback.format_exception(error, chain=True))
    if token != SECRET:
        assert okta.requests == []
        assert "Store the token alone" in error.remedy


def test_a_token_may_end_with_a_line_break_as_files_do(
    okta: Simulator, organization: Write, lake: Lake
) -> None:
    acme = organization(okta.url, token="simulator-token\r\n")
    today = acme.today(datetime.now(UTC))
    assert take_snapshot(acme, "okta", today, lake, Run("run", "chain"), no_progress).rows[
        "raw_users"
    ]


def test_a_missing_token_is_told_by_its_place_and_leaves_nothing(
    okta: Simulator, organization: Write, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    acme = organization(okta.url)
    monkeypatch.delenv("ACME_OKTA_API_TOKEN")
    today = acme.today(datetime.now(UTC))
    with pytest.raises(SecretMissing, match="ACME_OKTA_API_TOKEN"):
        take_snapshot(acme, "okta", today, lake, Run("run", "chain"), no_progress)
    assert files(lake) == set()
    assert okta.requests == []


def test_neither_a_snapshot_nor_its_manifest_holds_the_token(take: Take, lake: Lake) -> None:
    take()
    for path in lake.scratch.rglob("*"):
        assert path.is_dir() or b"simulator-token" not in path.read_bytes()


def test_an_error_says_whose_directory_it_is_about(take: Take) -> None:
    error = failure(lambda: take(faults=(make_fault("forbidden"),)))
    assert isinstance(error, DirectoryError)
    assert str(error).startswith("acme/okta: Okta refuses access")


def test_the_records_of_users_are_not_held_in_memory(take: Take, held: list[str]) -> None:
    take()
    assert held
    assert not [plan for plan in held if "record" in plan]
