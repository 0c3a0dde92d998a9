"""The sensor that decides which failed syncs of all organizations are retried, and when they are given up.

Failures are retried in two layers, and nowhere else:

- **The HTTP request** (`directories/http/client.py`): errors that pass within seconds or minutes,
  such as a rate limit, a server error or a broken connection.
- **The run** (this sensor): every other transient error, and killed processes. A retry starts the
  whole job again. That is cheap, because the runs of an attempt group share complete snapshots.

Dagster's own retries of steps and runs are off: they support neither a delay that grows over several
processes nor the API's reset time, and each would multiply the number of retries.

A run is retried whichever way it was started: by the schedule, a command, a job, *Materialize* or a
backfill. The sensor is a state machine over run records: `attempts.decide` is a pure function of the runs of
a day. Its cursor has the runs that seem to be killed: the next evaluations end them. If the sensor is
evaluated twice before the first run is recorded, both requests have the same run key, and Dagster starts one
run for it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from types import MappingProxyType
from typing import Final

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.orchestration import names
from opensense_okta.orchestration.attempts import (
    NextTick,
    Nothing,
    Resolve,
    Retry,
    Selection,
    decide,
    decide_for_group,
)
from opensense_okta.orchestration.locks.orphans import Suspects, end_orphaned_runs_when_idle
from opensense_okta.orchestration.locks.protocol import LocksOf
from opensense_okta.orchestration.runs import (
    FAILURE,
    SUCCESS,
    facts_by_day,
    open_groups,
    recent_runs,
    runs_of,
)

LOOK_BACK: Final = timedelta(days=2)
"""Runs that ended longer ago are not retried any more. All attempts take less than a day."""

INTERVAL: Final = 30
"""How often the sensor is evaluated, in seconds."""

SENSOR_DAEMON: Final = "SENSOR"
"""The part of Dagster's daemon that evaluates sensors, as its heartbeats name it."""

DAEMON_SILENT: Final = 600.0
"""After so many seconds without a heartbeat the daemon counts as down. It sends one every 30 seconds."""


