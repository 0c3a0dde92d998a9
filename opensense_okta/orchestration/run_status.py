"""How an organization's day ended, as its runs tell: well, or with what troubles that people must know of.

- **Failed** is a day once the sync is not tried again: at once when time does not heal it or Dagster's
  daemon, which retries, is not running; else after the last try. Until then nobody can do anything.
- **Held** is a day at once. It is over when the day is approved, too; what fails after that, such as its
  export, is told at once, because it is not tried again.
- **Late** is a day that is not published six hours after the schedule's tick and is neither failed nor
  held: the schedule is switched off, a run hangs, a person canceled it.
- **Well** it is after the next sync that succeeds.

It makes no difference who starts a sync: the schedule, cron, or a person.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import names as tags
from opensense_okta.orchestration.approval import approve_job
from opensense_okta.orchestration.retries import (
    Decision,
    Nothing,
    Resolve,
    RunFacts,
    decide,
    resolve_job,
    runs_of,
    sync_job,
)
from opensense_okta.publishing.judgement import stored_judgement
from opensense_okta.publishing.notifications.state import Incident, Status, held_back
from opensense_okta.publishing.published import published, read_publication
from opensense_okta.storage.lake import Lake

LATE_AFTER: Final = timedelta(hours=6)
"""After the schedule's tick. A long sync with all its retries takes four hours."""

RESOLVED_NEXT: Final = "What the other directories gave is resolved next."

SCHEDULE: Final = "dagster/schedule_name"  # as Dagster tags the runs that a schedule starts

FAILURE, SUCCESS = dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.SUCCESS


def news_of(
    instance: dg.DagsterInstance,
    organization: Organization,
    lake: Lake,
    now: datetime,
    *,
    watched: bool,
    retried: bool,
) -> Status:
    """How the organization stands, from its runs and what is published.

    Args:
        instance: that has the runs.
        organization: whose.
        lake: of the organization.
        now: the time, with its time zone.
        watched: whether the daemon has looked within the last hour, so that lateness can be told.
        retried: whether there is a daemon that tries again what failed.
    """
    today = organization.today(now)
    days = (today, today - timedelta(days=1))
    newest = next((day for day in days if runs_of(instance, organization.name, day)), today)
    found = _Day(instance, organization, lake, newest, now, retried=retried)
    troubles = found.troubles()
    expected = _expected(organization, now)
    due = found
    if expected != newest:
        due = _Day(instance, organization, lake, expected, now, retried=retried)
    if not organization.enabled or not due.late():
        return Status(today, tuple(troubles or ()), complete=troubles is not None)
    if not watched or found.just_begun():
        return Status(today, tuple(troubles or ()), complete=False)
    return Status(today, (*(troubles or ()), due.lateness()), complete=troubles is not None)


def _expected(organization: Organization, now: datetime) -> date:
    """The newest day that should be published by now."""
    latest = now - LATE_AFTER
    day = organization.today(latest)
    return day if _tick(organization, day) <= latest else day - timedelta(days=1)


def _tick(organization: Organization, day: date) -> datetime:
    """When the schedule starts the sync of a day."""
    midnight = datetime.combine(day, time.min, tzinfo=organization.zone)
    return organization.next_sync(midnight.astimezone(UTC) - timedelta(microseconds=1))


