"""Runs through Celery: the launcher that `deploy/celery/dagster.yaml` names, and what its workers import.

Celery does not know that a person terminated a run: this is reported before the task is revoked. It also does
not know that a worker was lost, or that a run still works after its result was lost: the sensor `retries`
decides these from the lock of the run.
"""

from collections.abc import Mapping

import dagster as dg
from celery.signals import task_prerun
from dagster._core.launcher import CheckRunHealthResult, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher
from dagster_celery.tags import DAGSTER_CELERY_TASK_ID_TAG

from opensense_okta.orchestration.instance.run_process import announce


class Launcher(CeleryRunLauncher):
    """Dagster's launcher for Celery; it reports a run that a person terminates as canceled."""

    def terminate(self, run_id: str) -> bool:
        """Ends a run; returns whether it was asked to."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished or DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return False
        self._instance.report_run_canceling(run)
        return bool(super().terminate(run_id))

    def check_run_worker_health(self, run: dg.DagsterRun) -> CheckRunHealthResult:
        """A run is dead only if Celery says that its task has failed.

        Otherwise Dagster's run monitoring would end a run that works, because its result was lost.
        """
        if DAGSTER_CELERY_TASK_ID_TAG not in run.tags:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        health = super().check_run_worker_health(run)
        if health.status is WorkerStatus.UNKNOWN:
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        return health


@task_prerun.connect  # type: ignore[untyped-decorator] # Celery has no types
def announce_run(kwargs: Mapping[str, object] | None = None, **_: object) -> None:
    """Lets the worker's process load the organization of its run only.

    Args:
        kwargs: the arguments of the task.
        _: what else Celery says of it.
    """
    arguments = (kwargs or {}).get("execute_job_args_packed")
    if isinstance(arguments, Mapping) and isinstance(arguments.get("run_id"), str):
        announce(arguments["run_id"])
