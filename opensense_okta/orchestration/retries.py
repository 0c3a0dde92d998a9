"""What is tried again, when, and when it is given up: one sensor over all organizations.

Failures are retried in two layers, and nowhere else:

- **The HTTP request** (`directories/http.py`): what heals within seconds or minutes, while a read
  goes on: rate limits, a server error, a broken connection.
- **The run** (this sensor): everything else that time heals, a killed worker among them. A retry is
  the whole job again, and cheap, because a chain reuses its complete snapshots.

Dagster's own retries of steps and runs are off: they know neither a growing delay over processes
nor the API's reset time, and would multiply with these.

The sensor is a state machine over run records. It keeps no state of its own and has no cursor: what
happens next follows from the runs of the day alone, so a restarted daemon decides as the old one
would have. A second evaluation before the first one's run is recorded asks for the same run key, of
which Dagster makes one run for ever.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final

import dagster as dg

# Dagster's name for what its own define_asset_job returns; it exports no public one.
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import lock
from opensense_okta.orchestration import names as tags

DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))
"""How long to wait after the first, the second, … failed try.

A service that is restarted is back within minutes, an outage takes an hour or two: the tries lie
close together at first and reach over nearly two hours, so that a sync of the night has come to an
end, good or bad, before people start to work.
"""

TRIES: Final = len(DELAYS) + 1

SUCCESS, CANCELED, FAILURE = (
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.CANCELED,
    dg.DagsterRunStatus.FAILURE,
)
FINISHED: Final = {SUCCESS, CANCELED, FAILURE}


@dataclass(frozen=True)
class RunFacts:
    """One run of an organization's day, as far as it matters here."""

    run_id: str
    job: str
    status: dg.DagsterRunStatus
    chain: str
    attempt: int
    created: datetime
    ended: datetime
    failure: str | None
    retry_at: datetime | None


@dataclass(frozen=True)
class Nothing:
    """There is nothing to do."""

    words: str


@dataclass(frozen=True)
class Wait:
    """There is something to do later, or after a run that has not ended."""

    words: str


@dataclass(frozen=True)
class Retry:
    """The whole job is tried again."""

    words: str
    run_key: str
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Resolve:
    """The resolving job goes on with what the other directories gave."""

    words: str
    run_key: str
    tags: Mapping[str, str]


Decision = Nothing | Wait | Retry | Resolve


def sync_job(organization: str) -> str:
    """The name of the organization's whole job."""
    return f"{organization}__sync"


def resolve_job(organization: str) -> str:
    """The name of the organization's job that only resolves and publishes."""
    return f"{organization}__resolve"


def decide(
    organization: str, day: date, runs: Sequence[RunFacts], *, now: datetime, day_ends: datetime
) -> Decision:
    """What becomes of an organization's day, from the runs it has had and the time alone.

    Only the newest chain counts: a sync started by hand takes over from what was there.

    Args:
        organization: The organization's name.
        day: The day, in the organization's time zone.
        runs: The runs of that day, in any order.
        now: The time, with its time zone.
        day_ends: The first moment of the next day, in the organization's time zone.
    """
    oldest_first = sorted(runs, key=lambda run: run.created)
    syncs = [run for run in oldest_first if run.job == sync_job(organization)]
    if not syncs:
        return Nothing(f"{day} has had no sync yet: the schedule starts it")
    newest = list(dict.fromkeys(run.chain for run in syncs))[-1]
    chain = _Chain(
        key=f"{organization}/{day}/{newest}",
        id=newest,
        organization=organization,
        day=day,
        day_ends=day_ends,
        syncs=[run for run in syncs if run.chain == newest],
        resolves=[
            run
            for run in oldest_first
            if run.job == resolve_job(organization) and run.chain == newest
        ],
    )
    return chain.next(now)


