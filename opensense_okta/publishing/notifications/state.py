"""Notifications of an organization's syncs: one per incident, and one when everything is normal again.

`notices.json` in the organization's folder of the lake stores what each target of `notify` has received.
An incident that continues is sent again after a week; a new incident is sent at once. A target that could
not be reached has received nothing: it is tried again the next time, with what is wrong then.

A target is stored under the place of its secret (`environment variable ACME_PAGER`), never under its
URL, which is a secret.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import ClassVar, Final, Literal

from filelock import FileLock, Timeout
from pydantic import AwareDatetime, BaseModel, ConfigDict

from opensense_okta.config.errors import UserError
from opensense_okta.config.secret import Secret
from opensense_okta.config.text import plural
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.publishing.publish import Held
from opensense_okta.publishing.published import Published, published
from opensense_okta.storage.file_errors import reading_refused
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import IfDamaged, seen_state, write_state
from opensense_okta.storage.store import Version

STATE: Final = "notices.json"

Kind = Literal["failed", "held", "late", "unreadable", "file", "retention"]

REMINDER: Final = timedelta(days=7)
"""When an incident that continues is sent again. A daily message would be filtered by its readers."""

_SUBJECTS: Final[Mapping[Kind, str]] = {
    "failed": "the sync of {day} failed",
    "held": "{day} is held back",
    "late": "{day} is late",
    "unreadable": "its stored data cannot be read",
    "file": "the organization file has mistakes",
    "retention": "expired data was not deleted",
}


@dataclass(frozen=True)
class Incident:
    """One cause for which a day is not as it should be.

    Attributes:
        kind: what became of the day.
        key: what makes it the same cause tomorrow: its nature and place, without numbers.
        day: of the organization.
        what, means, remedy: in words, with counts only; `means` and `remedy` may be empty.
        run_id: where the UI shows more; None: there is no such run.
        directory: whose read failed; empty: another step failed.
    """

    kind: Kind
    key: str
    day: date
    what: str
    means: str = ""
    remedy: str = ""
    run_id: str | None = None
    directory: str = ""

    @property
    def subject(self) -> str:
        """What became of the day, in a few words."""
        place = f" ({self.directory})" if self.directory else ""
        return f"{_SUBJECTS[self.kind].format(day=self.day)}{place}"


@dataclass(frozen=True)
class Status:
    """What is wrong with an organization now.

    Attributes:
        today: the organization's day.
        troubles: the known incidents.
        complete: whether nothing else is wrong; False while a sync is running.
    """

    today: date
    troubles: tuple[Incident, ...]
    complete: bool


class Notified(BaseModel):
    """An incident that a target was notified of.

    Attributes:
        since: the first day of the incident.
        at: when the target was notified last.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    since: date
    at: AwareDatetime


class NotificationState(BaseModel):
    """What each target was notified of, by the incident's key, and when Dagster's daemon last looked."""

    model_config = ConfigDict(frozen=True)
    IF_DAMAGED: ClassVar = IfDamaged(
        "What is wrong now is sent once more to every target.",
        "nothing: the next notification writes it.",
    )

    looked: AwareDatetime | None = None
    targets: Mapping[str, Mapping[str, Notified]] = {}


@dataclass(frozen=True)
class Message:
    """One message to one target.

    Attributes:
        kind: of the incident; `normal`: everything is normal again.
        then: what the target was notified of once it has received the message.
    """

    subject: str
    body: str
    kind: Kind | Literal["normal"]
    then: Mapping[str, Notified]


@dataclass(frozen=True)
class Outbox:
    """The messages that one target is to receive now.

    Attributes:
        number: the target's position in `notify`, counted from 1.
        before: what the target was notified of before.
        messages: in the order in which they are sent.
    """

    target: Secret
    number: int
    before: Mapping[str, Notified]
    messages: tuple[Message, ...]

    def known_after(self, delivered: int) -> Mapping[str, Notified]:
        """What the target was notified of once it has received the first `delivered` messages."""
        return self.messages[delivered - 1].then if delivered else self.before


def held_back(
    organization: str, judgement: Judgement, last: Published | None, run_id: str | None = None
) -> Incident:
    """The incident of a day that is held back. Its key names the guards and checks, without numbers."""
    held = Held(organization, judgement, last)
    tripped = {
        *(f"{one.name}/{one.directory or ''}" for one in judgement.unproven),
        *(f"{one.name}/{one.directory or ''}/{one.attribute or ''}" for one in judgement.tripped),
    }
    return Incident(
        kind="held",
        key=f"held {' '.join(sorted(tripped))}",
        day=judgement.day,
        what="\n".join(judgement.reasons),
        remedy=held.remedy,
        run_id=run_id,
    )


def unreadable(today: date, error: UserError | OSError) -> Status:
    """The status of an organization whose stored data cannot be read."""
    key = f"unreadable {type(error).__name__}"
    refused = reading_refused(error) if isinstance(error, OSError) else error
    incident = Incident("unreadable", key, today, refused.message, refused.impact, refused.remedy)
    return Status(today, (incident,), complete=False)


