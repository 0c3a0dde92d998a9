"""The sensor that decides which failed syncs of all organizations are retried, and when they are given up.

Failures are retried in two layers, and nowhere else:

- **The HTTP request** (`directories/http/client.py`): errors that pass within seconds or minutes,
  such as a rate limit, a server error or a broken connection.
- **The run** (this sensor): every other transient error, and killed processes. A retry starts the
  whole job again. That is cheap, because the runs of an attempt group share complete snapshots.

Dagster's own retries of steps and runs are off: they support neither a delay that grows over several
processes nor the API's reset time, and each would multiply the number of retries.

The sensor is a state machine over run records, without state of its own and without a cursor. The
next step follows from the runs of the day alone, so a restarted daemon decides the same. If the sensor
is evaluated twice before the first run is recorded, both requests have the same run key, and Dagster
starts one run for it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import lock, names
from opensense_okta.orchestration.runs import (
    CANCELED,
    FAILURE,
    FINISHED,
    SUCCESS,
    AttemptGroup,
    RunFacts,
    newest_attempt_group,
    runs_of,
)

DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))
"""How long to wait after the first, the second, … failed attempt.

A restarted service is available within minutes; an outage takes an hour or two. The attempts cover
nearly two hours, so that the nightly sync has ended or failed before people start to work.
"""

MAX_ATTEMPTS: Final = len(DELAYS) + 1


@dataclass(frozen=True)
class Nothing:
    """Nothing is left to do."""

    words: str


@dataclass(frozen=True)
class Wait:
    """The next step is later, or follows a run that has not ended."""

    words: str


@dataclass(frozen=True)
class Retry:
    """The whole job is started again."""

    words: str
    run_key: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Resolve:
    """The resolving job is started: it uses the snapshots that are stored."""

    words: str
    run_key: str
    tags: Mapping[str, str]


Decision = Nothing | Wait | Retry | Resolve


def decide(
    organization: str, day: date, runs: Sequence[RunFacts], *, now: datetime, day_ends: datetime
) -> Decision:
    """Decides what follows for an organization's day, from its runs and the time alone.

    Only the newest attempt group counts: a sync that a person starts replaces the earlier ones.

    Args:
        organization: the organization's name.
        day: the day, in the organization's time zone.
        runs: the runs of that day, in any order.
        now: the time, with its time zone.
        day_ends: the first moment of the next day, in the organization's time zone.
    """
    group = newest_attempt_group(organization, runs)
    if group is None:
        return Nothing(f"{day} has had no sync yet: the schedule starts it")
    return _Attempts(organization, day, day_ends, group).next(now)


@dataclass(frozen=True)
class _Attempts:
    """The attempts at one day, and what follows them."""

    organization: str
    day: date
    day_ends: datetime
    group: AttemptGroup

    def next(self, now: datetime) -> Decision:
        """What follows the runs so far."""
        for run in (*self.group.syncs, *self.group.resolves):
            if run.status not in FINISHED:
                status = run.status.value.lower().replace("_", " ")
                return Wait(f"run {run.run_id} for {self.day} is {status}")
        return self._after_resolve(now) if self.group.resolved_last else self._after_sync(now)

    def _after_sync(self, now: datetime) -> Decision:
        if end := _END_AFTER_SYNC.get(_outcome(self.group.syncs[-1])):
            return Nothing(end.format(day=self.day))
        if reason := self._given_up(now):
            return self._resolve(
                f"the sync of {self.day} failed and is not retried: {reason}; the stored snapshots of"
                " all directories are resolved instead"
            )
        start, number = _next_attempt(self.group.syncs)
        words = f"the sync of {self.day} failed: attempt {number} of {MAX_ATTEMPTS}"
        if now < start:
            return Wait(f"{words} starts at {self._clock(start)}")
        return Retry(f"{words} starts", f"{self._key}/{number}", self._tags(number))

    def _after_resolve(self, now: datetime) -> Decision:
        if end := self._end_after_resolve():
            reason = self._given_up(now)
            return Nothing(f"{end}; its sync is not retried: {reason}" if reason else end)
        start, number = _next_attempt(self.group.resolves)
        words = f"resolving {self.day} failed: attempt {number} of {MAX_ATTEMPTS}"
        if now < start:
            return Wait(f"{words} starts at {self._clock(start)}")
        return self._resolve(f"{words} starts")

    def _end_after_resolve(self) -> str | None:
        if end := _END_AFTER_RESOLVE.get(_outcome(self.group.resolves[-1])):
            return end.format(day=self.day)
        if _attempts(self.group.resolves) >= MAX_ATTEMPTS:
            return f"resolving {self.day} failed {MAX_ATTEMPTS} times and is not retried"
        return None

    def _given_up(self, now: datetime) -> str | None:
        """Why the sync is not retried; None as long as it is."""
        if self.group.syncs[-1].failure == names.PERMANENT:
            return "the error is permanent (credentials, a scope or the configuration)"
        if _attempts(self.group.syncs) >= MAX_ATTEMPTS:
            return f"all {MAX_ATTEMPTS} attempts failed"
        start, _ = _next_attempt(self.group.syncs)
        if max(start, now) >= self.day_ends:
            return "the day ends before the next attempt"
        return None

    def _resolve(self, words: str) -> Resolve:
        number = _attempts(self.group.resolves) + 1
        return Resolve(words, f"{self._key}/resolve/{number}", self._tags(number))

    @property
    def _key(self) -> str:
        return f"{self.organization}/{self.day}/{self.group.id}"

    def _tags(self, number: int) -> dict[str, str]:
        tags = {names.ORGANIZATION: self.organization, names.ATTEMPT_GROUP: self.group.id}
        return tags | ({names.ATTEMPT: str(number)} if number > 1 else {})

    def _clock(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.day_ends.tzinfo):%H:%M %Z}"


_HELD: Final = (
    "guards or data checks hold {day} back: it is not retried, the next day is judged again"
)
_END_AFTER_SYNC: Final = {
    SUCCESS.value: "{day} is done",
    CANCELED.value: "the sync of {day} was canceled by a person and is not retried",
    names.HELD: _HELD,
}
_END_AFTER_RESOLVE: Final = {
    SUCCESS.value: "{day} was resolved from the stored snapshots",
    CANCELED.value: "resolving {day} was canceled by a person and is not retried",
    names.HELD: _HELD,
    names.PERMANENT: "resolving {day} failed with a permanent error and is not retried",
}


def _outcome(run: RunFacts) -> str:
    """The run's status, or why it failed; a killed process counts as a transient error."""
    return run.status.value if run.status is not FAILURE else run.failure or names.TRANSIENT