@dataclass(frozen=True)
class _Chain:
    """One day's sync with its retries, and the resolving runs that follow when it is given up."""

    key: str
    id: str
    organization: str
    day: date
    day_ends: datetime
    syncs: Sequence[RunFacts]
    resolves: Sequence[RunFacts]

    def next(self, now: datetime) -> Decision:
        """What comes after the runs that the chain has had."""
        for run in (*self.syncs, *self.resolves):
            if run.status not in FINISHED:
                status = run.status.value.lower().replace("_", " ")
                return Wait(f"run {run.run_id} for {self.day} is {status}")
        resolved_last = self.resolves and self.resolves[-1].created >= self.syncs[-1].created
        return self._after_resolve(now) if resolved_last else self._after_sync(now)

    def _after_sync(self, now: datetime) -> Decision:
        if over := _OVER_AFTER_SYNC.get(_outcome(self.syncs[-1])):
            return Nothing(over.format(day=self.day))
        if why := self._given_up(now):
            words = f"not tried again: {why}; going on with what the other directories gave"
            return self._resolve(f"the sync of {self.day} failed and is {words}")
        when, number = _next_try(self.syncs)
        words = f"the sync of {self.day} failed: try {number} of {TRIES}"
        if now < when:
            return Wait(f"{words} starts at {self._clock(when)}")
        return Retry(f"{words} starts", f"{self.key}/{number}", self._tags(number))

    def _after_resolve(self, now: datetime) -> Decision:
        if over := self._resolving_is_over():
            why = self._given_up(now)
            return Nothing(f"{over}; its sync is not tried again: {why}" if why else over)
        when, number = _next_try(self.resolves)
        words = f"resolving {self.day} failed: try {number} of {TRIES}"
        if now < when:
            return Wait(f"{words} starts at {self._clock(when)}")
        return self._resolve(f"{words} starts")

    def _resolving_is_over(self) -> str | None:
        if over := _OVER_AFTER_RESOLVE.get(_outcome(self.resolves[-1])):
            return over.format(day=self.day)
        if _tries(self.resolves) >= TRIES:
            return f"resolving {self.day} failed {TRIES} times and is not tried again"
        return None

    def _given_up(self, now: datetime) -> str | None:
        """Why the sync is not tried again, or None as long as it is."""
        if self.syncs[-1].failure == tags.PERMANENT:
            return "time does not heal it (credentials, a scope or the configuration)"
        if _tries(self.syncs) >= TRIES:
            return f"all {TRIES} tries failed"
        when, _ = _next_try(self.syncs)
        if max(when, now) >= self.day_ends:
            return "the day is over before the next try"
        return None

    def _resolve(self, words: str) -> Resolve:
        number = _tries(self.resolves) + 1
        return Resolve(words, f"{self.key}/resolve/{number}", self._tags(number))

    def _tags(self, number: int) -> dict[str, str]:
        own = {tags.ORGANIZATION: self.organization, tags.CHAIN: self.id}
        return own | ({tags.TRY: str(number)} if number > 1 else {})

    def _clock(self, when: datetime) -> str:
        return f"{when.astimezone(self.day_ends.tzinfo):%H:%M %Z}"


_HELD: Final = "guards or data checks hold {day} back: not tried again, the next day is judged anew"
_OVER_AFTER_SYNC: Final = {
    SUCCESS.value: "{day} is done",
    CANCELED.value: "the sync of {day} was canceled by a person and is not tried again",
    tags.HELD: _HELD,
}
_OVER_AFTER_RESOLVE: Final = {
    SUCCESS.value: "{day} was resolved with what the other directories gave",
    CANCELED.value: "resolving {day} was canceled by a person and is not tried again",
    tags.HELD: _HELD,
    tags.PERMANENT: "resolving {day} failed, time does not heal it, and it is not tried again",
}


def _outcome(run: RunFacts) -> str:
    return run.status.value if run.status is not FAILURE else run.failure or tags.HEALS


def _tries(runs: Sequence[RunFacts]) -> int:
    return max((run.attempt for run in runs), default=0)


def _next_try(runs: Sequence[RunFacts]) -> tuple[datetime, int]:
    """When the next try may start at the earliest, and its number."""
    last, tries = runs[-1], _tries(runs)
    when = last.ended + DELAYS[tries - 1]
    return max(when, last.retry_at or when), tries + 1


