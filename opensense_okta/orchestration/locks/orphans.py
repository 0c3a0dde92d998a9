"""Ends the runs of killed processes: Dagster shows them as in progress, and nothing works for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Final

import dagster as dg

from opensense_okta.orchestration import names
from opensense_okta.orchestration.locks.protocol import Locks

IN_PROGRESS: Final = [
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
ORPHANED: Final = (
    "The process of this run was killed. Its uncommitted work is not used, and the published directory is "
    "as it was. The next run continues where this one stopped."
)
Suspects = Mapping[str, datetime]
"""The runs in progress that were seen without their lock, and when each was first seen so."""

NOBODY: Final[Suspects] = MappingProxyType({})


@dataclass(frozen=True)
class Observation:
    """One look at an organization's runs.

    Attributes:
        ended: the ids of the runs that it ended.
        suspects: the runs that are ended if they are still without their lock after some time.
    """

    ended: list[str] = field(default_factory=list)
    suspects: Suspects = field(default_factory=lambda: NOBODY)


def orphaned_runs(
    instance: dg.DagsterInstance, locks: Locks, organization: str
) -> list[dg.DagsterRun]:
    """The organization's runs that Dagster shows as in progress and that no longer hold their lock.

    A run in progress that has not reached its lock yet is not included: Dagster's run monitoring ends it if
    its process is dead.
    """
    return _of(
        instance, organization, locks.abandoned(lambda: _in_progress(instance, organization))
    )


def end_orphaned_runs(
    instance: dg.DagsterInstance, locks: Locks, organization: str, suspects: Suspects = NOBODY
) -> Observation:
    """Ends the runs of killed processes and removes what they left behind.

    Must be called while `locks` say that orphans may be ended.

    Args:
        instance: Dagster's instance.
        locks: those of the organization.
        organization: its name.
        suspects: the result of an earlier observation.
    """
    now = datetime.now(UTC)
    abandoned = locks.abandoned(lambda: _in_progress(instance, organization))
    waiting = {}
    orphans = []
    for run in _of(instance, organization, abandoned):
        since = suspects.get(run.run_id, now)
        if now - since >= locks.patience:
            _end(instance, run)
            orphans.append(run.run_id)
        else:
            waiting[run.run_id] = since
    locks.forget([run_id for run_id in abandoned if run_id not in waiting])
    return Observation(orphans, waiting)


def end_orphaned_runs_when_idle(
    instance: dg.DagsterInstance, locks: Locks, organization: str, suspects: Suspects = NOBODY
) -> Observation:
    """Ends orphaned runs if no work of the organization is disturbed; never waits."""
    if not orphaned_runs(instance, locks, organization):
        return Observation()
    with locks.ending_orphans() as allowed:
        if not allowed:
            return Observation(suspects=suspects)
        return end_orphaned_runs(instance, locks, organization, suspects)


def _of(
    instance: dg.DagsterInstance, organization: str, abandoned: Sequence[str]
) -> list[dg.DagsterRun]:
    if not abandoned:
        return []
    return [run for run in _in_progress(instance, organization) if run.run_id in abandoned]


def _in_progress(instance: dg.DagsterInstance, organization: str) -> Sequence[dg.DagsterRun]:
    return instance.get_runs(
        dg.RunsFilter(statuses=IN_PROGRESS, tags={names.ORGANIZATION: organization})
    )


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun) -> None:
    """Ends a killed run as failed, or as canceled if a person had canceled it."""
    if run.status is dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, ORPHANED)
    else:
        instance.report_run_failed(run, ORPHANED)