class _Day:
    """One day of an organization, as its runs tell."""

    def __init__(
        self,
        instance: dg.DagsterInstance,
        organization: Organization,
        lake: Lake,
        day: date,
        now: datetime,
        *,
        retried: bool,
    ) -> None:
        self._instance = instance
        self._organization = organization
        self._lake = lake
        self._day = day
        self._now = now
        self._retried = retried
        runs = runs_of(instance, organization.name, day)
        self._runs = sorted(runs, key=lambda run: run.created)
        syncs = [run for run in self._runs if run.job == sync_job(organization.name)]
        # As the retry sensor sees it: the chain that began last counts.
        self._chain = [*dict.fromkeys(run.chain for run in syncs)][-1] if syncs else None
        self._syncs = [run for run in syncs if run.chain == self._chain]
        self._resolves = [
            run
            for run in self._runs
            if run.job == resolve_job(organization.name) and run.chain == self._chain
        ]
        self._approvals = [
            run
            for run in self._runs
            if run.job == approve_job(organization.name)
            and any(run.created > sync.created for sync in self._syncs[-1:])
        ]

    def troubles(self) -> list[Incident] | None:
        """All that is wrong with the day; None as long as that is not known, or not to be told."""
        if not self._syncs:
            return None
        last = self._syncs[-1]
        if last.status is SUCCESS:
            return []
        if last.status is not FAILURE:
            return None
        if last.failure == tags.HELD:
            return self._held()
        if not self._given_up():
            return None
        follows = [] if isinstance(self._decision(), Nothing) else [RESOLVED_NEXT]
        failed = [replace(one, means=" ".join([one.means, *follows])) for one in self._failed(last)]
        return [*failed, *self._resolving_failed()]

    def late(self) -> bool:
        """Whether it should be published, is not, and nothing else explains why."""
        last = published(self._lake)
        if self._day < self._organization.first_day or (last and last.day >= self._day):
            return False
        begun = last is not None or self._scheduled()  # an organization is not late from the start
        return begun and not self.troubles()

    def just_begun(self) -> bool:
        """Whether a sync is going on that has had no time yet."""
        return (
            bool(self._syncs)
            and not isinstance(self._decision(), Nothing)
            and self._now - self._syncs[0].created < LATE_AFTER
        )

    def lateness(self) -> Incident:
        """Why it is late, as far as the runs tell."""
        name, tick = self._organization.name, _tick(self._organization, self._day)
        hours = int((self._now - tick).total_seconds() // 3600)
        due = f"It was due at {tick:%H:%M %Z}, {hours} hours ago"
        by_hand = f"`opensense-okta sync {name}` starts a sync now."
        if not self._syncs:
            return self._late(
                f"{due}, and no sync of it was started.",
                f"look in Dagster's UI whether the schedule {name}__daily is switched on, and what its"
                f" last tick says. {by_hand}",
            )
        if isinstance(self._decision(), Nothing):
            last = self._syncs[-1]
            canceled = last.status is dg.DagsterRunStatus.CANCELED
            ended = "was canceled by a person" if canceled else "ended without publishing it"
            return self._late(
                f"{due}; its last sync {ended}.",
                f"see in Dagster's UI what the run says. {by_hand}",
                last,
            )
        return self._late(
            f"{due}; its sync has been going on since {self._local(self._syncs[0].created)}.",
            "see in Dagster's UI what the run waits for. If it hangs, end it there; the next sync goes on"
            f" where it stopped. {by_hand}",
            self._syncs[-1],
        )

    def _late(self, what: str, remedy: str, run: RunFacts | None = None) -> Incident:
        return Incident(
            "late", "late", self._day, what, remedy=remedy, run_id=run.run_id if run else None
        )

    def _scheduled(self) -> bool:
        first = self._instance.get_run_by_id(self._chain) if self._chain else None
        return first is not None and SCHEDULE in first.tags

    def _decision(self) -> Decision:
        zone = self._organization.zone
        ends = datetime.combine(self._day + timedelta(days=1), time.min, tzinfo=zone)
        return decide(self._organization.name, self._day, self._runs, now=self._now, day_ends=ends)

    def _given_up(self) -> bool:
        """Whether nobody will start the sync again."""
        resolving = self._resolves and self._resolves[-1].created >= self._syncs[-1].created
        over = isinstance(self._decision(), Nothing | Resolve)
        return bool(resolving) or over or not self._retried

    def _held(self) -> list[Incident] | None:
        judgement = stored_judgement(self._lake, self._day)
        if judgement is None:
            return None
        last = published(self._lake)
        out = {one.id for one in (last, read_publication(self._lake, self._day)) if one}
        if judgement.resolved in out:
            return self._approving_failed()
        return [held_back(self._organization.name, judgement, last)] if judgement.held else None

    def _approving_failed(self) -> list[Incident]:
        """What went wrong once the day had been let through."""
        last = self._approvals[-1] if self._approvals else None
        if last is None or last.status is not FAILURE or last.failure == tags.HELD:
            return []
        return [*self._failed(last)]

    def _resolving_failed(self) -> list[Incident]:
        last = self._resolves[-1] if self._resolves else None
        if last is None or last.status is not FAILURE:
            return []
        if last.failure == tags.HELD:
            return self._held() or []
        return [*self._failed(last)] if isinstance(self._decision(), Nothing) else []

    def _failed(self, run: RunFacts) -> Iterator[Incident]:
        """A trouble for each step that failed; one of a killed process, in which none could."""
        steps = self._instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        events = [entry.dagster_event for entry in steps if entry.dagster_event]
        for event in events:
            yield _of_step(self._organization.name, self._day, event, run)
        if not events:
            yield Incident(
                "failed",
                "failed killed",
                self._day,
                "The process of the run ended before the sync was done.",
                remedy="see in Dagster's UI what the run says, and whether the machine ran out of memory.",
                run_id=run.run_id,
            )

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._organization.zone):%H:%M %Z}"


def _of_step(organization: str, day: date, event: dg.DagsterEvent, run: RunFacts) -> Incident:
    step = event.step_key or "run"
    where = step.removeprefix(f"{organization}__").removeprefix("read__")
    data = event.step_failure_data
    # Around what was raised Dagster wraps an error of its own, and `failures.in_words` one of ours.
    error = (data.error.cause or data.error) if data.error else None
    nature = error.cls_name if error else None
    key = f"failed {where} {nature}"
    said = data.user_failure_data
    if said is None:
        # What was not foreseen may quote anything, a person's value among it: only its class is told.
        what = f"{where} failed in a way that was not foreseen ({nature})."
        remedy = "see in Dagster's UI what the run says, and report it."
        return Incident("failed", key, day, what, remedy=remedy, run_id=run.run_id)
    words = {name: str(value.value) for name, value in said.metadata.items()}
    return Incident(
        "failed",
        key,
        day,
        f"{where}: {words.get('cause') or said.description}",
        words.get("meaning", ""),
        words.get("remedy", ""),
        run.run_id,
    )
