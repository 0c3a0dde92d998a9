"""A run of a job on the machines where the instance's launcher starts it, followed until it ends.

On an instance with a remote launcher a command starts no run in its own process: Dagster's run monitoring
would ask the launcher for it, and end it as lost.
"""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Final

import dagster as dg
from dagster._cli.job import _create_run as create_remote_run
from dagster._core.remote_origin import CodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.workspace.context import WorkspaceProcessContext, WorkspaceRequestContext
from dagster._core.workspace.load_target import WorkspaceLoadTarget

from opensense_okta.config.errors import UserError
from opensense_okta.orchestration import names
from opensense_okta.orchestration.failures import describe_failures
from opensense_okta.orchestration.retries import daemon_runs
from opensense_okta.orchestration.runs import JobRun

POLL: Final = 1.0
"""How often the run's log is read, in seconds."""

KNOWN_RUNS: Final = 20
"""How many earlier runs of the organization are asked for their code location."""

TERMINATED: Final = (
    "The run was terminated. The published directory is as it was. It is not retried."
)

FAILED: Final = "The run failed, and its log does not say why."


class CannotLaunch(UserError):
    """The run could not be launched."""


def launch_and_follow(
    instance: dg.DagsterInstance,
    organization: str,
    job: str,
    day: date,
    *,
    tags: Mapping[str, str],
    config: Mapping[str, object],
    show: Callable[[str], None],
) -> JobRun:
    """Launches a job for a day, shows the lines of its log, and returns how it ended.

    Args:
        instance: Dagster's instance.
        organization: whose job it is.
        job: its name.
        day: the partition.
        tags: of the run.
        config: of the run.
        show: receives each line.

    Raises:
        CannotLaunch: no code location of the instance has the job.
    """
    tags = {**tags, names.PARTITION: str(day)}
    run_id = _launch(instance, organization, job, tags, config)
    show(f"run {run_id} is launched by {type(instance.run_launcher).__name__}")
    if not daemon_runs(instance, datetime.now(UTC)):
        show("Dagster's daemon does not run: the run waits until it does")
    try:
        return _follow(instance, run_id, show)
    except KeyboardInterrupt:
        words = f"The command no longer follows run {run_id}. The run goes on; Dagster's UI can terminate it."
        return JobRun(run_id, (words,), interrupted=True)


def _follow(instance: dg.DagsterInstance, run_id: str, show: Callable[[str], None]) -> JobRun:
    events: list[dg.DagsterEvent] = []
    cursor = None
    while True:
        run = instance.get_run_by_id(run_id)  # before its log, which then has its end
        page = instance.get_records_for_run(run_id, cursor=cursor)
        cursor = page.cursor
        for record in page.records:
            entry = record.event_log_entry
            if entry.dagster_event is not None:
                events.append(entry.dagster_event)
            else:
                show(entry.user_message)
        if run is None or run.is_finished:
            return _ended(run_id, run, events)
        if not page.has_more:
            time.sleep(POLL)


def _ended(run_id: str, run: dg.DagsterRun | None, events: Sequence[dg.DagsterEvent]) -> JobRun:
    if run is not None and run.is_success:
        return JobRun(run_id, ())
    if run is None or run.status is dg.DagsterRunStatus.CANCELED:
        return JobRun(run_id, (TERMINATED,), interrupted=True)
    held = run.tags.get(names.FAILURE) == names.HELD
    return JobRun(run_id, tuple(describe_failures(events)) or (FAILED,), held)


def _launch(
    instance: dg.DagsterInstance,
    organization: str,
    job: str,
    tags: Mapping[str, str],
    config: Mapping[str, object],
) -> str:
    for origin in _repositories(instance, organization):
        target = _OneLocation(origin.code_location_origin)
        # Its code server would write its log to standard output.
        with WorkspaceProcessContext(instance, target, code_server_log_level="ERROR") as process:
            workspace = process.create_request_context()
            run_id = _launch_in(workspace, origin, job, tags, config)
            if run_id:
                return run_id
    raise CannotLaunch(
        f"No code location of Dagster's instance has the job {job}.",
        impact="Nothing was started; the published directory is as it was.",
        remedy="start Dagster's daemon with the definitions of the organization, and wait until the page"
        " *Deployment* of Dagster's UI shows them as loaded.",
        transient=True,
        subject=organization,
    )


def _launch_in(
    workspace: WorkspaceRequestContext,
    origin: RemoteRepositoryOrigin,
    job: str,
    tags: Mapping[str, str],
    config: Mapping[str, object],
) -> str | None:
    """Launches a job of a code location; None: it is not reachable or does not have the job."""
    name = origin.code_location_origin.location_name
    if not workspace.has_code_location(name):
        return None
    location = workspace.get_code_location(name)
    if not location.has_repository(origin.repository_name):
        return None
    repository = location.get_repository(origin.repository_name)
    if not repository.has_job(job):
        return None
    run = create_remote_run(
        workspace.instance,
        location,
        repository,
        repository.get_full_job(job),
        config,
        tags=tags,
        op_selection=None,
        run_id=None,
    )
    workspace.instance.submit_run(run.run_id, workspace)
    return str(run.run_id)


def _repositories(
    instance: dg.DagsterInstance, organization: str
) -> Iterator[RemoteRepositoryOrigin]:
    """Where Dagster has found the organization, as its schedules, its runs and the sensor name it."""
    schedules = {names.sync_schedule(organization), names.retention_schedule(organization)}
    states = instance.all_instigator_state()
    runs = instance.get_runs(
        dg.RunsFilter(tags={names.ORGANIZATION: organization}), limit=KNOWN_RUNS
    )
    known = [
        *(state.origin.repository_origin for state in states if state.instigator_name in schedules),
        *(run.remote_job_origin.repository_origin for run in runs if run.remote_job_origin),
        *(
            state.origin.repository_origin
            for state in states
            if state.instigator_name == names.RETRIES
        ),
    ]
    yield from {origin.get_id(): origin for origin in known}.values()


class _OneLocation(WorkspaceLoadTarget):
    """A workspace with one code location."""

    def __init__(self, origin: CodeLocationOrigin) -> None:
        self.origin = origin

    def create_origins(self) -> Sequence[CodeLocationOrigin]:
        return [self.origin]
