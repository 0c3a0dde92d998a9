"""One organization never runs twice at once, and a killed run never blocks the next one."""

import os
import signal
import socket
import subprocess
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar, cast

import dagster as dg
import pytest
import time_machine

from opensense_okta.orchestration import names
from opensense_okta.orchestration.locks import machine, orphans
from opensense_okta.orchestration.locks.files import FileLocks
from opensense_okta.orchestration.locks.machine import AnotherMachinesFolder, Machine
from opensense_okta.orchestration.locks.of_instance import (
    InstanceOnOneMachine,
    examine_locks,
    locks_of,
)
from opensense_okta.orchestration.locks.orphans import (
    Observation,
    end_orphaned_runs_when_idle,
    orphaned_runs,
)
from opensense_okta.orchestration.locks.postgres import (
    LOST,
    NO_RUN,
    LocksOutOfReach,
    PostgresLocks,
    Session,
)
from opensense_okta.orchestration.locks.protocol import Locks
from opensense_okta.storage.lake import Lake
from tests.support.dagster_servers import until
from tests.support.postgres import Postgres
from tests.support.processes import python
from tests.support.run_records import record_run

STARTED, CANCELING = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING

RUN = """
import sys
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

kind, place, organization, run_id = sys.argv[1:]
if kind == "files":
    from opensense_okta.orchestration.locks.files import FileLocks
    locks = FileLocks(Path(place, organization))
else:
    from opensense_okta.orchestration.locks.postgres import PostgresLocks
    locks = PostgresLocks(SimpleNamespace(add_run_tags=lambda *_: None), place, organization)

def say(words):
    print(words, flush=True)

with locks.of_run(run_id, report=say):
    say("at work")
    sys.stdin.read()
"""


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@dataclass(frozen=True)
class Place(ABC):
    """Where locks are: a folder, or a database."""

    at: str
    instance: dg.DagsterInstance
    kind: ClassVar[str]

    @abstractmethod
    def locks(self, organization: str = "acme") -> Locks:
        """The locks of an organization."""

    @abstractmethod
    def leave_behind(self, run: dg.DagsterRun) -> None:
        """Leaves what a killed run leaves, which had its locks."""

    @abstractmethod
    def begun(self, run: dg.DagsterRun) -> None:
        """Records what another process records in Dagster's storage when it has its locks."""

    def left_over(self) -> list[str]:
        """What runs that have ended left behind."""
        return []

    def another_process(self, run_id: str) -> AbstractContextManager[subprocess.Popen[str]]:
        """A process that takes the organization's lock and works until its input ends."""
        return python(RUN, self.kind, self.at, "acme", run_id)


class InFiles(Place):
    kind = "files"

    def locks(self, organization: str = "acme") -> FileLocks:
        return FileLocks(Path(self.at, organization))

    def left_over(self) -> list[str]:
        names_of_files = [path.name for path in self.locks().folder.iterdir()]
        return [name for name in names_of_files if name != "organization.lock"]

    def begun(self, run: dg.DagsterRun) -> None:
        pass

    def leave_behind(self, run: dg.DagsterRun) -> None:
        leave_behind(self.locks().folder, run.run_id)


class Untagged(dg.DagsterInstance):
    """Replaces an instance that does not have the runs of a test."""

    def __init__(self) -> None:
        pass

    def add_run_tags(self, run_id: str, new_tags: Mapping[str, str]) -> None:
        pass


class InPostgres(Place):
    kind = "postgres"

    def locks(self, organization: str = "acme") -> PostgresLocks:
        return PostgresLocks(Untagged(), self.at, organization, patience=timedelta(0))

    def leave_behind(self, run: dg.DagsterRun) -> None:
        self.begun(run)

    def begun(self, run: dg.DagsterRun) -> None:
        self.instance.add_run_tags(run.run_id, {names.WORKER: f"host/1/{run.run_id}"})


@pytest.fixture(params=["files", "postgres"])
def place(request: pytest.FixtureRequest, tmp_path: Path, instance: dg.DagsterInstance) -> Place:
    if request.param == "files":
        return InFiles(str(tmp_path / "locks"), instance)
    server: Postgres = request.getfixturevalue("postgres")
    return InPostgres(server.url(), instance)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "locks"


def end_orphaned_runs(instance: dg.DagsterInstance, locks: Locks, organization: str) -> list[str]:
    return list(orphans.end_orphaned_runs(instance, locks, organization).ended)


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def not_waiting(words: str) -> None:
    pytest.fail(f"had to wait: {words}")


