"""The runs of one organization's day, and which of them count."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

import dagster as dg

from opensense_okta.orchestration import names

SUCCESS: Final = dg.DagsterRunStatus.SUCCESS
CANCELED: Final = dg.DagsterRunStatus.CANCELED
FAILURE: Final = dg.DagsterRunStatus.FAILURE
FINISHED: Final = {SUCCESS, CANCELED, FAILURE}


@dataclass(frozen=True)
class RunFacts:
    """The facts of one run of an organization's day that decide on retries and notifications.

    Attributes:
        attempt_group: the run id of the first attempt.
        attempt: its number in the group, from 1 on.
        ended: when it ended, or when it was last updated.
        failure: the tag `opensense/failure`; None if the process was killed.
        retry_at: when the API accepts requests again.
    """

    run_id: str
    job: str
    status: dg.DagsterRunStatus
    attempt_group: str
    attempt: int
    created: datetime
    ended: datetime
    failure: str | None
    retry_at: datetime | None


@dataclass(frozen=True)
class AttemptGroup:
    """A sync with its retries, and the resolving runs that follow if the sync is given up.

    Attributes:
        id: the run id of the first attempt.
        syncs: oldest first, at least one.
        resolves: oldest first.
    """

    id: str
    syncs: Sequence[RunFacts]
    resolves: Sequence[RunFacts]

    @property
    def resolved_last(self) -> bool:
        """Whether a resolving run followed the last sync."""
        return bool(self.resolves) and self.resolves[-1].created >= self.syncs[-1].created


def newest_attempt_group(organization: str, runs: Sequence[RunFacts]) -> AttemptGroup | None:
    """Returns the attempt group that counts: the one that started last. None without a sync.

    A sync that a person starts has a group of its own, so it replaces the one before.
    """
    oldest_first = sorted(runs, key=lambda run: run.created)
    syncs = [run for run in oldest_first if run.job == names.sync_job(organization)]
    if not syncs:
        return None
    newest = list(dict.fromkeys(run.attempt_group for run in syncs))[-1]
    members = [run for run in oldest_first if run.attempt_group == newest]
    return AttemptGroup(
        id=newest,
        syncs=[run for run in members if run.job == names.sync_job(organization)],
        resolves=[run for run in members if run.job == names.resolve_job(organization)],
    )


def runs_of(instance: dg.DagsterInstance, organization: str, day: date) -> list[RunFacts]:
    """The runs of an organization's day, oldest first."""
    of_the_day = {names.ORGANIZATION: organization, names.PARTITION: str(day)}
    records = instance.get_run_records(dg.RunsFilter(tags=of_the_day), ascending=True)
    return [_facts(record) for record in records]


def _facts(record: dg.RunRecord) -> RunFacts:
    run = record.dagster_run
    tags = names.current_tags(run.tags)
    retry_at = tags.get(names.RETRY_AT)
    return RunFacts(
        run_id=run.run_id,
        job=run.job_name,
        status=run.status,
        attempt_group=tags.get(names.ATTEMPT_GROUP, run.run_id),
        attempt=int(tags.get(names.ATTEMPT, "1")),
        created=record.create_timestamp,
        ended=datetime.fromtimestamp(record.end_time, UTC)
        if record.end_time
        else record.update_timestamp,
        failure=tags.get(names.FAILURE),
        retry_at=datetime.fromisoformat(retry_at) if retry_at else None,
    )
