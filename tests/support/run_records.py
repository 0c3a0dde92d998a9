"""Runs as Dagster records them, without executing anything: its private helpers, in one place."""

import time
from collections.abc import Collection, Mapping

import dagster as dg
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.execution.plan.objects import StepFailureData, StepSuccessData
from dagster._core.remote_origin import (
    RegisteredCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteJobOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
)
from dagster._core.test_utils import create_run_for_test
from dagster._daemon.daemon import SensorDaemon
from dagster._daemon.types import DaemonHeartbeat

from opensense_okta.orchestration import names

DAY = "2026-11-23"
_REPOSITORY = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin("code"), "__repository__")


def record_run(
    instance: dg.DagsterInstance,
    organization: str,
    *,
    job: str = "sync",
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    day: str = DAY,
    more_tags: Mapping[str, str] | None = None,
) -> dg.DagsterRun:
    """A run of one of the organization's jobs, in that status."""
    own = {names.ORGANIZATION: organization, names.PARTITION: day}
    run: dg.DagsterRun = create_run_for_test(
        instance,
        job_name=f"{organization}__{job}",
        status=status,
        tags={**own, **(more_tags or {})},
        remote_job_origin=RemoteJobOrigin(_REPOSITORY, f"{organization}__{job}"),
    )
    return run


def record_materialize(
    instance: dg.DagsterInstance,
    assets: Collection[str],
    *,
    day: str = DAY,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    checks: Collection[tuple[str, str]] | None = None,
    run_config: Mapping[str, object] | None = None,
) -> dg.DagsterRun:
    """A run as the button *Materialize* starts it: without a tag of ours, of a selection of assets."""
    run: dg.DagsterRun = create_run_for_test(
        instance,
        job_name="__ASSET_JOB",
        status=status,
        tags={names.PARTITION: day},
        run_config=dict(run_config or {}),
        asset_selection=frozenset(dg.AssetKey(asset.split("/")) for asset in assets),
        asset_check_selection=None
        if checks is None
        else frozenset(
            dg.AssetCheckKey(dg.AssetKey(asset.split("/")), check) for asset, check in checks
        ),
    )
    return run


def beat(instance: dg.DagsterInstance) -> None:
    """Dagster's daemon is alive."""
    heartbeat = DaemonHeartbeat(time.time(), SensorDaemon.daemon_type(), "daemon", [])
    instance.add_daemon_heartbeat(heartbeat)


def switch_off(instance: dg.DagsterInstance, sensor: str) -> None:
    """A person has switched a sensor off in the UI."""
    origin = RemoteInstigatorOrigin(_REPOSITORY, sensor)
    state = InstigatorState(origin, InstigatorType.SENSOR, InstigatorStatus.STOPPED)
    instance.add_instigator_state(state)


def find_schedule(
    instance: dg.DagsterInstance,
    schedule: str,
    location: str,
    status: InstigatorStatus = InstigatorStatus.DECLARED_IN_CODE,
) -> None:
    """Dagster's daemon has found a schedule in a code location."""
    repository = RemoteRepositoryOrigin(RegisteredCodeLocationOrigin(location), "__repository__")
    origin = RemoteInstigatorOrigin(repository, schedule)
    data = ScheduleInstigatorData("0 2 * * *", start_timestamp=None)
    instance.add_instigator_state(InstigatorState(origin, InstigatorType.SCHEDULE, status, data))


def launch(instance: dg.DagsterInstance, request: dg.RunRequest) -> dg.DagsterRun:
    """What the daemon does with a sensor's request: nothing, if its run key has had a run."""
    earlier = instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": request.run_key or ""}))
    if earlier:
        return earlier[0]
    run: dg.DagsterRun = create_run_for_test(
        instance,
        job_name=request.job_name or "",
        status=dg.DagsterRunStatus.NOT_STARTED,
        tags={**request.tags, "dagster/run_key": request.run_key},
        asset_selection=None
        if request.asset_selection is None
        else frozenset(request.asset_selection),
    )
    return run


def start(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """The run has begun."""
    _report(instance, run, DagsterEventType.RUN_START)


def succeed(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """The run has ended well."""
    _report(instance, run, DagsterEventType.RUN_SUCCESS)


def fail(instance: dg.DagsterInstance, run: dg.DagsterRun, failure_tags: Mapping[str, str]) -> None:
    """The run has failed inside our code, or was killed if it could not tag itself."""
    if failure_tags:
        instance.add_run_tags(run.run_id, dict(failure_tags))
    instance.report_run_failed(run)


def step_succeeds(instance: dg.DagsterInstance, run: dg.DagsterRun, step: str) -> None:
    """A step of the run has ended well."""
    _report(instance, run, DagsterEventType.STEP_START, step)
    success = StepSuccessData(duration_ms=1.0)  # type: ignore[no-untyped-call]  # Dagster has no types for it
    _report(instance, run, DagsterEventType.STEP_SUCCESS, step, success)


def step_fails(instance: dg.DagsterInstance, run: dg.DagsterRun, step: str) -> None:
    """A step of the run has failed."""
    failure = StepFailureData(error=None, user_failure_data=None)  # type: ignore[no-untyped-call]  # as above
    _report(instance, run, DagsterEventType.STEP_FAILURE, step, failure)


def _report(
    instance: dg.DagsterInstance,
    run: dg.DagsterRun,
    kind: DagsterEventType,
    step: str | None = None,
    data: StepSuccessData | StepFailureData | None = None,
) -> None:
    event = DagsterEvent(
        event_type_value=kind.value,
        job_name=run.job_name,
        step_key=step,
        event_specific_data=data,
    )
    instance.report_dagster_event(event, run_id=run.run_id)
