"""The runs of an organization: what each of them makes, and which of them count.

A run is an organization's if it makes assets of it, whichever way it was started: a job, *Materialize* in
the UI, a backfill, a command. Runs are compared by their steps: a step makes all its assets together.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Final, NamedTuple

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import TABLES
from opensense_okta.directories.read import Run
from opensense_okta.orchestration import names
from opensense_okta.orchestration.locks.orphans import IN_PROGRESS
from opensense_okta.resolution.resolve import TABLES as RESOLVED_TABLES

SUCCESS: Final = dg.DagsterRunStatus.SUCCESS
CANCELED: Final = dg.DagsterRunStatus.CANCELED
FAILURE: Final = dg.DagsterRunStatus.FAILURE
FINISHED: Final = {SUCCESS, CANCELED, FAILURE}

Asset = tuple[str, ...]
"""The path of an asset's key: organization, directory if any, table."""

READ, RESOLVE, JUDGE, PUBLISH, FOLLOW = range(5)


class Step(NamedTuple):
    """A step of a run; steps of a lower rank come first."""

    rank: int
    op: str


@dataclass(frozen=True)
class RunFacts:
    """The facts of one run of an organization's day that decide on retries and notifications.

    Attributes:
        attempt_group: the run id of the first attempt.
        attempt: its number in the group, from 1 on.
        ended: when it ended, or when it was last updated.
        status: of the organization's part of the run.
        failure: why that part failed: a value of the tag `opensense/failure`; None if the process was
            killed.
        retry_at: when the API accepts requests again.
        assets: what it makes of the organization.
        checks: the checks that it evaluates, as asset and name; None: all of its assets.
        whole: whether it is a job with everything that belongs to it.
        config: its run configuration.
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
    assets: frozenset[Asset] = frozenset()
    checks: frozenset[tuple[Asset, str]] | None = None
    whole: bool = True
    config: Mapping[str, object] = field(default_factory=dict)

    @property
    def steps(self) -> frozenset[Step]:
        """The steps that make its assets."""
        return steps_of(self.assets)

    @property
    def held(self) -> bool:
        """Whether guards or data checks held publishing back."""
        return self.status is FAILURE and self.failure == names.HELD

    @property
    def reads(self) -> bool:
        """Whether it reads a directory."""
        return any(step.rank == READ for step in self.steps)


@dataclass(frozen=True)
class AttemptGroup:
    """A run with its retries, and the resolving runs that follow if a sync is given up.

    Attributes:
        id: the run id of the first attempt.
        runs: oldest first, at least one.
        assets: what no newer group makes, of all that its runs selected.
    """

    id: str
    runs: Sequence[RunFacts]
    assets: frozenset[Asset]

    @property
    def syncs(self) -> Sequence[RunFacts]:
        """The runs that read directories, oldest first."""
        return [run for run in self.runs if run.reads]

    @property
    def resolves(self) -> Sequence[RunFacts]:
        """The runs that use stored snapshots only, oldest first."""
        return [run for run in self.runs if not run.reads]

    @property
    def last(self) -> RunFacts:
        """The run that decides what follows."""
        return self.runs[-1]

    @property
    def unfinished(self) -> RunFacts | None:
        """A run that has not ended."""
        return next((run for run in self.runs if run.status not in FINISHED), None)

    @property
    def publishes(self) -> bool:
        """Whether what counts of it includes publishing."""
        return any(step.rank == PUBLISH for step in steps_of(self.assets))


def step_of(asset: Asset) -> Step:
    """The step that makes an asset."""
    organization, *_, table = asset
    if len(asset) > 2:
        return Step(READ, names.read_op(organization, asset[1]))
    match table:
        case "changes":
            return Step(JUDGE, names.judge_op(organization))
        case "resolved_directory":
            return Step(PUBLISH, names.publish_op(organization))
        case "exports":
            return Step(FOLLOW, names.export_op(organization))
        case "report":
            return Step(FOLLOW, names.report_op(organization))
    return Step(RESOLVE, names.resolve_op(organization))


def steps_of(assets: Iterable[Asset]) -> frozenset[Step]:
    """The steps that make these assets."""
    return frozenset(step_of(asset) for asset in assets)


def open_groups(runs: Sequence[RunFacts]) -> list[AttemptGroup]:
    """The attempt groups of a day that count, newest first: those that newer ones leave something of.

    A newer run takes over what both select, whatever becomes of it: it is retried itself. What is made
    from something that is left is left, too.
    """
    oldest_first = sorted((run for run in runs if run.assets), key=lambda run: run.created)
    newer: frozenset[Step] = frozenset()
    groups = []
    for group in reversed(list(dict.fromkeys(run.attempt_group for run in oldest_first))):
        members = [run for run in oldest_first if run.attempt_group == group]
        selected = frozenset[Asset]().union(*(run.assets for run in members))
        left = _left(selected, newer, held=members[-1].held)
        if left:
            groups.append(AttemptGroup(group, members, left))
        newer |= steps_of(selected)
    return groups


def _left(assets: frozenset[Asset], newer: Collection[Step], *, held: bool) -> frozenset[Asset]:
    """What is left of a group's assets after newer runs."""
    done_before = PUBLISH if held else READ  # a day that is held has been read and resolved
    steps = [step for step in steps_of(assets) if step.rank >= done_before]
    first = min((step.rank for step in steps if step not in newer), default=None)
    if first is None:
        return frozenset()
    left = {step for step in steps if step.rank > first or step not in newer}
    return frozenset(asset for asset in assets if step_of(asset) in left)


