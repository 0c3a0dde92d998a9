"""The status of an organization's day, read from its runs: done, or with incidents to report.

- `failed`: the sync failed and is not retried. It is reported at once if the error is permanent or no
  daemon of Dagster evaluates the retry sensor; else after the last attempt. Before that, people cannot do
  anything.
- `held`: guards or data checks hold the day back; reported at once. It ends when the day is approved. If
  a later step of the approving run fails, such as an export, that is reported at once: it is not retried.
- `late`: the day is not published six hours after the schedule's first tick, and is neither failed nor held:
  the schedule is off, a run hangs, or a person canceled it. With several ticks a day also if nothing was
  published for six hours longer than the largest gap between them.
- `well`: the next sync succeeded.

It makes no difference who starts a sync: the schedule, cron, or a person.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import names
from opensense_okta.orchestration.attempts import Decision, Nothing, Resolve, decide_for_group
from opensense_okta.orchestration.failures import failure_before_steps
from opensense_okta.orchestration.retries import next_tick_of, switches
from opensense_okta.orchestration.runs import (
    CANCELED,
    FAILURE,
    SUCCESS,
    AttemptGroup,
    RunFacts,
    open_groups,
    runs_of,
)
from opensense_okta.publishing.judgement import stored_judgement
from opensense_okta.publishing.notifications.state import Incident, Status, held_back
from opensense_okta.publishing.published import published, read_publication
from opensense_okta.storage.lake import Lake

LATE_AFTER: Final = timedelta(hours=6)
"""After the schedule's tick. A long sync with all its retries takes four hours."""

RESOLVED_NEXT: Final = "The stored snapshots of all directories are resolved next."
NOT_RETRIED: Final = (
    "It is not retried, because Dagster's daemon does not run with the sensor"
    f" `{names.RETRIES}` on."
)


