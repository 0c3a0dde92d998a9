"""Decides which failed run of a day is started again, and when it is given up: a pure function.

The decision follows from the runs of the day and the time alone, so a restarted daemon decides the same.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Final

from opensense_okta.directories.read import READ_AFTER_MIDNIGHT
from opensense_okta.orchestration import names
from opensense_okta.orchestration.runs import (
    CANCELED,
    FAILURE,
    READ,
    SUCCESS,
    Asset,
    AttemptGroup,
    RunFacts,
    open_groups,
    step_of,
    steps_of,
)

DELAYS: Final = tuple(timedelta(minutes=minutes) for minutes in (1, 5, 15, 30, 60))
"""How long to wait after the first, the second, … failed attempt.

A restarted service is available within minutes; an outage takes an hour or two. The attempts cover
nearly two hours, so that the nightly sync has ended or failed before people start to work.
"""

MAX_ATTEMPTS: Final = len(DELAYS) + 1

Config = Mapping[str, object]
NextTick = Callable[[datetime], datetime]
"""Returns when the schedule ticks first after a moment."""


@dataclass(frozen=True)
class Nothing:
    """Nothing is left to do."""

    words: str


@dataclass(frozen=True)
class Wait:
    """The next step is later, or follows a run that has not ended."""

    words: str


@dataclass(frozen=True)
class Selection:
    """What a run makes, if it is not everything of its job."""

    assets: frozenset[Asset]
    checks: frozenset[tuple[Asset, str]] | None = None


@dataclass(frozen=True)
class Retry:
    """What the failed run selected is made again.

    Attributes:
        selection: None: the whole job.
        config: the run configuration of the failed run, without approvals.
    """

    words: str
    run_key: str
    tags: Mapping[str, str]
    selection: Selection | None = None
    config: Config = field(default_factory=dict)


@dataclass(frozen=True)
class Resolve:
    """The resolving job is started: it uses the snapshots that are stored.

    The attributes are those of `Retry`.
    """

    words: str
    run_key: str
    tags: Mapping[str, str]
    selection: Selection | None = None
    config: Config = field(default_factory=dict)


Decision = Nothing | Wait | Retry | Resolve


def decide(
    organization: str,
    day: date,
    runs: Sequence[RunFacts],
    *,
    now: datetime,
    day_ends: datetime,
    next_sync: str = "the schedule starts it",
    superseded: bool = False,
    next_tick: NextTick | None = None,
) -> Decision:
    """Decides what follows for an organization's day, from its runs and the time alone.

    Args:
        organization: the organization's name.
        day: the day, in the organization's time zone.
        runs: the runs of that day, in any order.
        now: the time, with its time zone.
        day_ends: the first moment of the next day, in the organization's time zone.
        next_sync: says what starts the first sync of the day.
        superseded: whether a later day has had its sync: then the day's own sync is left alone. A run
            that was started for the day when it was over is completed all the same.
        next_tick: with several ticks a day: when the next one is. None: no other sync of the day follows.
    """
    groups = [
        group for group in open_groups(runs) if not superseded or group.runs[0].created >= day_ends
    ]
    decisions = [
        decide_for_group(organization, day, group, now=now, day_ends=day_ends, next_tick=next_tick)
        for group in groups
    ]
    for kind in (Wait,) if any(group.unfinished for group in groups) else (Retry | Resolve, Wait):
        for decision in decisions:
            if isinstance(decision, kind):
                return decision
    for decision, group in zip(decisions, groups, strict=True):
        if group.last.status is not SUCCESS:
            return decision
    if superseded:
        return Nothing(f"{day} is over")
    if any(run.reads for run in runs):
        return decisions[0]
    return Nothing(f"{day} has had no sync yet: {next_sync}")


def decide_for_group(
    organization: str,
    day: date,
    group: AttemptGroup,
    *,
    now: datetime,
    day_ends: datetime,
    next_tick: NextTick | None = None,
) -> Decision:
    """Decides what follows the runs of one attempt group; the arguments are those of `decide`."""
    if run := group.unfinished:
        status = run.status.value.lower().replace("_", " ")
        return Wait(f"run {run.run_id} for {day} is {status}")
    return _Attempts(organization, day, day_ends, group, next_tick).next(now)


@dataclass(frozen=True)
class _Attempts:
    """The attempts of one group, and what follows them."""

    organization: str
    day: date
    day_ends: datetime
    group: AttemptGroup
    next_tick: NextTick | None

    def next(self, now: datetime) -> Decision:
        """What follows the runs so far, which have all ended."""
        last = self.group.last
        if last.reads:
            return self._after_sync(last, now)
        if self._sync_failed and last.status is not CANCELED and not self._given_up(now):
            return self._retry_sync(now)
        return self._after_resolve(last, now)

    def _after_sync(self, last: RunFacts, now: datetime) -> Decision:
        if end := _END_AFTER_SYNC.get(_outcome(last)):
            return Nothing(end.format(day=self.day, run=self._run))
        reason = self._given_up(now)
        if reason is None:
            return self._retry_sync(now)
        if self._whole:
            return self._resolve(
                last,
                f"{self._run} of {self.day} failed and is not retried: {reason}; the stored snapshots of"
                " all directories are resolved instead",
            )
        if reason == _OVER and self._resolvable:
            return self._resolve_later(
                last, now, f"{self._run} of {self.day} failed, and a day that is over is not read"
            )
        return Nothing(f"{self._run} of {self.day} failed and is not retried: {reason}")

    def _retry_sync(self, now: datetime) -> Decision:
        last = self.group.syncs[-1]
        start, number = _next_attempt(self.group.syncs)
        words = f"{self._run} of {self.day} failed: attempt {number} of {MAX_ATTEMPTS}"
        if now < start:
            return Wait(f"{words} starts at {self._clock(start)}")
        assets = self.group.assets
        return Retry(
            f"{words} starts",
            f"{self._key}/{number}",
            self._tags(number),
            _selection(last, assets, names.sync_job(self.organization)),
            config_of(last.config, assets),
        )

    def _after_resolve(self, last: RunFacts, now: datetime) -> Decision:
        if end := self._end_after_resolve(last):
            reason = self._given_up(now) if self._sync_failed else None
            return Nothing(f"{end}; its sync is not retried: {reason}" if reason else end)
        return self._resolve_later(last, now, f"resolving {self.day} failed")

    def _end_after_resolve(self, last: RunFacts) -> str | None:
        if last.status is SUCCESS and last.job == names.approve_job(self.organization):
            return f"{self.day} was approved by a person and is published"
        if end := _END_AFTER_RESOLVE.get(_outcome(last)):
            return end.format(day=self.day)
        if _attempts(self.group.resolves) >= MAX_ATTEMPTS:
            return f"resolving {self.day} failed {MAX_ATTEMPTS} times and is not retried"
        return None

    def _given_up(self, now: datetime) -> str | None:
        """Why the sync is not retried; None as long as it is."""
        if self.group.syncs[-1].failure == names.PERMANENT:
            return "the error is permanent: a person must fix its cause"
        if _attempts(self.group.syncs) >= MAX_ATTEMPTS:
            return f"all {MAX_ATTEMPTS} attempts failed"
        start, _ = _next_attempt(self.group.syncs)
        begun_in_time = self.group.runs[0].created < self.day_ends
        until = self.day_ends + (READ_AFTER_MIDNIGHT if begun_in_time else timedelta())
        if max(start, now) >= until:
            return _OVER
        # Its sync takes over, so that the other directories would wait as long as one of them fails.
        tick = self.next_tick(self.group.syncs[-1].ended) if self.next_tick else None
        if tick is not None and tick <= start and tick < self.day_ends:
            return (
                f"the schedule starts the next sync at {self._clock(tick)}, before the next attempt"
            )
        return None

    def _resolve_later(self, last: RunFacts, now: datetime, words: str) -> Decision:
        start, _ = _next_attempt(self.group.resolves or [last])
        number = _attempts(self.group.resolves) + 1
        words = f"{words}: attempt {number} of {MAX_ATTEMPTS}"
        if now < start:
            return Wait(f"{words} starts at {self._clock(start)}")
        return self._resolve(last, f"{words} starts")

    def _resolve(self, last: RunFacts, words: str) -> Resolve:
        number, job = _attempts(self.group.resolves) + 1, names.resolve_job(self.organization)
        return Resolve(
            words,
            f"{self._key}/resolve/{number}",
            self._tags(number),
            None if self._whole else _selection(last, self._resolvable, job),
            config_of(last.config, self._resolvable),
        )

    @property
    def _resolvable(self) -> frozenset[Asset]:
        return frozenset(asset for asset in self.group.assets if step_of(asset).rank > READ)

    @property
    def _sync_failed(self) -> bool:
        syncs = self.group.syncs
        return bool(syncs) and syncs[-1].status is FAILURE and syncs[-1].failure != names.HELD

    @property
    def _whole(self) -> bool:
        """Whether the group is a sync of everything: it goes on to resolve."""
        job = names.sync_job(self.organization)
        return any(run.whole and run.job == job for run in self.group.runs)

    @property
    def _run(self) -> str:
        return "the sync" if self.group.publishes else "the run"

    @property
    def _key(self) -> str:
        return f"{self.organization}/{self.day}/{self.group.id}"

    def _tags(self, number: int) -> dict[str, str]:
        tags = {names.ORGANIZATION: self.organization, names.ATTEMPT_GROUP: self.group.id}
        return tags | ({names.ATTEMPT: str(number)} if number > 1 else {})

    def _clock(self, moment: datetime) -> str:
        return f"{moment.astimezone(self.day_ends.tzinfo):%H:%M %Z}"


_OVER: Final = "the time to read the day ends before the next attempt"
_HELD: Final = (
    "guards or data checks hold {day} back: it is not retried; they check the next sync again"
)
_END_AFTER_SYNC: Final = {
    SUCCESS.value: "{day} is done",
    CANCELED.value: "{run} of {day} was canceled by a person and is not retried",
    names.HELD: _HELD,
}
_END_AFTER_RESOLVE: Final = {
    SUCCESS.value: "{day} was resolved from the stored snapshots",
    CANCELED.value: "resolving {day} was canceled by a person and is not retried",
    names.HELD: _HELD,
    names.PERMANENT: "resolving {day} failed with a permanent error and is not retried",
}


def config_of(config: Config, assets: frozenset[Asset]) -> Config:
    """A run configuration for these assets, without approvals: a person gives one for one run."""
    ops = config.get("ops")
    if not isinstance(ops, Mapping):
        return config
    wanted = {step.op for step in steps_of(assets)}
    kept = {op: _unapproved(settings) for op, settings in ops.items() if op in wanted}
    others = {name: value for name, value in config.items() if name != "ops"}
    return others | ({"ops": kept} if kept else {})


def _unapproved(settings: object) -> object:
    if not isinstance(settings, Mapping) or not isinstance(settings.get("config"), Mapping):
        return settings
    kept = {name: value for name, value in settings["config"].items() if name in _REPEATED}
    return {**settings, "config": kept}


_REPEATED: Final = {"full", "even_if_older"}
"""The options of a step that a retry repeats; all others are of an approval."""


def _selection(run: RunFacts, assets: frozenset[Asset], job: str) -> Selection | None:
    """What of a run is made again by a job; None if it is everything of the job."""
    if run.job == job and run.whole and assets >= run.assets:
        return None
    checks = run.checks
    if checks is not None:
        checks = frozenset((asset, name) for asset, name in checks if asset in assets)
    return Selection(assets, checks)


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