# What Dagster has recorded.


def recent_runs(instance: dg.DagsterInstance, since: datetime) -> list[dg.RunRecord]:
    """The runs of all organizations that were updated since a moment, oldest first."""
    return list(instance.get_run_records(dg.RunsFilter(updated_after=since), ascending=True))


def runs_of(instance: dg.DagsterInstance, organization: Organization, day: date) -> list[RunFacts]:
    """The runs of an organization's day; each of the two ways to start them oldest first."""
    partition = {names.PARTITION: str(day)}
    filters = [
        dg.RunsFilter(tags={**partition, names.ORGANIZATION: organization.name}),
        dg.RunsFilter(tags=partition, job_name=names.ASSET_JOB),  # without our tag until it begins
    ]
    records = {
        record.dagster_run.run_id: record
        for runs_filter in filters
        for record in instance.get_run_records(runs_filter, ascending=True)
    }
    return facts_by_day(instance, records.values(), organization).get(day, [])


def newest_runs(
    instance: dg.DagsterInstance, organization: Organization, limit: int
) -> dict[date, list[RunFacts]]:
    """The runs of an organization by day, newest first, among its `limit` newest runs."""
    of_organization = dg.RunsFilter(tags={names.ORGANIZATION: organization.name})
    return facts_by_day(
        instance, instance.get_run_records(of_organization, limit=limit), organization
    )


def unfinished_runs(
    instance: dg.DagsterInstance, organization: Organization
) -> dict[date, list[RunFacts]]:
    """The runs of an organization that are queued or at work, by day."""
    unfinished = dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED, *IN_PROGRESS])
    return facts_by_day(instance, instance.get_run_records(unfinished), organization)


def facts_by_day(
    instance: dg.DagsterInstance, records: Iterable[dg.RunRecord], organization: Organization
) -> dict[date, list[RunFacts]]:
    """The runs that make assets of an organization, by day."""
    days: dict[date, list[RunFacts]] = {}
    for record in records:
        partition = record.dagster_run.tags.get(names.PARTITION)
        if partition and (assets := _assets_of(record.dagster_run, organization)):
            facts = _facts(instance, record, organization.name, assets)
            days.setdefault(date.fromisoformat(partition), []).append(facts)
    return days


def all_assets(organization: Organization) -> frozenset[Asset]:
    """Everything that a sync of an organization makes."""
    raw = {
        (organization.name, directory, table)
        for directory in organization.directories
        for table in TABLES
    }
    exports = ["exports"] if organization.publish.csv else []
    tables = [*RESOLVED_TABLES, "changes", "resolved_directory", *exports, "report"]
    return frozenset(raw | {(organization.name, table) for table in tables})