def status_of(
    instance: dg.DagsterInstance,
    organization: Organization,
    lake: Lake,
    now: datetime,
    *,
    watched: bool,
    retried: bool,
) -> Status:
    """Returns the status of an organization, from its runs and what is published.

    Args:
        instance: Dagster's instance with the runs.
        organization: the organization.
        lake: of the organization.
        now: the time, with its time zone.
        watched: whether the daemon evaluated the status within the last hour, so that a day may be late.
        retried: whether a daemon runs that evaluates the retry sensor.
    """
    today = organization.today(now)
    days = (today, today - timedelta(days=1))
    newest = next((day for day in days if runs_of(instance, organization, day)), today)
    day = _Day(instance, organization, lake, newest, now, retried=retried)
    incidents, complete = day.incidents(), day.complete()
    expected = _expected(organization, now)
    due = day
    if expected != newest:
        due = _Day(instance, organization, lake, expected, now, retried=retried)
    late = due.late()
    if not organization.enabled or not (late or day.overdue()):
        return Status(today, tuple(incidents), complete=complete)
    if not watched or day.just_begun():
        return Status(today, tuple(incidents), complete=False)
    lateness = due.lateness() if late else day.lateness(again=True)
    return Status(today, (*incidents, lateness), complete=complete)


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
    """One day of an organization, as its runs show it."""

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
        self._runs = runs_of(instance, organization, day)
        self._groups = open_groups(self._runs)
        self._sync = next((group for group in self._groups if group.syncs), None)

    def incidents(self) -> list[Incident]:
        """All incidents of the day that are known and to be reported."""
        return [incident for group in self._groups for incident in self._incidents_of(group) or ()]

    def complete(self) -> bool:
        """Whether the day has had a sync, and no incident is still unknown or not to be reported."""
        unknown = any(self._incidents_of(group) is None for group in self._groups)
        return any(run.reads for run in self._runs) and not unknown

    def _incidents_of(self, group: AttemptGroup) -> list[Incident] | None:
        """The incidents of one attempt group; None as long as they are unknown or not to be reported."""
        last = group.syncs[-1] if group.syncs else group.last
        if last.status is SUCCESS:
            return []
        if last.status is not FAILURE:
            return None
        if last.held:
            return self._held(last)
        decision = self._decision(group)
        if self._retried and not isinstance(decision, Nothing | Resolve):
            return None
        follows = [RESOLVED_NEXT] if isinstance(decision, Resolve) else []
        if not self._retried and not isinstance(decision, Nothing):
            follows = [NOT_RETRIED]
        return [*self._failed(last, *follows), *self._resolving_failed(group, decision)]

    def late(self) -> bool:
        """Whether the day should be published, is not, and no incident explains it."""
        last = published(self._lake)
        if self._day < self._organization.first_day or (last and last.day >= self._day):
            return False
        begun = last is not None or self._scheduled()  # a new organization is not late
        return begun and not self.incidents()

    def overdue(self) -> bool:
        """Whether the day was published, and not again at the ticks after that; no incident explains it."""
        last, organization = published(self._lake), self._organization
        if len(organization.ticks) == 1 or last is None or last.since is None or self.incidents():
            return False
        return self._now - last.since >= organization.largest_gap + LATE_AFTER

    def _due(self, *, again: bool) -> datetime:
        """The tick at which the day was to be published, or published again."""
        last = published(self._lake) if again else None
        if last is None or last.since is None:
            return _tick(self._organization, self._day)
        return self._organization.next_sync(last.since)

    def just_begun(self) -> bool:
        """Whether a sync is running that has not had six hours yet."""
        return (
            self._sync is not None
            and not isinstance(self._decision(self._sync), Nothing)
            and self._now - self._sync.syncs[0].created < LATE_AFTER
        )

    def lateness(self, *, again: bool = False) -> Incident:
        """The incident of a late day, with its cause if that is known; `again`: it was published before."""
        name, tick = self._organization.name, self._due(again=again)
        hours = int((self._now - tick).total_seconds() // 3600)
        due = f"It was due at {tick:%H:%M %Z}, {hours} hours ago"
        by_hand = f"`opensense-okta sync {name}` starts a sync now."
        if self._sync is None or (again and self._sync.syncs[-1].created < tick):
            return self._late(
                f"{due}, and no sync of it was started.",
                f"check in Dagster's UI whether the schedule {names.sync_schedule(name)} is on, and what"
                f" its last tick shows. {by_hand}",
            )
        last = self._sync.syncs[-1]
        if isinstance(self._decision(self._sync), Nothing):
            canceled = last.status is CANCELED
            ended = "was canceled by a person" if canceled else "ended without publishing it"
            return self._late(
                f"{due}; its last sync {ended}.", f"read the run in Dagster's UI. {by_hand}", last
            )
        return self._late(
            f"{due}; its sync has been running since {self._local(self._sync.syncs[0].created)}.",
            "check in Dagster's UI what the run waits for. If it hangs, end it there; the next sync"
            f" continues where it stopped. {by_hand}",
            last,
        )

    def _late(self, what: str, remedy: str, run: RunFacts | None = None) -> Incident:
        return Incident(
            "late", "late", self._day, what, remedy=remedy, run_id=run.run_id if run else None
        )

    def _scheduled(self) -> bool:
        first = self._instance.get_run_by_id(self._sync.id) if self._sync else None
        return first is not None and names.SCHEDULE in first.tags

    def _decision(self, group: AttemptGroup) -> Decision:
        organization = self._organization
        ends = organization.end_of(self._day)
        return decide_for_group(
            organization.name,
            self._day,
            group,
            now=self._now,
            day_ends=ends,
            next_tick=next_tick_of(organization, switches(self._instance)),
        )

    def _held(self, run: RunFacts) -> list[Incident] | None:
        judgement = stored_judgement(self._lake, self._day)
        if judgement is None:
            return None
        last = published(self._lake)
        publications = (last, read_publication(self._lake, self._day))
        if judgement.resolved in {publication.id for publication in publications if publication}:
            return []
        if not judgement.held:
            return None
        return [held_back(self._organization.name, judgement, last, run_id=run.run_id)]

    def _resolving_failed(self, group: AttemptGroup, decision: Decision) -> list[Incident]:
        """What failed in the resolving run that followed a sync that was given up."""
        last = group.last
        if last.reads or not group.syncs or last.status is not FAILURE:
            return []
        if last.held:
            return self._held(last) or []
        return [*self._failed(last)] if isinstance(decision, Nothing) else []

    def _failed(self, run: RunFacts, *follows: str) -> Iterator[Incident]:
        """The incidents of a run that failed; `follows` says what happens next."""
        return _FailedRun(self._instance, self._organization.name, self._day, run.run_id).incidents(
            follows
        )

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(self._organization.zone):%H:%M %Z}"