def build_retry_sensor(
    organizations: Mapping[str, Organization],
    locks: LocksOf,
    jobs: dg.Definitions,
    mistakes: Mapping[str, OrganizationFileError] = MappingProxyType({}),
) -> dg.SensorDefinition:
    """The sensor that retries the failed runs of every organization.

    A disabled organization is included: its schedule is off, but a run that a person starts is retried
    like any other. The sensor is always there, so it also reports the files that cannot be used: an
    evaluation fails as long as an organization is not synced because of its file.

    Args:
        organizations: all organizations by name.
        mistakes: the organizations whose files have mistakes; those with a last valid file are in
            `organizations`, too.
        locks: returns the locks of an organization.
        jobs: definitions with the sync and the resolving job of every organization.
    """

    @dg.sensor(
        name=names.RETRIES,
        description="Retries runs that failed with a transient error, with growing delays. Each tick says"
        " what follows for each organization; it fails if one is not synced because of its file.",
        jobs=list(jobs.jobs or []),
        minimum_interval_seconds=INTERVAL,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def retries(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        orphans = _end_orphans(context, organizations, locks)
        results = [
            *_evaluate(context, organizations, orphans.failed),
            *(
                _file_result(error, is_synced=name in organizations)
                for name, error in mistakes.items()
            ),
        ]
        if requests := [request for result in results for request in result.requests]:
            return dg.SensorResult(run_requests=requests, cursor=orphans.cursor)
        words = "\n".join(result.words for result in results) or "there is no organization yet"
        # An evaluation that fails has no cursor.
        if any(result.failed for result in results) and orphans.cursor == (context.cursor or "{}"):
            raise RuntimeError(words)
        return dg.SensorResult(skip_reason=words, cursor=orphans.cursor)

    return retries


_SUSPECTS: Final = TypeAdapter[Suspects](dict[str, datetime])


@dataclass(frozen=True)
class _Result:
    """The sensor's result for one organization."""

    words: str
    requests: Sequence[dg.RunRequest] = ()
    failed: bool = False


def _file_result(error: OrganizationFileError, *, is_synced: bool) -> _Result:
    """The result for a file with mistakes."""
    impact = "its last valid version counts" if is_synced else "nothing is synced"
    words = f"{error.path.name} has mistakes; {impact}:\n{error}"
    return _Result(words, failed=not is_synced)


@dataclass(frozen=True)
class _Orphans:
    """The killed runs of all organizations.

    Attributes:
        cursor: those that are ended later, as the sensor's cursor.
        failed: the organizations whose runs could not be read, with the result.
    """

    cursor: str
    failed: Mapping[str, _Result]


def _end_orphans(
    context: dg.SensorEvaluationContext, organizations: Iterable[str], locks: LocksOf
) -> _Orphans:
    """Ends the runs of killed processes; an error becomes the result of its organization."""
    failed: dict[str, _Result] = {}
    before: Suspects = {}
    with suppress(ValidationError):  # an earlier version's cursor
        before = _SUSPECTS.validate_json(context.cursor or "{}")
    suspects: dict[str, datetime] = {}
    for name in organizations:
        try:
            own = locks(context.instance, name)
            observation = end_orphaned_runs_when_idle(context.instance, own, name, before)
            suspects |= observation.suspects
        except Exception as error:  # noqa: BLE001  # whatever it is, the others are evaluated
            failed[name] = _failed(context, name, error)
    return _Orphans(_SUSPECTS.dump_json(suspects).decode(), failed)


def _evaluate(
    context: dg.SensorEvaluationContext,
    organizations: Mapping[str, Organization],
    failed: Mapping[str, _Result],
) -> Iterator[_Result]:
    """Decides for each organization; an error becomes a result, so that the others are evaluated."""
    now = datetime.now(UTC)
    records, switched = recent_runs(context.instance, now - LOOK_BACK), switches(context.instance)
    for name, organization in organizations.items():
        try:
            yield failed.get(name) or _decide_for(context, organization, records, now, switched)
        except Exception as error:  # noqa: BLE001  # as above
            yield _failed(context, name, error)


def _failed(context: dg.SensorEvaluationContext, name: str, error: Exception) -> _Result:
    expected = isinstance(error, UserError)
    words = f"{name}: its runs could not be read: {error if expected else repr(error)}"
    context.log.error(words, exc_info=None if expected else error)
    return _Result(words, failed=True)


def _decide_for(
    context: dg.SensorEvaluationContext,
    organization: Organization,
    records: Sequence[dg.RunRecord],
    now: datetime,
    switched: Mapping[str, bool],
) -> _Result:
    """Decides for today, and for every earlier day that had a run lately."""
    name, today = organization.name, organization.today(now)
    runs = facts_by_day(context.instance, records, organization)
    synced = any(run.reads for run in runs.get(today, ()))
    requests, lines = [], []
    for day in sorted({*runs, today}, reverse=True):
        decision = decide(
            name,
            day,
            runs.get(day, []),
            now=now,
            day_ends=organization.end_of(day).astimezone(organization.zone),
            next_sync=describe_next_sync(organization, now, switched),
            superseded=synced and day < today,
            next_tick=next_tick_of(organization, switched),
        )
        if isinstance(decision, Retry | Resolve):
            context.log.info(f"{name}: {decision.words}")
            requests.append(_request(organization, day, decision))
        if day == today or not isinstance(decision, Nothing):
            lines.append(f"{name}: {decision.words}")
    return _Result("\n".join(lines), requests)


def _request(organization: Organization, day: date, decision: Retry | Resolve) -> dg.RunRequest:
    job = names.sync_job if isinstance(decision, Retry) else names.resolve_job
    assets, checks = None, None
    if decision.selection:
        assets = [dg.AssetKey(list(asset)) for asset in sorted(decision.selection.assets)]
        checks = _check_keys(decision.selection)
    # With the tag, Dagster does not check the partition here. The check would fail the evaluation for
    # all organizations if the day is before the first day of one of them.
    return dg.RunRequest(
        run_key=decision.run_key,
        run_config=dict(decision.config),
        job_name=job(organization.name),
        partition_key=str(day),
        tags={**decision.tags, names.PARTITION: str(day)},
        asset_selection=assets,
        asset_check_keys=checks,
    )


def _check_keys(selection: Selection) -> list[dg.AssetCheckKey] | None:
    if selection.checks is None:
        return None
    return [
        dg.AssetCheckKey(dg.AssetKey(list(asset)), check)
        for asset, check in sorted(selection.checks)
    ]


# Whether somebody looks after runs.


def retries_are_on(instance: dg.DagsterInstance, now: datetime) -> bool:
    """Whether a daemon runs on the instance that evaluates the retry sensor."""
    return daemon_runs(instance, now) and switches(instance).get(names.RETRIES, True)


def daemon_runs(instance: dg.DagsterInstance, now: datetime) -> bool:
    """Whether a daemon runs on the instance that evaluates sensors."""
    heartbeat = instance.get_daemon_heartbeats().get(SENSOR_DAEMON)
    return heartbeat is not None and now.timestamp() - heartbeat.timestamp < DAEMON_SILENT


def switches(instance: dg.DagsterInstance) -> dict[str, bool]:
    """The schedules and sensors that a person switched on or off; for all others the code decides."""
    if instance.schedule_storage is None:  # an instance in memory
        return {}
    words = {"RUNNING": True, "STOPPED": False}
    return {
        state.instigator_name: words[state.status.value]
        for state in instance.all_instigator_state()
        if state.status.value in words
    }


def describe_follow_up(
    instance: dg.DagsterInstance,
    organization: Organization,
    day: date,
    run_id: str,
    retry_at: datetime | None,
) -> str:
    """Says what follows a run that fails now with a transient error: what the sensor will decide.

    Args:
        instance: Dagster's instance.
        organization: the organization.
        day: the run's day.
        run_id: the run, which has not ended.
        retry_at: when the API accepts requests again, where that is known.
    """
    now = datetime.now(UTC)
    if not retries_are_on(instance, now):
        return (
            f"It is not retried: Dagster's daemon does not run with the sensor `{names.RETRIES}` on. To"
            f" start it again: {_by_hand(organization, day, now)}."
        )
    runs = [
        replace(run, status=FAILURE, failure=names.TRANSIENT, ended=now, retry_at=retry_at)
        if run.run_id == run_id
        else run
        for run in runs_of(instance, organization, day)
    ]
    ends = organization.end_of(day).astimezone(organization.zone)
    for group in open_groups(runs):
        if any(run.run_id == run_id for run in group.runs):
            decision = decide_for_group(
                organization.name,
                day,
                group,
                now=now,
                day_ends=ends,
                next_tick=next_tick_of(organization, switches(instance)),
            )
            return f"{decision.words[0].upper()}{decision.words[1:]}."
    return "It is not retried: a newer run makes the same."


def describe_next(
    instance: dg.DagsterInstance, organization: Organization, day: date, run_id: str
) -> str:
    """Says what follows a run that publishes a day or does not: another attempt to read it, or the next sync.

    Args:
        instance: Dagster's instance.
        organization: the organization.
        day: the run's day.
        run_id: the run, which has not ended.
    """
    now = datetime.now(UTC)
    if not daemon_runs(instance, now):
        return (
            "Dagster's daemon does not run, so no sync starts by itself; to start one:"
            f" opensense-okta sync {organization.name}"
        )
    if retries_are_on(instance, now):
        runs = [
            replace(run, status=SUCCESS, ended=now) if run.run_id == run_id else run
            for run in runs_of(instance, organization, day)
        ]
        ends = organization.end_of(day).astimezone(organization.zone)
        next_tick = next_tick_of(organization, switches(instance))
        decision = decide(organization.name, day, runs, now=now, day_ends=ends, next_tick=next_tick)
        if not isinstance(decision, Nothing):
            return decision.words
    return describe_next_sync(organization, now, switches(instance))


def _by_hand(organization: Organization, day: date, now: datetime) -> str:
    if day == organization.today(now):
        return f"opensense-okta sync {organization.name}"
    return f"the job {names.resolve_job(organization.name)} for {day}"


def next_tick_of(organization: Organization, switched: Mapping[str, bool]) -> NextTick | None:
    """When the schedule ticks next, if a day has several ticks; None: it has one, or the schedule is off."""
    is_on = switched.get(names.sync_schedule(organization.name), organization.enabled)
    return organization.next_sync if is_on and len(organization.ticks) > 1 else None


def describe_next_sync(
    organization: Organization, now: datetime, switched: Mapping[str, bool]
) -> str:
    """Says what starts the organization's next sync.

    Args:
        organization: the organization.
        now: the time, with its time zone.
        switched: the schedules that a person switched on or off.
    """
    schedule = names.sync_schedule(organization.name)
    if switched.get(schedule, organization.enabled):
        return (
            f"the schedule starts the next sync at {organization.next_sync(now):%Y-%m-%d %H:%M %Z}"
        )
    return (
        f"the schedule {schedule} is off, so no sync starts by itself; to start one now:"
        f" opensense-okta sync {organization.name}"
    )