def test_runs_of_one_organization_follow_each_other_even_in_one_process(place: Place) -> None:
    words_shown: list[str] = []
    has_to_wait = threading.Event()
    order: list[str] = []

    def waiting(words: str) -> None:
        words_shown.append(words)
        has_to_wait.set()

    def second() -> None:
        with place.locks().of_run("second", report=waiting):
            order.append("second")

    thread = threading.Thread(target=second)
    with place.locks().of_run("first", report=not_waiting):
        thread.start()
        assert has_to_wait.wait(timeout=30)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert words_shown == ["run first is at work for this organization: waiting until it ends"]


def test_a_waiting_run_says_so_again_and_again(place: Place) -> None:
    words_shown: list[str] = []
    words_shown_three_times = threading.Event()

    def waiting(words: str) -> None:
        words_shown.append(words)
        if len(words_shown) == 3:
            words_shown_three_times.set()

    def second() -> None:
        with place.locks().of_run("second", report=waiting, remind=timedelta(milliseconds=1)):
            pass

    thread = threading.Thread(target=second)
    with place.locks().of_run("first", report=not_waiting):
        thread.start()
        assert words_shown_three_times.wait(timeout=30)
    thread.join()


def test_organizations_do_not_wait_for_each_other(place: Place) -> None:
    waits = list[str]()
    with (
        place.locks("acme").of_run("first", report=waits.append),
        place.locks("globex").of_run("second", report=waits.append),
    ):
        assert waits == []


def test_a_run_that_ends_leaves_nothing_that_looks_like_an_orphan(
    place: Place, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    with place.locks().of_run(run.run_id, report=not_waiting):
        pass
    assert place.left_over() == []
    assert orphaned_runs(instance, place.locks(), "acme") == []


def test_a_run_that_fails_leaves_nothing_that_looks_like_an_orphan(place: Place) -> None:
    with (
        pytest.raises(ValueError, match="broken"),
        place.locks().of_run("first", report=not_waiting),
    ):
        raise ValueError("broken")
    assert place.left_over() == []
    with place.locks().of_run("second", report=not_waiting):
        pass


def test_only_the_owner_can_read_the_locks(folder: Path) -> None:
    with FileLocks(folder).of_run("first", report=not_waiting):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
            "organization.lock": 0o600,
            "first.lock": 0o600,
        }


def test_a_run_waits_for_one_in_another_process_and_names_it(place: Place) -> None:
    with place.another_process("other") as process:
        assert said(process) == "at work"
        words_shown: list[str] = []

        def waiting(words: str) -> None:
            words_shown.append(words)
            assert process.stdin
            process.stdin.close()

        with place.locks().of_run("mine", report=waiting):
            assert process.wait(timeout=30) == 0
        assert words_shown == ["run other is at work for this organization: waiting until it ends"]


def test_a_run_killed_at_work_blocks_nobody_and_is_ended_by_the_next(
    place: Place, instance: dg.DagsterInstance
) -> None:
    killed, mine = record_run(instance, "acme"), record_run(instance, "acme")
    place.begun(killed)
    with place.another_process(killed.run_id) as process:
        assert said(process) == "at work"
        assert orphaned_runs(instance, place.locks(), "acme") == []
        kill(process)
    # PostgreSQL needs a moment to see that the connection is gone.
    until(lambda: bool(orphaned_runs(instance, place.locks(), "acme")))
    with place.locks().of_run(mine.run_id, report=not_waiting):
        assert [run.run_id for run in orphaned_runs(instance, place.locks(), "acme")] == [
            killed.run_id
        ]
        assert end_orphaned_runs(instance, place.locks(), "acme") == [killed.run_id]
        assert status_of(instance, killed) is dg.DagsterRunStatus.FAILURE
        assert status_of(instance, mine) is STARTED
        assert end_orphaned_runs(instance, place.locks(), "acme") == []
    assert place.left_over() == []


def test_an_ended_orphan_says_what_happened_and_what_it_means(
    place: Place, instance: dg.DagsterInstance
) -> None:
    killed = record_run(instance, "acme")
    place.leave_behind(killed)
    end_orphaned_runs(instance, place.locks(), "acme")
    (event,) = [log.dagster_event for log in instance.all_logs(killed.run_id) if log.dagster_event]
    assert event.message == (
        "The process of this run was killed. Its uncommitted work is not used, and the "
        "published directory is as it was. The next run continues where this one stopped."
    )


