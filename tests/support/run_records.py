"""Runs as Dagster records them, without executing anything: its private helpers, in one place."""

from collections.abc import Mapping

import dagster as dg
from dagster._core.events import DagsterEvent, DagsterEventType
from dagster._core.test_utils import create_run_for_test

from opensense_okta.orchestration import names

DAY = "2026-11-23"


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
    )
    return run


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


def _report(instance: dg.DagsterInstance, run: dg.DagsterRun, kind: DagsterEventType) -> None:
    event = DagsterEvent(event_type_value=kind.value, job_name=run.job_name)
    instance.report_dagster_event(event, run_id=run.run_id)