def file_mistaken(error: OrganizationFileError, today: date, *, is_synced: bool) -> Incident:
    """The incident of an organization file with mistakes.

    Args:
        error: the mistakes.
        today: the organization's day.
        is_synced: whether the last valid version of the file counts.
    """
    mistakes = "; ".join(sorted(str(mistake) for mistake in error.mistakes))
    impact = (
        "The last valid version of the file counts until then."
        if is_synced
        else "Nothing is synced until then; the published directory stays as it is."
    )
    return Incident(
        kind="file",
        key=f"file {hashlib.sha256(mistakes.encode()).hexdigest()[:12]}",
        day=today,
        what=str(error),
        means=impact,
        remedy=f"correct {error.path.name}, then reload the definitions in Dagster's UI.",
    )


@contextmanager
def exclusive(lake: Lake, timeout: timedelta) -> Iterator[bool]:
    """Locks the organization's notifications; False: another process held the lock until the timeout.

    The lock is held from reading the state until the new state is stored, so that nothing is sent twice.
    """
    lock = FileLock(
        lake.notifications_lock,
        mode=0o600,
        is_singleton=False,
        thread_local=False,
        fallback_to_soft=False,
    )
    try:
        lock.acquire(timeout=timeout.total_seconds())
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def stored_state(lake: Lake) -> tuple[NotificationState, Version]:
    """What the organization's targets were notified of, and the version over which `save` writes."""
    seen = seen_state(lake.store, STATE, NotificationState)
    return seen.content or NotificationState(), seen.version


def pending(
    lake: Lake, targets: tuple[Secret, ...], known: NotificationState, news: Status, now: datetime
) -> list[Outbox]:
    """The messages that each target of the organization is to receive now; often none.

    Args:
        lake: of the organization.
        targets: the organization's `notify`.
        known: what they were notified of.
        news: what is wrong with the organization now.
        now: the time, with its time zone.
    """
    published_state = _published_day(lake, news.today)
    return [
        _outbox(
            lake.organization,
            target,
            number,
            known.targets.get(str(target), {}),
            news,
            published_state,
            now,
        )
        for number, target in enumerate(targets, start=1)
        if target not in targets[: number - 1]
    ]


def save(
    lake: Lake, posts: Iterable[tuple[Outbox, int]], looked: datetime | None, over: Version
) -> None:
    """Stores what was sent, in one step, and removes targets that have no outbox.

    Args:
        lake: of the organization.
        posts: each outbox with the number of its messages that were delivered.
        looked: when Dagster's daemon last looked.
        over: the version that was read before.

    Raises:
        Changed: another process stored what it sent since the version `over`.
    """
    write_state(lake.store, STATE, state_after(posts, looked), over)


def state_after(posts: Iterable[tuple[Outbox, int]], looked: datetime | None) -> NotificationState:
    """What the targets have received, as `save` stores it."""
    targets = {str(post.target): post.known_after(delivered) for post, delivered in posts}
    return NotificationState(
        looked=looked, targets={name: known for name, known in targets.items() if known}
    )


def _outbox(
    organization: str,
    target: Secret,
    number: int,
    known: Mapping[str, Notified],
    news: Status,
    published_state: str,
    now: datetime,
) -> Outbox:
    if news.complete and not news.troubles and known:
        over = _all_well(organization, known, published_state)
        return Outbox(target, number, known, (over,))
    current = {trouble.key for trouble in news.troubles}
    kept = {key: sent for key, sent in known.items() if key in current or not news.complete}
    messages = tuple(_troubled(organization, news.troubles, kept, published_state, now))
    return Outbox(target, number, kept, messages)


def _troubled(
    organization: str,
    troubles: tuple[Incident, ...],
    known: Mapping[str, Notified],
    published_state: str,
    now: datetime,
) -> Iterator[Message]:
    """A message for each incident that is new, or was sent a week ago."""
    for trouble in troubles:
        earlier = known.get(trouble.key)
        if earlier and now - earlier.at < REMINDER:
            continue
        since = earlier.since if earlier else trouble.day
        known = {**known, trouble.key: Notified(kind=trouble.kind, since=since, at=now)}
        still = f", as since {since}" if earlier else ""
        yield Message(
            subject=f"{organization}: {trouble.subject}{still}",
            body="\n".join(
                [
                    trouble.what,
                    *([trouble.means] if trouble.means else []),
                    published_state,
                    *([f"What to do: {trouble.remedy}"] if trouble.remedy else []),
                    *(
                        [f"The run in Dagster's UI: /runs/{trouble.run_id}"]
                        if trouble.run_id
                        else []
                    ),
                ]
            ),
            kind=trouble.kind,
            then=known,
        )


def _all_well(organization: str, known: Mapping[str, Notified], published_state: str) -> Message:
    over = dict.fromkeys(_SUBJECTS[sent.kind].format(day=sent.since) for sent in known.values())
    return Message(
        subject=f"{organization}: back to normal",
        body=f"What was reported is over: {'; '.join(over)}.\n{published_state}\nThere is nothing to do.",
        kind="normal",
        then={},
    )


def _published_day(lake: Lake, today: date) -> str:
    try:
        return _published(published(lake), today)
    except (OSError, UserError):
        return "What is published cannot be read."


def _published(last: Published | None, today: date) -> str:
    """The published day, its age, and the directories whose data is older."""
    if last is None:
        return "Nothing is published yet."
    age = today - last.day
    old = f"{plural(age.days, 'day')} old" if age else "today's"
    older = "".join(
        f", with {directory} as it was on {source.as_of}"
        for directory, source in last.resolved.sources.items()
        if source.as_of < last.day
    )
    return f"Published is the directory of {last.day} ({old}){older}."