def build_retry_sensor(
    organizations: Mapping[str, Organization],
    locks: Callable[[str], Path],
    jobs: Sequence[dg.JobDefinition | UnresolvedAssetJobDefinition],
    tidy: Callable[[str], object] = lambda _organization: None,
) -> dg.SensorDefinition:
    """The one sensor that starts again, for every organization, what time heals.

    A disabled organization is looked after too: its schedule is off, and what a person starts by
    hand is retried like any other run.

    Args:
        organizations: All organizations by name.
        locks: Gives the folder of locks of an organization.
        jobs: Both jobs of every organization.
        tidy: Called for each organization, again and again: removes what is kept for a time only.
    """

    @dg.sensor(
        name="retries",
        description="Starts again what failed and time heals, with growing delays.",
        jobs=list(jobs),
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def retries(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        now = datetime.now(UTC)
        looks = [_look_at(context, each, locks, tidy, now) for each in organizations.values()]
        if requests := [look.request for look in looks if look.request]:
            return dg.SensorResult(run_requests=requests)
        words = "\n".join(look.words for look in looks) or "there is no organization yet"
        if any(look.broken for look in looks):
            raise RuntimeError(words)
        return dg.SensorResult(skip_reason=words)

    return retries


@dataclass(frozen=True)
class _Look:
    """What the sensor found of one organization."""

    words: str
    request: dg.RunRequest | None = None
    broken: bool = False


def _look_at(
    context: dg.SensorEvaluationContext,
    organization: Organization,
    locks: Callable[[str], Path],
    tidy: Callable[[str], object],
    now: datetime,
) -> _Look:
    """Decides for one organization; its trouble is in the result, and stops no other one."""
    name = organization.name
    try:
        lock.end_orphaned_runs_when_idle(context.instance, locks(name), name)
        tidy(name)
        day, decision = _decide_for(context.instance, organization, now)
    except Exception as error:
        context.log.exception(f"{name}: its runs could not be looked at")
        return _Look(f"{name}: its runs could not be looked at: {error!r}", broken=True)
    words = f"{name}: {decision.words}"
    if isinstance(decision, Nothing | Wait):
        return _Look(words)
    context.log.info(words)
    return _Look(words, _request(name, day, decision))


def _decide_for(
    instance: dg.DagsterInstance, organization: Organization, now: datetime
) -> tuple[date, Decision]:
    """Decides for today or, as long as today has had no run, for what yesterday left open."""
    name, today = organization.name, organization.today(now)
    day, runs = today, runs_of(instance, name, today)
    if not runs and (left := runs_of(instance, name, today - timedelta(days=1))):
        day, runs = today - timedelta(days=1), left
    day_ends = datetime.combine(day + timedelta(days=1), time.min, tzinfo=organization.zone)
    return day, decide(name, day, runs, now=now, day_ends=day_ends)


def runs_of(instance: dg.DagsterInstance, organization: str, day: date) -> list[RunFacts]:
    """The runs of an organization's day, oldest first."""
    of_the_day = {tags.ORGANIZATION: organization, tags.PARTITION: str(day)}
    records = instance.get_run_records(dg.RunsFilter(tags=of_the_day), ascending=True)
    return [_facts(record) for record in records]


def _facts(record: dg.RunRecord) -> RunFacts:
    run = record.dagster_run
    retry_at = run.tags.get(tags.RETRY_AT)
    ended = record.end_time
    return RunFacts(
        run_id=run.run_id,
        job=run.job_name,
        status=run.status,
        chain=run.tags.get(tags.CHAIN, run.run_id),
        attempt=int(run.tags.get(tags.TRY, "1")),
        created=record.create_timestamp,
        ended=datetime.fromtimestamp(ended, UTC) if ended else record.update_timestamp,
        failure=run.tags.get(tags.FAILURE),
        retry_at=datetime.fromisoformat(retry_at) if retry_at else None,
    )


def _request(organization: str, day: date, decision: Retry | Resolve) -> dg.RunRequest:
    job = sync_job if isinstance(decision, Retry) else resolve_job
    # The tag names the partition beside its key, so that Dagster does not look the key up here: an
    # organization whose first day has moved would fail the evaluation for all of them.
    return dg.RunRequest(
        run_key=decision.run_key,
        job_name=job(organization),
        partition_key=str(day),
        tags={**decision.tags, tags.PARTITION: str(day)},
    )