def read_run(
    instance: dg.DagsterInstance, run: dg.DagsterRun, organization: str, *, full: bool
) -> Run:
    """Describes a run for an organization's reads of it: its attempt group, and when the group was begun.

    A run that a person re-executes belongs to the group. It reads everything again if the run before it
    did not fail, or was held back.
    """
    group = names.attempt_group(run.run_id, run.tags)
    first = instance.get_run_record_by_id(group) or instance.get_run_record_by_id(run.run_id)
    parent = instance.get_run_by_id(run.tags.get(names.PARENT_RUN, ""))
    again = parent is not None and (
        parent.status is SUCCESS
        or names.value_for(parent.tags, names.FAILURE, organization) == names.HELD
    )
    begun = first.create_timestamp if first else None
    return Run(run.run_id, run.run_id if again else group, full=full, begun=begun)


def _assets_of(run: dg.DagsterRun, organization: Organization) -> frozenset[Asset]:
    """What a run makes of an organization; nothing if the run is another organization's."""
    own = all_assets(organization)
    if not _whole(run):
        return own & {tuple(key.path) for key in run.asset_selection or ()}
    ranks = {
        names.sync_job(organization.name): READ,
        names.resolve_job(organization.name): RESOLVE,
        names.approve_job(organization.name): PUBLISH,
    }
    first = ranks.get(run.job_name)
    return frozenset() if first is None else _from(own, first)


def _whole(run: dg.DagsterRun) -> bool:
    """Whether a run makes everything of its job; Dagster writes that in two ways."""
    return not run.asset_selection and not run.asset_check_selection


def _from(assets: frozenset[Asset], rank: int) -> frozenset[Asset]:
    return frozenset(asset for asset in assets if step_of(asset).rank >= rank)


def _facts(
    instance: dg.DagsterInstance,
    record: dg.RunRecord,
    organization: str,
    assets: frozenset[Asset],
) -> RunFacts:
    run = record.dagster_run
    tags = names.current_tags(run.tags)
    failure = names.value_for(tags, names.FAILURE, organization)
    retry_at = names.value_for(tags, names.RETRY_AT, organization)
    only_others_failed = (
        run.status is FAILURE
        and failure is None
        and names.has_own_tags(tags, names.FAILURE)
        and _succeeded(instance, run.run_id, steps_of(assets))
    )
    checks = run.asset_check_selection
    return RunFacts(
        run_id=run.run_id,
        job=run.job_name,
        status=SUCCESS if only_others_failed else run.status,
        attempt_group=names.attempt_group(run.run_id, run.tags),
        attempt=int(tags.get(names.ATTEMPT, "1")),
        created=record.create_timestamp,
        ended=datetime.fromtimestamp(record.end_time, UTC)
        if record.end_time
        else record.update_timestamp,
        failure=failure,
        retry_at=datetime.fromisoformat(retry_at) if retry_at else None,
        assets=assets,
        checks=None
        if checks is None
        else frozenset((tuple(check.asset_key.path), check.name) for check in checks),
        whole=_whole(run),
        config=run.run_config,
    )


def _succeeded(instance: dg.DagsterInstance, run_id: str, steps: Collection[Step]) -> bool:
    """Whether all of these steps of a run have succeeded."""
    stats = instance.get_run_step_stats(run_id, [step.op for step in steps])
    succeeded = {step.step_key for step in stats if step.status and step.status.value == "SUCCESS"}
    return succeeded >= {step.op for step in steps}


@dataclass(frozen=True)
class JobRun:
    """How a run of a job ended.

    Attributes:
        run_id: its id in the UI.
        failures: one text for each failed step; empty if the run succeeded.
        held: whether publishing was held back.
        interrupted: whether a person ended it; it is not retried.
    """

    run_id: str
    failures: tuple[str, ...]
    held: bool = False
    interrupted: bool = False