def test_a_run_killed_while_it_waits_is_ended_too(
    place: Place, instance: dg.DagsterInstance
) -> None:
    killed, mine = record_run(instance, "acme"), record_run(instance, "acme")
    with place.locks().of_run(mine.run_id, report=not_waiting):
        place.begun(killed)
        with place.another_process(killed.run_id) as process:
            assert said(process).startswith(f"run {mine.run_id} is at work")
            assert orphaned_runs(instance, place.locks(), "acme") == []
            kill(process)
        until(lambda: bool(orphaned_runs(instance, place.locks(), "acme")))
        assert end_orphaned_runs(instance, place.locks(), "acme") == [killed.run_id]


def test_a_run_that_has_not_come_to_the_lock_is_left_alone(
    place: Place, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme", status=dg.DagsterRunStatus.STARTING)
    with place.locks().of_run("mine", report=not_waiting):
        assert end_orphaned_runs(instance, place.locks(), "acme") == []
    assert status_of(instance, run) is dg.DagsterRunStatus.STARTING


def test_a_run_that_is_just_making_its_file_is_left_alone(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    folder.mkdir()
    (folder / f"{run.run_id}.lock").touch()
    assert end_orphaned_runs(instance, FileLocks(folder), "acme") == []
    assert status_of(instance, run) is STARTED


def test_the_runs_of_another_organization_are_left_alone(
    place: Place, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "globex")
    place.leave_behind(run)
    assert end_orphaned_runs(instance, place.locks(), "acme") == []
    assert status_of(instance, run) is STARTED


def test_what_a_run_that_dagster_has_ended_itself_left_behind_is_removed(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    leave_behind(folder, run.run_id)
    instance.report_run_failed(run)
    assert end_orphaned_runs(instance, FileLocks(folder), "acme") == []
    assert list(folder.iterdir()) == []


def test_a_run_killed_while_a_person_canceled_it_ends_as_canceled(
    place: Place, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme", status=CANCELING)
    place.leave_behind(run)
    assert end_orphaned_runs(instance, place.locks(), "acme") == [run.run_id]
    assert status_of(instance, run) is dg.DagsterRunStatus.CANCELED


def test_an_idle_organizations_orphans_are_ended_and_a_busy_ones_are_not(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    leave_behind(folder, run.run_id)
    with FileLocks(folder).of_run("mine", report=not_waiting):
        assert end_orphaned_runs_when_idle(instance, FileLocks(folder), "acme").ended == []
    assert status_of(instance, run) is STARTED
    assert end_orphaned_runs_when_idle(instance, FileLocks(folder), "acme").ended == [run.run_id]


def test_looking_for_orphans_needs_no_folder(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    record_run(instance, "acme")
    assert end_orphaned_runs_when_idle(instance, FileLocks(tmp_path / "none"), "acme").ended == []


def leave_behind(folder: Path, run_id: str) -> None:
    """What a killed process leaves: its run's file, held by nobody."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{run_id}.lock").write_text(run_id)


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found
    return found.status


# Locks in files.


def test_a_run_of_another_machine_is_refused_also_after_the_first_one_has_ended(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with FileLocks(folder).of_run("first", report=not_waiting):
        pass
    of_this_machine = (folder / "organization.lock").read_text()
    monkeypatch.setattr(machine, "this_machine", lambda: Machine("elsewhere", "another boot"))
    locks = FileLocks(folder)
    for work in (
        locks.of_run("second", report=not_waiting),
        locks.without_a_run(report=not_waiting),
        locks.idle(),
    ):
        with pytest.raises(AnotherMachinesFolder) as refused, work:
            pass
    assert not refused.value.transient
    assert f"rm {folder / 'organization.lock'}" in refused.value.remedy
    assert (folder / "organization.lock").read_text() == of_this_machine
    (folder / "organization.lock").unlink()
    with locks.of_run("second", report=not_waiting):
        pass


@pytest.mark.parametrize(
    "here",
    [Machine("this", "after a restart"), Machine("a container of it", "boot"), Machine("this", "")],
)
def test_a_machine_is_recognized_by_its_name_or_by_the_time_since_its_start(
    folder: Path, monkeypatch: pytest.MonkeyPatch, here: Machine
) -> None:
    monkeypatch.setattr(machine, "this_machine", lambda: Machine("this", "boot"))
    with FileLocks(folder).of_run("killed", report=not_waiting):
        pass
    monkeypatch.setattr(machine, "this_machine", lambda: here)
    with FileLocks(folder).of_run("next", report=not_waiting):
        assert (folder / "organization.lock").read_text().startswith("next\n")


@pytest.mark.parametrize("content", ["", "a run of version 0.1"])
def test_a_lock_that_names_no_machine_refuses_no_run(folder: Path, content: str) -> None:
    folder.mkdir()
    (folder / "organization.lock").write_text(content)
    with FileLocks(folder).of_run("mine", report=not_waiting):
        assert (folder / "organization.lock").read_text().startswith("mine\n")


# Locks in PostgreSQL.


@pytest.fixture
def database(postgres: Postgres, instance: dg.DagsterInstance) -> PostgresLocks:
    """Locks of acme whose runs ask for them without delay."""
    return PostgresLocks(instance, postgres.url(), "acme", keep=timedelta(milliseconds=50))


@dataclass
class Ending:
    """Receives that a run must end."""

    ended: threading.Event = field(default_factory=threading.Event)
    reports: list[str] = field(default_factory=list)

    def report(self, words: str) -> None:
        self.reports.append(words)


def test_a_run_is_tagged_with_its_process_once_it_has_its_lock(
    database: PostgresLocks, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    with database.of_run(run.run_id, report=not_waiting):
        (tagged,) = instance.get_runs()
        host, process, run_id = tagged.tags[names.WORKER].split("/")
    assert (host, int(process), run_id) == (socket.gethostname(), os.getpid(), run.run_id)


def test_a_run_whose_session_is_ended_takes_its_locks_again(
    postgres: Postgres, database: PostgresLocks, instance: dg.DagsterInstance
) -> None:
    run, ending = record_run(instance, "acme"), Ending()
    locks = replace(database, end=ending.ended.set)
    with locks.of_run(run.run_id, report=ending.report):
        first = postgres.session(run.run_id)
        postgres.end_sessions(run.run_id)
        until(lambda: postgres.session(run.run_id) not in {first, None}, seconds=30)
        until(lambda: orphaned_runs(instance, locks, "acme") == [], seconds=30)
        until(lambda: not is_idle(locks), seconds=30)
    assert not ending.ended.is_set()
    assert ending.reports == []


def is_idle(locks: Locks) -> bool:
    with locks.idle() as nobody_works:
        return nobody_works


def test_a_run_is_ended_if_another_one_was_faster(
    postgres: Postgres, database: PostgresLocks, instance: dg.DagsterInstance
) -> None:
    run, ending = record_run(instance, "acme"), Ending()
    other = record_run(instance, "acme")
    locks = replace(database, end=ending.ended.set)
    with ExitStack() as held:

        def faster(words: str) -> None:
            assert (
                words == f"run {run.run_id} is at work for this organization: waiting until it ends"
            )
            postgres.end_sessions(run.run_id)

        slow = replace(locks, keep=timedelta(seconds=1))
        held.enter_context(slow.of_run(run.run_id, report=ending.report))
        held.enter_context(database.of_run(other.run_id, report=faster))
        assert ending.ended.wait(timeout=30)
    assert ending.reports == [LOST]
    record = instance.get_run_by_id(run.run_id)
    assert record
    assert record.tags[names.FAILURE] == names.TRANSIENT


def test_an_orphan_is_ended_by_the_second_look_after_half_a_minute(
    database: PostgresLocks, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    instance.add_run_tags(run.run_id, {names.WORKER: f"host/1/{run.run_id}"})
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    with time_machine.travel(noon, tick=False) as clock:
        first = end_orphaned_runs_when_idle(instance, database, "acme")
        assert first == Observation([], {run.run_id: noon})
        clock.shift(29)
        second = end_orphaned_runs_when_idle(instance, database, "acme", first.suspects)
        assert second == first
        clock.shift(1)
        third = end_orphaned_runs_when_idle(instance, database, "acme", second.suspects)
    assert third == Observation([run.run_id], {})
    assert status_of(instance, run) is dg.DagsterRunStatus.FAILURE


def test_a_run_that_has_its_lock_again_is_no_suspect(
    database: PostgresLocks, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    long_ago = {run.run_id: datetime(2026, 11, 23, tzinfo=UTC)}
    with database.of_run(run.run_id, report=not_waiting):
        assert end_orphaned_runs_when_idle(instance, database, "acme", long_ago) == Observation()
    assert status_of(instance, run) is STARTED


def test_a_re_executed_run_does_not_inherit_that_it_had_its_lock(
    database: PostgresLocks, instance: dg.DagsterInstance
) -> None:
    original = record_run(instance, "acme", status=dg.DagsterRunStatus.FAILURE)
    tags = {names.WORKER: f"host/1/{original.run_id}"}
    record_run(instance, "acme", more_tags=tags, status=dg.DagsterRunStatus.STARTING)
    assert orphaned_runs(instance, database, "acme") == []


def test_without_its_database_a_run_fails_in_words_and_is_retried(
    instance: dg.DagsterInstance,
) -> None:
    url = "postgresql+psycopg2://somebody:a-secret@127.0.0.1:1/dagster"
    with (
        pytest.raises(LocksOutOfReach) as refused,
        PostgresLocks(instance, url, "acme").of_run("mine", report=not_waiting),
    ):
        pass
    assert refused.value.transient
    assert "a-secret" not in str(refused.value)
    assert refused.value.__suppress_context__


ASKING: dict[str, Callable[[PostgresLocks, dg.DagsterInstance], object]] = {
    "a run": lambda locks, _instance: held(locks.of_run("mine", report=not_waiting)),
    "work that is no run": lambda locks, _instance: held(locks.without_a_run(report=not_waiting)),
    "whether nobody works": lambda locks, _instance: held(locks.idle()),
    "orphans": lambda locks, instance: orphaned_runs(instance, locks, "acme"),
}


def held(work: AbstractContextManager[object]) -> None:
    with work:
        pass


@pytest.mark.parametrize("asking", ASKING)
def test_a_connection_that_ends_in_the_middle_is_an_error_in_words(
    postgres: Postgres,
    database: PostgresLocks,
    instance: dg.DagsterInstance,
    monkeypatch: pytest.MonkeyPatch,
    asking: str,
) -> None:
    run = record_run(instance, "acme")
    instance.add_run_tags(run.run_id, {names.WORKER: f"host/1/{run.run_id}"})
    connect = Session.connect

    def cut(session: Session) -> None:
        connect(session)
        for name in ("mine", NO_RUN):
            postgres.end_sessions(name)

    monkeypatch.setattr(Session, "connect", cut)
    with pytest.raises(LocksOutOfReach) as refused:
        ASKING[asking](database, instance)
    assert refused.value.transient
    assert "(OperationalError)" in str(refused.value)
    assert refused.value.__suppress_context__


def test_the_instance_decides_where_locks_are(postgres: Postgres, tmp_path: Path) -> None:
    url = postgres.new_database("decides")
    lake = Lake(tmp_path / "lake", "acme")
    overrides = {"storage": {"postgres": {"postgres_url": url}}}
    with dg.DagsterInstance.local_temp(str(tmp_path), overrides=overrides) as shared:
        locks = locks_of(shared, lake)
        assert isinstance(locks, PostgresLocks)
        assert (locks.url, locks.organization) == (url, "acme")
        assert locks.patience == timedelta(seconds=30)
    with dg.DagsterInstance.local_temp() as own:
        assert locks_of(own, lake) == FileLocks(lake.locks)


@pytest.fixture
def stored_lake(tmp_path: Path) -> Lake:
    """A lake in an object store."""
    lake = Lake(tmp_path, "acme")
    lake.root = "s3://acme-lake"
    return lake


def test_a_lake_in_an_object_store_demands_an_instance_in_postgresql(
    instance: dg.DagsterInstance, stored_lake: Lake
) -> None:
    with pytest.raises(InstanceOnOneMachine) as refused:
        locks_of(instance, stored_lake)
    assert "Dagster's instance is in SQLite files" in str(refused.value)
    (found,) = examine_locks(instance, stored_lake)
    assert found.outcome == "error"
    assert refused.value.message in found.text
    assert "storage: postgres" in found.text


def test_doctor_says_where_the_locks_are_and_if_they_cannot_be_reached(
    instance: dg.DagsterInstance, stored_lake: Lake, postgres: Postgres
) -> None:
    shared = SimpleNamespace(run_storage=SimpleNamespace(postgres_url=postgres.url()))
    (found,) = examine_locks(cast("dg.DagsterInstance", shared), stored_lake)
    assert found.outcome == "passed"
    assert "PostgreSQL" in found.text
    shared.run_storage.postgres_url = "postgresql+psycopg2://somebody@127.0.0.1:1/dagster"
    (found,) = examine_locks(cast("dg.DagsterInstance", shared), stored_lake)
    assert found.outcome == "error"
    assert "cannot be used" in found.text
    assert list(examine_locks(instance, Lake(stored_lake.scratch.parent, "acme"))) == []