def retention_failed(
    instance: dg.DagsterInstance, organization: Organization, now: datetime
) -> list[Incident]:
    """The incidents of the organization's last retention run; none if it succeeded."""
    if not organization.retention.days and not organization.retention.snapshots:
        return []
    of_job = dg.RunsFilter(
        job_name=names.retention_job(organization.name), statuses=[SUCCESS, FAILURE]
    )
    day = organization.today(now)
    return [
        replace(incident, kind="retention", key=f"retention {incident.key}")
        for record in instance.get_run_records(of_job, limit=1)
        if record.dagster_run.status is FAILURE
        for incident in _FailedRun(
            instance, organization.name, day, record.dagster_run.run_id, "the retention"
        ).incidents()
    ]


@dataclass(frozen=True)
class _FailedRun:
    """A run of an organization that failed, as its events show it."""

    instance: dg.DagsterInstance
    organization: str
    day: date
    run_id: str
    work: str = "the sync"

    def incidents(self, follows: Sequence[str] = ()) -> Iterator[Incident]:
        """An incident for each step that failed; one if the process was killed and no step failed.

        Args:
            follows: sentences on what happens next.
        """
        steps = self.instance.all_logs(self.run_id, of_type=dg.DagsterEventType.STEP_FAILURE)
        own = f"{self.organization}__"  # a run may have steps of several organizations
        events = [
            event
            for entry in steps
            if (event := entry.dagster_event) and (event.step_key or "").startswith(own)
        ]
        for event in events:
            yield self._of_step(event, follows)
        if not events:
            yield self._failed_before_steps() or Incident(
                "failed",
                "failed killed",
                self.day,
                f"The process of the run ended before {self.work} was done.",
                " ".join(follows),
                "read the run in Dagster's UI, and check whether the machine ran out of memory.",
                self.run_id,
            )

    def _failed_before_steps(self) -> Incident | None:
        """The incident of a run that the disk refused its lock; None: its process was killed."""
        of_run = self.instance.all_logs(self.run_id, of_type=dg.DagsterEventType.RUN_FAILURE)
        events = [entry.dagster_event for entry in of_run if entry.dagster_event]
        said = next((words for event in events if (words := failure_before_steps(event))), None)
        if said is None:
            return None
        what, _, remedy = said.partition(" What to do: ")
        return Incident("failed", "failed before steps", self.day, what, "", remedy, self.run_id)

    def _of_step(self, event: dg.DagsterEvent, follows: Sequence[str]) -> Incident:
        part = names.failed_part(self.organization, event.step_key or "run")
        data = event.step_failure_data
        # Dagster wraps the exception in an error of its own, and `as_dagster_failure` in one of ours.
        error = (data.error.cause or data.error) if data.error else None
        error_class = error.cls_name if error else None
        failure = data.user_failure_data
        if failure is None:
            # The text of an unexpected error may quote personal data: only its class is reported.
            words = {
                "cause": f"{part} failed with an unexpected error ({error_class}).",
                "remedy": "read the run in Dagster's UI, and report the error.",
            }
        else:
            words = {name: str(value.value) for name, value in failure.metadata.items()}
            words["cause"] = f"{part}: {words.get('cause') or failure.description}"
        return Incident(
            "failed",
            f"failed {part} {error_class}",
            self.day,
            words["cause"],
            " ".join([words.get("meaning", ""), *follows]).strip(),
            words.get("remedy", ""),
            self.run_id,
            names.directory_of(self.organization, event.step_key or ""),
        )
