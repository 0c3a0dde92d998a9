"""Sends notifications of failed, held and late days, and of their end.

The sensor `notices` evaluates all organizations while Dagster's daemon runs. The commands `sync` and
`approve` evaluate theirs when their run has ended, so that syncs from cron need no daemon. `run_status.py`
reads the status of a day from its runs; `publishing/notifications` decides what is sent, once per cause
whichever process evaluates it. Where `notices.json` cannot be read or
written, the sensor keeps in its cursor what was sent; a command may send a message twice.

Without the daemon nothing is evaluated between two syncs, so a late day is not reported. After a restart
a day counts as late from the second evaluation on, when the schedule has caught up.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import Final

import dagster as dg
from pydantic import TypeAdapter

from opensense_okta.config.errors import UserError
from opensense_okta.config.load import notify_targets
from opensense_okta.config.models import Organization
from opensense_okta.config.secret import Secret
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.orchestration import names
from opensense_okta.orchestration.retries import retries_are_on
from opensense_okta.orchestration.run_status import retention_failed, status_of
from opensense_okta.publishing.notifications.delivery import DELIVERY_TIMEOUT, Delivery, deliver
from opensense_okta.publishing.notifications.state import (
    Incident,
    NotificationState,
    Outbox,
    Status,
    exclusive,
    file_mistaken,
    pending,
    save,
    state_after,
    stored_state,
    unreadable,
)
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.store import Version

DOWN_AFTER: Final = timedelta(hours=1)
"""The daemon was down if its last evaluation is older."""

_STATES: Final = TypeAdapter(dict[str, NotificationState])

NO_WAIT: Final = timedelta(0)

# The command prints the errors itself.
_SILENT_LOG: Final = logging.getLogger(__name__)
_SILENT_LOG.addHandler(logging.NullHandler())


def build_notice_sensor(
    organizations: Mapping[str, Organization],
    lakes: Callable[[str], Lake],
    mistakes: Mapping[str, OrganizationFileError] = MappingProxyType({}),
) -> dg.SensorDefinition:
    """The sensor that sends the notifications of all organizations.

    Args:
        organizations: all organizations by name; those without `notify` are skipped.
        lakes: returns the lake of an organization.
        mistakes: the organizations whose files have mistakes; those with a last valid file are in
            `organizations`, too.
    """
    notified = [organization for organization in organizations.values() if organization.notify]

    @dg.sensor(
        name=names.NOTICES,
        description="Sends a notification when a day failed, is held back or is late, once per cause, and"
        " another one when all of it is over.",
        minimum_interval_seconds=600,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def notices(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        sender = _Sender(
            context.instance,
            lakes,
            context.log,
            daemon=True,
            unsaved=_STATES.validate_json(context.cursor or "{}"),
        )
        sender.send(notified, mistakes)
        context.update_cursor(_STATES.dump_json(sender.unsaved).decode())
        if sender.errors:
            raise RuntimeError("\n".join(sender.errors + sender.sent))
        return dg.SkipReason("\n".join(sender.sent) or "nothing new to report")

    return notices


def notify_after_run(
    instance: dg.DagsterInstance, organization: Organization, lake: Lake
) -> list[str]:
    """Sends an organization's notifications after a run that a command started.

    An error here does not change how the command ends.

    Returns:
        What was sent, and the errors.
    """
    sender = _Sender(instance, lambda _name: lake, _SILENT_LOG, daemon=False)
    sender.send([organization])
    return sender.errors + sender.sent


def notify_of_refusal(
    organization: Organization, lake: Lake, day: date, error: UserError
) -> list[str]:
    """Sends that a sync failed whose run Dagster could not record, as on a full disk.

    Neither Dagster's storage nor the lake need be writable: without a lock or a stored state a message may
    be sent twice.

    Returns:
        What was sent, and the errors.
    """
    incident = Incident(
        "failed", "failed without a run", day, error.message, error.impact, error.remedy
    )
    try:
        state, over = stored_state(lake)
        outboxes = pending(
            lake,
            organization.notify,
            state,
            Status(day, (incident,), complete=False),
            datetime.now(UTC),
        )
    except (OSError, UserError) as unreadable:
        return [f"{organization.name}: no notification was sent: {unreadable}"]
    delivered = list(zip(outboxes, deliver(outboxes), strict=True))
    posts = [(outbox, result.delivered) for outbox, result in delivered]
    with suppress(OSError, UserError):  # the object store may not answer, either
        save(lake, posts, state.looked, over)
    return list(_describe(organization.name, delivered))


def current_status(
    instance: dg.DagsterInstance,
    organization: Organization,
    mistakes: OrganizationFileError | None,
    lake: Lake,
    now: datetime,
    *,
    watched: bool,
) -> Status:
    """All that is wrong with an organization: its day, its retention, its file, its stored data.

    Args:
        instance: Dagster's instance with the runs.
        organization: the organization.
        mistakes: in its file; None: there are none.
        lake: of the organization.
        now: the time, with its time zone.
        watched: whether a day may be late; see `status_of`.
    """
    try:
        status = status_of(
            instance,
            organization,
            lake,
            now,
            watched=watched,
            retried=retries_are_on(instance, now),
        )
    except (UserError, OSError) as error:
        status = unreadable(organization.today(now), error)
    retention = retention_failed(instance, organization, now)
    status = replace(status, troubles=(*status.troubles, *retention))
    if mistakes is None:
        return status
    incident = file_mistaken(mistakes, status.today, is_synced=True)
    return replace(status, troubles=(incident, *status.troubles))


@dataclass(frozen=True)
class _Observation:
    """The status of one organization as it was, and the messages to send.

    Attributes:
        over: the version over which the state is stored; None: it cannot be stored.
    """

    organization: str
    lake: Lake
    state: NotificationState
    over: Version | None
    outboxes: Sequence[Outbox]


class _Sender:
    """Evaluates organizations and sends what is new.

    Attributes:
        sent: what was sent, and what could not be delivered, one sentence each.
        errors: what failed, one sentence each.
        unsaved: the state of organizations in whose lake it cannot be stored.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        lakes: Callable[[str], Lake],
        log: logging.Logger,
        *,
        daemon: bool,
        unsaved: Mapping[str, NotificationState] = MappingProxyType({}),
    ) -> None:
        self.unsaved = dict(unsaved)
        self.sent: list[str] = []
        self.errors: list[str] = []
        self._instance = instance
        self._lakes = lakes
        self._log = log
        self._daemon = daemon  # evaluates again in ten minutes
        self._now = datetime.now(UTC)

    def send(
        self,
        organizations: Sequence[Organization],
        mistakes: Mapping[str, OrganizationFileError] = MappingProxyType({}),
    ) -> None:
        """Delivers all messages at the same time, and records the delivered ones."""
        synced = {organization.name for organization in organizations}
        with ExitStack() as locks:
            subjects = [
                *(
                    (each.name, each.notify, partial(self._status, each, mistakes.get(each.name)))
                    for each in organizations
                ),
                *(
                    (name, targets, partial(self._status_of_file, error))
                    for name, error in mistakes.items()
                    if name not in synced and (targets := notify_targets(error.path))
                ),
            ]
            observations = [
                observation
                for name, targets, status in subjects
                if (observation := self._observe(name, targets, status, locks))
            ]
            outboxes = [outbox for observation in observations for outbox in observation.outboxes]
            deliveries = iter(deliver(outboxes))
            for observation in observations:
                delivered = [(outbox, next(deliveries)) for outbox in observation.outboxes]
                self._record(observation, delivered)

    def _observe(
        self,
        name: str,
        targets: tuple[Secret, ...],
        status: Callable[[Lake, NotificationState], Status],
        locks: ExitStack,
    ) -> _Observation | None:
        """Evaluates one organization; an error is recorded, so that the others are evaluated."""
        try:
            lake = self._lakes(name)
            # A command waits: the other process may have read the runs before this one had ended.
            timeout = NO_WAIT if self._daemon else 2 * DELIVERY_TIMEOUT
            refused: list[OSError | UserError] = []
            try:
                if not locks.enter_context(exclusive(lake, timeout)):
                    self.sent.append(f"{name}: another process is sending its notifications")
                    return None
            except OSError as error:
                refused.append(error)
            try:
                state, over = stored_state(lake)
            except (OSError, UserError) as error:
                refused.append(error)
                state, over = NotificationState(), None
            state = self.unsaved.get(name, state)
            current = _with_refusals(status(lake, state), refused)
            outboxes = pending(lake, targets, state, current, self._now)
            return _Observation(name, lake, state, over, outboxes)
        except Exception as error:  # noqa: BLE001  # whatever the error is, the others are evaluated
            self._fail(f"{name}: the status of its day could not be read", error)
            return None

    def _status(
        self,
        organization: Organization,
        mistakes: OrganizationFileError | None,
        lake: Lake,
        state: NotificationState,
    ) -> Status:
        watched = state.looked is not None and self._now - state.looked < DOWN_AFTER
        return current_status(
            self._instance, organization, mistakes, lake, self._now, watched=watched
        )

    def _status_of_file(
        self, mistakes: OrganizationFileError, _lake: Lake, _state: NotificationState
    ) -> Status:
        """The status of an organization of which nothing but its file with mistakes is known."""
        today = self._now.date()
        return Status(today, (file_mistaken(mistakes, today, is_synced=False),), complete=False)

    def _record(
        self, observation: _Observation, deliveries: Sequence[tuple[Outbox, Delivery]]
    ) -> None:
        lines = [*_describe(observation.organization, deliveries)]
        for line in lines:
            self._log.info(line)
        self.sent += lines
        looked = self._now if self._daemon else observation.state.looked
        delivered = [(outbox, delivery.delivered) for outbox, delivery in deliveries]
        name = observation.organization
        try:
            if observation.over is not None:
                save(observation.lake, delivered, looked, observation.over)
                self.unsaved.pop(name, None)
                return
        except (OSError, UserError) as error:
            self._log.warning(f"{name}: what was sent could not be recorded: {error}")
        self.unsaved[name] = state_after(delivered, looked)

    def _fail(self, message: str, error: Exception) -> None:
        expected = isinstance(error, UserError)
        words = f"{message}: {error if expected else repr(error)}"
        self._log.error(words, exc_info=None if expected else error)
        self.errors.append(words)


def _with_refusals(status: Status, refused: Sequence[OSError | UserError]) -> Status:
    """The status with an incident for what could not be used to send notifications."""
    incidents = {
        incident.key: incident
        for error in refused
        for incident in unreadable(status.today, error).troubles
    }
    known = {incident.key: incident for incident in status.troubles}
    return replace(status, troubles=tuple({**incidents, **known}.values()))


def _describe(organization: str, deliveries: Sequence[tuple[Outbox, Delivery]]) -> Iterator[str]:
    for outbox, delivery in deliveries:
        for message in outbox.messages[: delivery.delivered]:
            yield f"sent to target {outbox.number} of `notify`: {message.subject}"
        if delivery.trouble:
            yield (
                f"{organization}: target {outbox.number} of `notify` {delivery.trouble}; it is retried at"
                " the next evaluation"
            )
