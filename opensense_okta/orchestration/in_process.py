"""One organization's daily job, run in this process on the instance that the UI shows.

An instance with a remote launcher runs it elsewhere.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import DefaultRunLauncher

from opensense_okta.config.environment import EnvironmentMistake, dagster_home
from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.orchestration import names
from opensense_okta.orchestration.approval import approval_config
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.orchestration.failures import describe_failures
from opensense_okta.orchestration.instance.locations import examine_locations
from opensense_okta.orchestration.locks.of_instance import examine_locks, locks_of
from opensense_okta.orchestration.notifications import notify_after_run
from opensense_okta.orchestration.resources import LakeResource, Watcher
from opensense_okta.orchestration.runs import JobRun
from opensense_okta.storage.lake import Lake

INTERRUPTED = (
    "The sync was interrupted. The published directory is as it was; a sync within the hour continues where"
    " this one stopped. It is not retried automatically."
)

NO_COPIES = {
    "module": "dagster._core.storage.noop_compute_log_manager",
    "class": "NoOpComputeLogManager",
}

# The command prints the failures; everything else is in the UI.
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_sync(
    organization: Organization,
    day: date,
    lake: Lake,
    watcher: Watcher,
    on_failure: Callable[[], None],
    *,
    full: bool = False,
) -> tuple[JobRun, JobRun | None]:
    """Runs the whole job and, if a read failed, resolves the stored snapshots.

    Args:
        organization: the organization.
        day: the partition.
        lake: of the organization.
        watcher: of the reads.
        on_failure: called between a failed run and the resolving one that follows.
        full: whether all memberships are read, also the unchanged ones.

    Returns:
        The run of the whole job, and the resolving run that followed, if one did.
    """
    with _instance() as instance:
        runs = _Runs(instance, organization, lake, watcher, day)
        config = {
            names.read_op(organization.name, directory): {"config": {"full": full}}
            for directory in organization.directories
        }
        sync = runs.run(names.sync_job(organization.name), config={"ops": config})
        ended = not sync.failures or sync.held or sync.interrupted
        if ended or not _anything_stored(organization, day, lake):
            return sync, None
        on_failure()
        chained = {names.ATTEMPT_GROUP: sync.run_id}
        return sync, runs.run(names.resolve_job(organization.name), tags=chained)


def run_approval(
    organization: Organization,
    day: date,
    lake: Lake,
    watcher: Watcher,
    approval: Mapping[str, object] = MappingProxyType({}),
) -> JobRun:
    """Publishes a day that has been resolved; with an approval also one that is held back.

    Args:
        organization: the organization.
        day: the partition.
        lake: of the organization.
        watcher: receives what the run waits for.
        approval: who approves and the numbers that were seen: the fields of `approval.Publishing`.
    """
    with _instance() as instance:
        runs = _Runs(instance, organization, lake, watcher, day)
        config = approval_config(organization.name, approval)
        return runs.run(names.approve_job(organization.name), config=config)


def send_notifications(organization: Organization, lake: Lake) -> list[str]:
    """Sends the organization's notifications; returns what was sent, and errors."""
    if not organization.notify:
        return []
    with _instance() as instance:
        return notify_after_run(instance, organization, lake)


@contextmanager
def without_a_run(lake: Lake, *, report: Callable[[str], None]) -> Iterator[None]:
    """Holds the lock of the lake's organization for work that is no run.

    Args:
        lake: of the organization.
        report: called with the reason when the work must wait.
    """
    with _instance() as instance, locks_of(instance, lake).without_a_run(report=report):
        yield


def examine_instance(lake: Lake) -> list[CheckResult]:
    """What `doctor` finds of Dagster's instance."""
    with _instance() as instance:
        return [*examine_locks(instance, lake), *examine_locations(instance, lake.organization)]


def runs_elsewhere() -> bool:
    """Whether runs are executed on other machines, which have the secrets of the directories."""
    with _instance() as instance:
        return _launches_elsewhere(instance)


def _launches_elsewhere(instance: dg.DagsterInstance) -> bool:
    """Whether the instance starts runs on other machines or in containers."""
    return not isinstance(instance.run_launcher, DefaultRunLauncher)


@dataclass(frozen=True)
class _Runs:
    """The runs of an organization's jobs for a day."""

    instance: dg.DagsterInstance
    organization: Organization
    lake: Lake
    watcher: Watcher
    day: date

    def run(
        self,
        job: str,
        *,
        tags: Mapping[str, str] = MappingProxyType({}),
        config: Mapping[str, object] = MappingProxyType({}),
    ) -> JobRun:
        """Runs a job in this process, or launches it."""
        if _launches_elsewhere(self.instance):
            # Nothing else needs a workspace of Dagster; importing it takes a quarter of a second.
            from opensense_okta.orchestration.launching import launch_and_follow  # noqa: PLC0415 - as above

            name, show = self.organization.name, self.watcher.show
            # Dagster gives the settings of the instance to the machine of the run.
            with dg.DagsterInstance.get() as instance:
                return launch_and_follow(
                    instance, name, job, self.day, tags=tags, config=config, show=show
                )
        return _run(self._definitions, job, self.instance, self.day, tags, config)

    @cached_property
    def _definitions(self) -> dg.Definitions:
        lakes = LakeResource(root=str(self.lake.root))
        return build_definitions({self.organization.name: self.organization}, lakes, self.watcher)


def _instance() -> dg.DagsterInstance:
    """The instance of `DAGSTER_HOME`, without copies of what a run prints: that is on the terminal.

    Dagster copies it by two processes that watch files, and two that watch these.
    """
    home = str(dagster_home())
    try:
        ref = InstanceRef.from_dir(home, overrides={"compute_logs": NO_COPIES})
        return dg.DagsterInstance.from_ref(ref)
    except dg.DagsterInvalidConfigError as error:
        # Dagster appends all allowed keys to the message.
        what = " ".join(mistake.message.partition(" Expected")[0] for mistake in error.errors)
        raise EnvironmentMistake(f"{dagster_home() / 'dagster.yaml'}: {what}") from None


def _run(
    defs: dg.Definitions,
    job: str,
    instance: dg.DagsterInstance,
    day: date,
    run_tags: Mapping[str, str],
    config: Mapping[str, object],
) -> JobRun:
    result = defs.resolve_job_def(job).execute_in_process(
        instance=instance,
        partition_key=str(day),
        run_config={**QUIET, **config},
        tags=run_tags,
        raise_on_error=False,
    )
    if result.success:
        return JobRun(result.run_id, ())
    run = instance.get_run_by_id(result.run_id)
    if run is not None and _interrupted(result):
        # Dagster records an interrupt as a crash, and the retry sensor would retry it.
        instance.report_run_canceled(run, INTERRUPTED)
        return JobRun(result.run_id, (INTERRUPTED,), interrupted=True)
    held = run is not None and run.tags.get(names.FAILURE) == names.HELD
    return JobRun(result.run_id, tuple(describe_failures(result.all_events)), held)


def _interrupted(result: dg.ExecuteInProcessResult) -> bool:
    errors = [
        event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error
        for event in result.all_events
        if event.is_step_failure or event.is_job_failure
    ]
    interrupts = {KeyboardInterrupt.__name__, dg.DagsterExecutionInterruptedError.__name__}
    return any(error.cls_name in interrupts for error in errors if error)


def _anything_stored(organization: Organization, day: date, lake: Lake) -> bool:
    return any(
        any(stored <= day for stored in lake.snapshot_days(directory))
        for directory in organization.directories
    )
