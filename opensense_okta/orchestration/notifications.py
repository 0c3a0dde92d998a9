"""Who tells people of failed, held and late days, and that it is over: whoever looks.

The sensor `notices` looks for all organizations while Dagster's daemon runs, and the commands `sync` and
`approve` look for theirs when their run has ended, so that syncs from cron need no daemon. How a day
stands is read from its runs (`outcomes.py`); what is told of it, once per cause whoever looks, is in
`publishing/notices.py`. Like the retry sensor this one keeps nothing of its own.

Without the daemon nobody looks between two syncs, so nobody is told that a day is late. Once it is
back, a day counts as late only at the second look, after the schedule has caught up.
"""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.orchestration.run_status import status_of
from opensense_okta.publishing.notifications.delivery import PATIENCE, Delivery, deliver
from opensense_okta.publishing.notifications.state import (
    NotificationState,
    Outbox,
    exclusive,
    memory,
    pending,
    save,
)
from opensense_okta.storage.lake import Lake

DOWN_AFTER: Final = timedelta(hours=1)
"""After how long without a look the daemon must have been down."""

NOT_AT_ALL: Final = timedelta(0)

# What went wrong is in the words that the command shows.
_UNSHOWN: Final = logging.getLogger(__name__)
_UNSHOWN.addHandler(logging.NullHandler())


def build_notice_sensor(
    organizations: Mapping[str, Organization], lakes: Callable[[str], Lake]
) -> dg.SensorDefinition:
    """The one sensor that tells people how their organizations' days end.

    Args:
        organizations: all organizations by name; those without `notify` are left alone.
        lakes: gives the lake of an organization.
    """
    watched = [each for each in organizations.values() if each.notify]

    @dg.sensor(
        name="notices",
        description="Tells of failed, held and late days, once per cause, and when it is over.",
        minimum_interval_seconds=600,
        default_status=dg.DefaultSensorStatus.RUNNING,
    )
    def notices(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        teller = _Sender(context.instance, lakes, context.log, daemon=True).tell(watched)
        if teller.broken:
            raise RuntimeError("\n".join(teller.broken + teller.told))
        return dg.SkipReason("\n".join(teller.told) or "nothing new to tell")

    return notices


def tell_after_run(
    instance: dg.DagsterInstance, organization: Organization, lake: Lake
) -> list[str]:
    """Tells how an organization stands after a run that a command has started; what was done, in words.

    Nothing that goes wrong here changes how the command ends.
    """
    teller = _Sender(instance, lambda _name: lake, _UNSHOWN, daemon=False).tell([organization])
    return teller.broken + teller.told


@dataclass(frozen=True)
class _Observation:
    """What was found of one organization, and what its targets are to be told."""

    organization: str
    lake: Lake
    known: NotificationState
    posts: Sequence[Outbox]


class _Sender:
    """Looks at organizations and tells what is new; once per cause, whoever else looks.

    Attributes:
        told: what was done, in words.
        broken: what went wrong.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        lakes: Callable[[str], Lake],
        log: logging.Logger,
        *,
        daemon: bool,
    ) -> None:
        self.told: list[str] = []
        self.broken: list[str] = []
        self._instance = instance
        self._lakes = lakes
        self._log = log
        self._daemon = daemon  # comes again in ten minutes, and retries what failed
        self._now = datetime.now(UTC)

    def tell(self, organizations: Sequence[Organization]) -> "_Sender":
        """Delivers everything at once, and notes what arrived."""
        with ExitStack() as locks:
            looks = [look for each in organizations if (look := self._look_at(each, locks))]
            deliveries = iter(deliver([post for look in looks for post in look.posts]))
            for look in looks:
                self._note(look, [(post, next(deliveries)) for post in look.posts])
        return self

    def _look_at(self, organization: Organization, locks: ExitStack) -> _Observation | None:
        """Looks at one organization; its trouble is told in words, and stops no other one."""
        name = organization.name
        try:
            lake = self._lakes(name)
            # A command waits, because whoever is telling now may have looked before its run ended.
            if not locks.enter_context(
                exclusive(lake, NOT_AT_ALL if self._daemon else 2 * PATIENCE)
            ):
                self.told.append(f"{name}: somebody else is telling just now")
                return None
            known = memory(lake)
            watched = known.looked is not None and self._now - known.looked < DOWN_AFTER
            retried = watched or self._daemon
            news = status_of(
                self._instance, organization, lake, self._now, watched=watched, retried=retried
            )
            posts = pending(lake, organization.notify, known, news, self._now)
            return _Observation(name, lake, known, posts)
        except Exception as error:  # noqa: BLE001  # whatever it is, the others are told
            self._broke(f"{name}: how its day stands could not be found out", error)
            return None

    def _note(self, look: _Observation, done: Sequence[tuple[Outbox, Delivery]]) -> None:
        said = [*_said(look.organization, done)]
        for line in said:
            self._log.info(line)
        self.told += said
        looked = self._now if self._daemon else look.known.looked
        try:
            save(look.lake, [(post, one.delivered) for post, one in done], looked)
        except OSError as error:
            self._broke(f"{look.organization}: what was told could not be noted", error)

    def _broke(self, words: str, error: Exception) -> None:
        self._log.exception(words)
        self.broken.append(f"{words}: {error!r}")


def _said(organization: str, done: Sequence[tuple[Outbox, Delivery]]) -> Iterator[str]:
    for post, delivery in done:
        for letter in post.letters[: delivery.delivered]:
            yield f"told target {post.number} of `notify`: {letter.subject}"
        if delivery.trouble:
            yield (
                f"{organization}: target {post.number} of `notify` {delivery.trouble}; it is tried again"
                " at the next look"
            )
