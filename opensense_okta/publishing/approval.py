"""Approval of a day that is held back: who approved it, and the numbers that person saw.

An approval is valid as long as the same is lost: its digest covers what holds the day back, the rules, the
limits and the publications that the day is compared with. Once one of them changes, the approval is no longer
valid. It stays on record all the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, model_validator

from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import Judgement, judge_day, stored_judgement
from opensense_okta.publishing.published import published, resolved_day
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import IfDamaged, SeenState, seen_state, write_state

APPROVAL = "approval.json"
LONGEST_NAME = 200  # characters of a name that approves

NUMBERS: Mapping[str, str] = {
    "removed": "active people, or accounts of one directory, that are gone or inactive",
    "removed_memberships": "memberships that are gone",
    "blanked": "values that became blank",
    "rewritten": "values that became other values",
    "missing": "directories that are missing",
    "correlation": "people who no longer have several accounts, or were merged with another person",
    "unproven": "checks of snapshots that did not pass",
    "uncompared": "active people of a day that cannot be compared with anything",
}
"""What each number counts, for people."""


class Approval(BaseModel):
    """Who approved which day, when, and the reasons that person saw."""

    model_config = ConfigDict(frozen=True)

    day: date
    by: Annotated[
        str, StringConstraints(strip_whitespace=True, min_length=1, max_length=LONGEST_NAME)
    ]
    when: datetime
    digest: str
    saw: tuple[str, ...]


class Approvals(BaseModel):
    """The state file of a day's approvals, oldest first.

    Version 0.1 wrote a list of approvals, and before that only the last approval.
    """

    model_config = ConfigDict(frozen=True)
    IF_DAMAGED: ClassVar = IfDamaged(
        "It approves nothing: if the day is held back, it stays so.",
        "approve the day again: `opensense-okta approve` writes the file.",
    )

    approvals: tuple[Approval, ...]

    @model_validator(mode="before")
    @classmethod
    def _from_0_1(cls, stored: object) -> object:
        match stored:
            case list():
                return {"approvals": stored}
            case {"digest": _}:
                return {"approvals": [stored]}
        return stored


class NotApproved(UserError):
    """The day was not approved; it stays as it was."""


class NumbersMissing(NotApproved):
    """The numbers that were given are not those that hold the day back."""


State = Literal["published", "not_held", "approved_before", "needs_approval", "approved"]


@dataclass(frozen=True)
class Outcome:
    """Whether a resolved day needs an approval, or what became of it.

    Attributes:
        state: `published`: the day is published as it is; `not_held`: it passed; `approved_before`:
            an earlier approval is valid; `needs_approval`: it is held back; `approved`: it was approved
            just now.
        judgement: of the day; None: it is published, and its judgement is not stored.
        approval: the valid one; None: there is none.
    """

    state: State
    judgement: Judgement | None
    approval: Approval | None = None


def review_day(
    organization: Organization, lake: Lake, day: date, *, even_if_older: bool = False
) -> Outcome:
    """Whether a resolved day needs an approval. Records nothing but the judgement.

    Args:
        organization: its limits count.
        lake: of the organization.
        day: that has been resolved.
        even_if_older: whether the day is to replace a published day that is newer.

    Raises:
        NotResolved: the day has not been resolved, or must be resolved again first.
    """
    resolved, last = resolved_day(lake, day), published(lake)
    if last is not None and last.id == resolved.id:
        judgement = stored_judgement(lake, day)
        if judgement is not None and judgement.resolved != resolved.id:
            judgement = None
        return Outcome("published", judgement, approval_of(lake, judgement) if judgement else None)
    judgement = judge_day(organization, lake, resolved, even_if_older=even_if_older)
    return check_approval(lake, judgement)


def check_approval(lake: Lake, judgement: Judgement) -> Outcome:
    """Whether a judged day needs an approval, with the valid one if there is one."""
    if not judgement.held:
        return Outcome("not_held", judgement)
    approval = approval_of(lake, judgement)
    return Outcome("approved_before" if approval else "needs_approval", judgement, approval)


def approve_day(
    organization: Organization,
    lake: Lake,
    day: date,
    *,
    by: str,
    numbers_seen: Mapping[str, int],
    digest_seen: str | None = None,
    even_if_older: bool = False,
) -> Outcome:
    """Records a person's approval, if the day needs one. An earlier valid approval is kept.

    Args:
        organization: its limits count.
        lake: of the organization.
        day: that has been resolved.
        by: who approves.
        numbers_seen: the numbers that the person has seen, by the names of `NUMBERS`.
        digest_seen: of the judgement that the person has seen; None: the numbers alone count.
        even_if_older: whether the day is to replace a published day that is newer.

    Raises:
        NotApproved: `by` names nobody, what was seen is not what is so now, or the day cannot be
            approved at all.
        NotResolved: the day has not been resolved, or must be resolved again first.
    """
    if not by.strip():
        raise NotApproved(
            "`by` is empty: it names who approves the day.",
            impact="Nothing was published.",
            remedy="start it with the configuration that `approve_with` of resolved_directory shows for"
            f" {day}, with your name after `by`.",
        )
    outcome = review_day(organization, lake, day, even_if_older=even_if_older)
    if outcome.state != "needs_approval" or outcome.judgement is None:
        return outcome
    verify_numbers(outcome.judgement, numbers_seen, digest_seen)
    approval = record_approval(lake, outcome.judgement, by)
    return Outcome("approved", outcome.judgement, approval)


def record_approval(lake: Lake, judgement: Judgement, by: str) -> Approval:
    """Adds an approval to the day's record, unless a valid one is there.

    Raises:
        NotApproved: `by` is empty or too long.
        Changed: another process recorded an approval at the same time.
    """
    seen = _seen(lake, judgement.day)
    earlier = _valid(seen.content, judgement)
    if earlier is not None:
        return earlier
    try:
        approval = Approval(
            day=judgement.day,
            by=by,
            when=datetime.now(UTC),
            digest=judgement.digest,
            saw=tuple(judgement.reasons),
        )
    except ValidationError as error:
        raise NotApproved(
            f"{judgement.day} was not approved: the name of who approves must have 1 to"
            f" {LONGEST_NAME} characters."
        ) from error
    record = Approvals(approvals=(*(seen.content.approvals if seen.content else ()), approval))
    write_state(lake.store, _name(lake, judgement.day), record, seen.version)
    return approval


def approval_of(lake: Lake, judgement: Judgement) -> Approval | None:
    """The approval of what this judgement found, or None."""
    return _valid(_seen(lake, judgement.day).content, judgement)


def approvals(lake: Lake, day: date) -> tuple[Approval, ...]:
    """All approvals of a day, oldest first, also those of an earlier resolution of the day.

    A damaged file approves nothing.
    """
    stored = _seen(lake, day).content
    return stored.approvals if stored else ()


def _valid(stored: Approvals | None, judgement: Judgement) -> Approval | None:
    newest_first = reversed(stored.approvals if stored else ())
    return next(
        (approval for approval in newest_first if approval.digest in _digests(judgement)), None
    )


def _digests(judgement: Judgement) -> tuple[str, str]:
    """What an approval of the judgement names; version 0.1 named its inputs."""
    return judgement.digest, judgement.inputs


def _seen(lake: Lake, day: date) -> SeenState[Approvals]:
    return seen_state(lake.store, _name(lake, day), Approvals)


def _name(lake: Lake, day: date) -> str:
    return lake.resolved(day).document(APPROVAL)


def numbers(judgement: Judgement) -> dict[str, int]:
    """The number of each guard that holds the day back, by the names of `NUMBERS`.

    A guard counts the same people once for people and once for each directory that they have accounts
    in: the largest of these counts. Numbers of different attributes are added up.
    """
    tripped: dict[str, list[Verdict]] = {}
    for verdict in judgement.tripped:
        tripped.setdefault(verdict.name, []).append(verdict)
    counts: dict[str, int] = {}
    for guard, verdicts in tripped.items():
        if guard == "directory_missing":
            counts["missing"] = len(verdicts)
            continue
        if guard == "comparison_missing":
            counts["uncompared"] = verdicts[0].count
            continue
        largest: dict[str | None, int] = {}
        for verdict in verdicts:
            largest[verdict.attribute] = max(verdict.count, largest.get(verdict.attribute, 0))
        counts[guard] = sum(largest.values())
    if judgement.unproven:
        counts["unproven"] = len(judgement.unproven)
    return {name: counts[name] for name in NUMBERS if name in counts}


def format_numbers(given: Mapping[str, int]) -> str:
    """The numbers in one line; "none" when there are none."""
    return ", ".join(f"{name} {number}" for name, number in given.items()) or "none"


def require_approvable(judgement: Judgement) -> None:
    """Refuses a day that no person may approve.

    Raises:
        NotApproved: the resolved tables contradict each other, so the database would be wrong.
    """
    damage = [result for result in judgement.unproven if result.directory is None]
    if damage:
        reasons = " ".join(f"{result.name}: {result.message}" for result in damage)
        raise NotApproved(
            f"{judgement.day} cannot be approved, because the database would be wrong: {reasons}"
        )


def verify_numbers(judgement: Judgement, seen: Mapping[str, int], digest: str | None) -> None:
    """Compares what a person has seen with what is so now.

    Args:
        judgement: of the day as it is now.
        seen: the numbers that were seen.
        digest: of the judgement that was seen; None: the numbers alone count.

    Raises:
        NumbersMissing: the numbers are different now.
        NotApproved: the numbers are the same and what they count is not, or see `require_approvable`.
    """
    require_approvable(judgement)
    current = numbers(judgement)
    if dict(seen) != current:
        raise NumbersMissing(
            f"{judgement.day} was not approved: the numbers that hold it back are"
            f" {format_numbers(current)}, and given were {format_numbers(seen)}. Look at the current numbers"
            " before you approve it."
        )
    if digest is not None and digest not in _digests(judgement):
        raise NotApproved(
            f"{judgement.day} was not approved: who and what is lost, the rules, the limits or the published"
            " directory have changed since its verdicts were shown. Look at them again."
        )
