"""One organization never runs twice at once, and a killed run never blocks the next one."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from opensense_okta.orchestration.lock import (
    end_orphaned_runs,
    end_orphaned_runs_when_idle,
    organization_lock,
    orphaned_runs,
)
from tests.support.run_records import record_run

STARTED, CANCELING = dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.CANCELING

RUN = """
import sys, time
from pathlib import Path
from opensense_okta.orchestration.lock import organization_lock

def say(words):
    print(words, flush=True)

with organization_lock(Path(sys.argv[1]), sys.argv[2], waiting=say):
    say("at work")
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "locks"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@contextmanager
def another_process(folder: Path, run_id: str) -> Iterator[subprocess.Popen[str]]:
    """A process that takes the organization's lock and works until its input ends."""
    with subprocess.Popen(
        [sys.executable, "-c", RUN, str(folder), run_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout
    return process.stdout.readline().strip()


def kill(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def not_waiting(words: str) -> None:
    pytest.fail(f"had to wait: {words}")


def test_runs_of_one_organization_follow_each_other_even_in_one_process(folder: Path) -> None:
    words_shown: list[str] = []
    has_to_wait = threading.Event()
    order: list[str] = []

    def waiting(words: str) -> None:
        words_shown.append(words)
        has_to_wait.set()

    def second() -> None:
        with organization_lock(folder, "second", waiting=waiting):
            order.append("second")

    thread = threading.Thread(target=second)
    with organization_lock(folder, "first", waiting=not_waiting):
        thread.start()
        assert has_to_wait.wait(timeout=30)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert words_shown == ["run first is at work for this organization: waiting until it ends"]


def test_a_waiting_run_says_so_again_and_again(folder: Path) -> None:
    words_shown: list[str] = []
    words_shown_three_times = threading.Event()

    def waiting(words: str) -> None:
        words_shown.append(words)
        if len(words_shown) == 3:
            words_shown_three_times.set()

    def second() -> None:
        with organization_lock(folder, "second", waiting=waiting, remind=timedelta(milliseconds=1)):
            pass

    thread = threading.Thread(target=second)
    with organization_lock(folder, "first", waiting=not_waiting):
        thread.start()
        assert words_shown_three_times.wait(timeout=30)
    thread.join()


def test_organizations_do_not_wait_for_each_other(tmp_path: Path) -> None:
    with (
        organization_lock(tmp_path / "acme", "first", waiting=not_waiting),
        organization_lock(tmp_path / "globex", "second", waiting=not_waiting),
    ):
        pass


def test_a_run_that_ends_leaves_nothing_that_looks_like_an_orphan(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    with organization_lock(folder, run.run_id, waiting=not_waiting):
        pass
    assert [path.name for path in folder.iterdir()] == ["organization.lock"]
    assert orphaned_runs(instance, folder, "acme") == []


def test_a_run_that_fails_leaves_nothing_that_looks_like_an_orphan(folder: Path) -> None:
    with (
        pytest.raises(ValueError, match="broken"),
        organization_lock(folder, "first", waiting=not_waiting),
    ):
        raise ValueError("broken")
    assert [path.name for path in folder.iterdir()] == ["organization.lock"]
    with organization_lock(folder, "second", waiting=not_waiting):
        pass


def test_only_the_owner_can_read_the_locks(folder: Path) -> None:
    with organization_lock(folder, "first", waiting=not_waiting):
        assert folder.stat().st_mode & 0o777 == 0o700
        assert {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()} == {
            "organization.lock": 0o600,
            "first.lock": 0o600,
        }


def test_a_run_waits_for_one_in_another_process_and_names_it(folder: Path) -> None:
    with another_process(folder, "other") as process:
        assert said(process) == "at work"
        words_shown: list[str] = []

        def waiting(words: str) -> None:
            words_shown.append(words)
            assert process.stdin
            process.stdin.close()

        with organization_lock(folder, "mine", waiting=waiting):
            assert process.wait(timeout=30) == 0
        assert words_shown == ["run other is at work for this organization: waiting until it ends"]


def test_a_run_killed_at_work_blocks_nobody_and_is_ended_by_the_next(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    killed, mine = record_run(instance, "acme"), record_run(instance, "acme")
    with another_process(folder, killed.run_id) as process:
        assert said(process) == "at work"
        assert orphaned_runs(instance, folder, "acme") == []
        kill(process)
    with organization_lock(folder, mine.run_id, waiting=not_waiting):
        assert [run.run_id for run in orphaned_runs(instance, folder, "acme")] == [killed.run_id]
        assert end_orphaned_runs(instance, folder, "acme") == [killed.run_id]
        assert status_of(instance, killed) is dg.DagsterRunStatus.FAILURE
        assert status_of(instance, mine) is STARTED
        assert end_orphaned_runs(instance, folder, "acme") == []
    assert [path.name for path in folder.iterdir()] == ["organization.lock"]


def test_an_ended_orphan_says_what_happened_and_what_it_means(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    killed = record_run(instance, "acme")
    leave_behind(folder, killed.run_id)
    end_orphaned_runs(instance, folder, "acme")
    (event,) = [log.dagster_event for log in instance.all_logs(killed.run_id) if log.dagster_event]
    assert event.message == (
        "The process of this run was killed. Its uncommitted work is not used, and the "
        "published directory is as it was. The next run continues where this one stopped."
    )


def test_a_run_killed_while_it_waits_is_ended_too(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    killed, mine = record_run(instance, "acme"), record_run(instance, "acme")
    with organization_lock(folder, mine.run_id, waiting=not_waiting):
        with another_process(folder, killed.run_id) as process:
            assert said(process).startswith(f"run {mine.run_id} is at work")
            assert orphaned_runs(instance, folder, "acme") == []
            kill(process)
        assert end_orphaned_runs(instance, folder, "acme") == [killed.run_id]


def test_a_run_that_has_not_come_to_the_lock_is_left_alone(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme", status=dg.DagsterRunStatus.STARTING)
    with organization_lock(folder, "mine", waiting=not_waiting):
        assert end_orphaned_runs(instance, folder, "acme") == []
    assert status_of(instance, run) is dg.DagsterRunStatus.STARTING


def test_a_run_that_is_just_making_its_file_is_left_alone(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    folder.mkdir()
    (folder / f"{run.run_id}.lock").touch()
    assert end_orphaned_runs(instance, folder, "acme") == []
    assert status_of(instance, run) is STARTED


def test_the_runs_of_another_organization_are_left_alone(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "globex")
    leave_behind(folder, run.run_id)
    assert end_orphaned_runs(instance, folder, "acme") == []
    assert status_of(instance, run) is STARTED


def test_what_a_run_that_dagster_has_ended_itself_left_behind_is_removed(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    leave_behind(folder, run.run_id)
    instance.report_run_failed(run)
    assert end_orphaned_runs(instance, folder, "acme") == []
    assert list(folder.iterdir()) == []


def test_a_run_killed_while_a_person_canceled_it_ends_as_canceled(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme", status=CANCELING)
    leave_behind(folder, run.run_id)
    assert end_orphaned_runs(instance, folder, "acme") == [run.run_id]
    assert status_of(instance, run) is dg.DagsterRunStatus.CANCELED


def test_an_idle_organizations_orphans_are_ended_and_a_busy_ones_are_not(
    folder: Path, instance: dg.DagsterInstance
) -> None:
    run = record_run(instance, "acme")
    leave_behind(folder, run.run_id)
    with organization_lock(folder, "mine", waiting=not_waiting):
        assert end_orphaned_runs_when_idle(instance, folder, "acme") == []
    assert status_of(instance, run) is STARTED
    assert end_orphaned_runs_when_idle(instance, folder, "acme") == [run.run_id]


def test_looking_for_orphans_needs_no_folder(tmp_path: Path, instance: dg.DagsterInstance) -> None:
    record_run(instance, "acme")
    assert end_orphaned_runs_when_idle(instance, tmp_path / "none", "acme") == []


def leave_behind(folder: Path, run_id: str) -> None:
    """What a killed process leaves: its run's file, held by nobody."""
    folder.mkdir(exist_ok=True)
    (folder / f"{run_id}.lock").write_text(run_id)


def status_of(instance: dg.DagsterInstance, run: dg.DagsterRun) -> dg.DagsterRunStatus:
    found = instance.get_run_by_id(run.run_id)
    assert found
    return found.status
