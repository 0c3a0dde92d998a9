"""A command that follows a run on another machine: how the run ends, and a person who ends the command."""

import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef

from opensense_okta.orchestration import launching, names
from opensense_okta.orchestration.in_process import run_sync
from opensense_okta.orchestration.launching import FAILED, TERMINATED, launch_and_follow
from opensense_okta.orchestration.resources import LogWatcher
from opensense_okta.orchestration.runs import JobRun
from opensense_okta.storage.lake import Lake
from tests.support.run_records import DAY, record_run
from tests.support.stored import organization


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def shown() -> list[str]:
    """The lines of the command."""
    return []


def follow(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    shown: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> JobRun:
    """Follows a run as if the command had launched it."""
    monkeypatch.setattr(launching, "_launch", lambda *_of: run.run_id)
    job, day = names.sync_job("acme"), date.fromisoformat(DAY)
    return launch_and_follow(instance, "acme", job, day, tags={}, config={}, show=shown.append)


def test_a_person_who_ends_the_command_does_not_end_the_run(
    instance: dg.DagsterInstance, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record_run(instance, "acme")

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(time, "sleep", interrupt)
    followed = follow(instance, run, shown, monkeypatch)
    assert followed.interrupted
    assert followed.failures == (
        f"The command no longer follows run {run.run_id}. The run goes on; Dagster's UI can terminate it.",
    )
    recorded = instance.get_run_by_id(run.run_id)
    assert recorded
    assert recorded.status is dg.DagsterRunStatus.STARTED


@pytest.mark.parametrize(
    ("status", "more_tags", "expected"),
    [
        (dg.DagsterRunStatus.SUCCESS, {}, ((), False, False)),
        (dg.DagsterRunStatus.CANCELED, {}, ((TERMINATED,), False, True)),
        (dg.DagsterRunStatus.FAILURE, {names.FAILURE: names.HELD}, ((FAILED,), True, False)),
        (dg.DagsterRunStatus.FAILURE, {}, ((FAILED,), False, False)),
    ],
)
def test_a_run_that_has_ended_is_followed_to_its_end(
    instance: dg.DagsterInstance,
    shown: list[str],
    monkeypatch: pytest.MonkeyPatch,
    status: dg.DagsterRunStatus,
    more_tags: Mapping[str, str],
    expected: tuple[tuple[str, ...], bool, bool],
) -> None:
    run = record_run(instance, "acme", status=status, more_tags=more_tags)
    followed = follow(instance, run, shown, monkeypatch)
    assert (followed.failures, followed.held, followed.interrupted) == expected
    assert followed.run_id == run.run_id
    assert shown[0] == f"run {run.run_id} is launched by {type(instance.run_launcher).__name__}"


def test_a_run_that_was_deleted_while_it_was_followed_counts_as_terminated(
    instance: dg.DagsterInstance, shown: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run = record_run(instance, "acme")
    instance.delete_run(run.run_id)
    followed = follow(instance, run, shown, monkeypatch)
    assert followed.interrupted
    assert followed.failures == (TERMINATED,)


def test_a_launched_run_has_the_settings_of_the_instance(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = (
        "{module: dagster._core.storage.local_compute_log_manager, class: LocalComputeLogManager"
    )
    logs = f"compute_logs: {manager}, config: {{base_dir: {tmp_path / 'logs'}}}}}"
    launcher = "run_launcher: {module: tests.support.separate_processes, class: SeparateProcesses}"
    (tmp_path / "dagster.yaml").write_text(f"{logs}\n{launcher}\n")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    settings: list[InstanceRef] = []

    def launch(instance: dg.DagsterInstance, *_of: object, **_with: object) -> JobRun:
        settings.append(instance.get_ref())
        return JobRun("", ())

    monkeypatch.setattr(launching, "launch_and_follow", launch)
    day, lake = date.fromisoformat(DAY), Lake(tmp_path / "data", "acme")
    run_sync(organization(), day, lake, LogWatcher(), lambda: None)
    (given,) = settings
    assert given.compute_logs_data.class_name == "LocalComputeLogManager"