def _attempts(runs: Sequence[RunFacts]) -> int:
    return max((run.attempt for run in runs), default=0)


def _next_attempt(runs: Sequence[RunFacts]) -> tuple[datetime, int]:
    """When the next attempt may start at the earliest, and its number."""
    last, attempts = runs[-1], _attempts(runs)
    start = last.ended + DELAYS[attempts - 1]
    return max(start, last.retry_at or start), attempts + 1


def build_retry_sensor(
    organizations: Mapping[str, Organization],
    locks: Callable[[str], Path],
    jobs: dg.Definitions,
    sweep: Callable[[str], object] = lambda _organization: None,
) -> dg.SensorDefinition:
    """The sensor that retries the failed runs of every organization.

    A disabled organization is included: its schedule is off, but a run that a person starts is retried
    like any other.

    Args:
        organizations: all organizations by name.
        locks: returns the folder of an organization's locks.
        jobs: definitions with the sync and the resolving job of every organization.
        sweep: called for each organization at each evaluation: deletes leftovers.
    """

    @dg.sensor(
        name=names.RETRIES,
        description="Retries runs that failed with a transient error, with growing delays.",
        jobs=list(jobs.jobs or []),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def retries(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = datetime.now(UTC)
        results = [
            _evaluate(context, organization, locks, sweep, now)
            for organization in organizations.values()
        ]
        if requests := [result.request for result in results if result.request]:
            return dg.SensorResult(run_requests=requests)
        words = "\n".join(result.words for result in results) or "there is no organization yet"
        if any(result.failed for result in results):
            raise RuntimeError(words)
        return dg.SensorResult(skip_reason=words)

    return retries


@dataclass(frozen=True)
class _Result:
    """The sensor's result for one organization."""

    words: str
    request: dg.RunRequest | None = None
    failed: bool = False


def _evaluate(
    context: dg.SensorEvaluationContext,
    organization: Organization,
    locks: Callable[[str], Path],
    sweep: Callable[[str], object],
    now: datetime,
) -> _Result:
    """Decides for one organization; an error becomes a result, so that the others are evaluated."""
    name = organization.name
    try:
        lock.end_orphaned_runs_when_idle(context.instance, locks(name), name)
        sweep(name)
        day, decision = _decide_for(context.instance, organization, now)
    except Exception as error:
        context.log.exception(f"{name}: its runs could not be read")
        return _Result(f"{name}: its runs could not be read: {error!r}", failed=True)
    words = f"{name}: {decision.words}"
    if isinstance(decision, Nothing | Wait):
        return _Result(words)
    context.log.info(words)
    return _Result(words, _request(name, day, decision))


def _decide_for(
    instance: dg.DagsterInstance, organization: Organization, now: datetime
) -> tuple[date, Decision]:
    """Decides for today; before today's first run, for yesterday if it had runs."""
    name, today = organization.name, organization.today(now)
    yesterday = today - timedelta(days=1)
    day, runs = today, runs_of(instance, name, today)
    if not runs and (earlier := runs_of(instance, name, yesterday)):
        day, runs = yesterday, earlier
    day_ends = datetime.combine(day + timedelta(days=1), time.min, tzinfo=organization.zone)
    return day, decide(name, day, runs, now=now, day_ends=day_ends)


def _request(organization: str, day: date, decision: Retry | Resolve) -> dg.RunRequest:
    job = names.sync_job if isinstance(decision, Retry) else names.resolve_job
    # With the tag, Dagster does not check the partition here. The check would fail the evaluation for
    # all organizations if the day is before the first day of one of them.
    return dg.RunRequest(
        run_key=decision.run_key,
        job_name=job(organization),
        partition_key=str(day),
        tags={**decision.tags, names.PARTITION: str(day)},
    )
