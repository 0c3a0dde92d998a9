"""A person's word that lets one held day through.

It is bound to what was seen: the snapshots, the rules, the limits, and the published directory that the
day was compared with. Once one of them changes it is worth nothing, and stays on record all the same.
"""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import read_state, write_state

APPROVAL = "approval.json"


class Approval(BaseModel):
    """Who let which day through, when, and what that person had seen."""

    model_config = ConfigDict(frozen=True)

    day: date
    by: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
    when: datetime
    digest: str
    saw: tuple[str, ...]


class Approvals(BaseModel):
    """The state file of a day's approvals, oldest first.

    Version 0.1 wrote a list of approvals, and before that only the last approval.
    """

    model_config = ConfigDict(frozen=True)

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


def approve(lake: Lake, judgement: Judgement, by: str) -> Approval:
    """Records the approval of a judgement, after those of the day before it; the first one stands.

    Raises:
        ValueError: `by` names nobody.
    """
    earlier = approval_of(lake, judgement)
    if earlier is not None:
        return earlier
    approval = Approval(
        day=judgement.day,
        by=by,
        when=datetime.now(UTC),
        digest=judgement.digest,
        saw=tuple(judgement.reasons),
    )
    record = Approvals(approvals=(*approvals(lake, judgement.day), approval))
    write_state(_file(lake, judgement.day), record)
    return approval


def approval_of(lake: Lake, judgement: Judgement) -> Approval | None:
    """The approval of exactly this judgement, or None."""
    found = reversed(approvals(lake, judgement.day))
    return next((one for one in found if one.digest == judgement.digest), None)


def approvals(lake: Lake, day: date) -> tuple[Approval, ...]:
    """All approvals of a day, oldest first, also of what it was before it was read again."""
    stored = read_state(_file(lake, day), Approvals)
    return stored.approvals if stored else ()


def _file(lake: Lake, day: date) -> Path:
    return lake.resolved(day).folder / APPROVAL


NUMBERS: Mapping[str, str] = {
    "removed": "active people, or accounts of one directory, that are gone or inactive",
    "removed_memberships": "memberships that are gone",
    "blanked": "values that became blank",
    "rewritten": "values that became other values",
    "missing": "directories that are missing",
    "correlation": "people who no longer have several accounts, or became one with another",
    "unproven": "checks of snapshots that did not pass",
}
"""What each number counts, for people."""


class CannotBeApproved(Exception):
    """What is wrong with the day is no matter of opinion; the text says what it is and what to do."""


class NumbersMissing(Exception):
    """The numbers that were given are not those of the verdicts.

    Attributes:
        now: those that are.
    """

    def __init__(self, judgement: Judgement, given: Mapping[str, int]) -> None:
        self.now = numbers(judgement)
        super().__init__(
            f"{judgement.day} was not approved: the numbers that hold it are {in_words(self.now)}, and"
            f" given were {in_words(given)}. Look at what is so now before you approve it."
        )


class StateChanged(Exception):
    """Something changed after the verdicts were shown; the text says so."""

    def __init__(self, judgement: Judgement) -> None:
        super().__init__(
            f"{judgement.day} was not approved: its snapshots, the rules, the limits or the published"
            " directory have changed since its verdicts were shown. Look at them again."
        )


def numbers(judgement: Judgement) -> dict[str, int]:
    """The number of each guard that holds the day, by the names of `NUMBERS`.

    The same people are counted once for people and once for each directory that they have accounts
    in: so of these the largest counts. Attributes are added up.
    """
    tripped: dict[str, list[Verdict]] = {}
    for verdict in judgement.tripped:
        tripped.setdefault(verdict.name, []).append(verdict)
    found: dict[str, int] = {}
    for guard, verdicts in tripped.items():
        most: dict[str | None, int] = {}
        for verdict in verdicts:
            most[verdict.attribute] = max(verdict.count, most.get(verdict.attribute, 0))
        name, number = guard, sum(most.values())
        if guard == "directory_missing":
            name, number = "missing", len(verdicts)
        found[name] = number
    if judgement.unproven:
        found["unproven"] = len(judgement.unproven)
    return {name: found[name] for name in NUMBERS if name in found}


def in_words(given: Mapping[str, int]) -> str:
    """The numbers in a line; "none" when there are none."""
    return ", ".join(f"{name} {number}" for name, number in given.items()) or "none"


def require_approvable(judgement: Judgement) -> None:
    """Looks whether the day may be approved at all.

    Raises:
        CannotBeApproved: the graph of its people is broken, so the database would be wrong.
    """
    damage = [one for one in judgement.unproven if one.directory is None]
    if damage:
        raise CannotBeApproved(
            f"{judgement.day} cannot be approved, because the database would be wrong:"
            f" {' '.join(f'{one.name}: {one.text}' for one in damage)}"
        )


def verify_numbers(judgement: Judgement, given: Mapping[str, int], digest: str | None) -> None:
    """Compares what was seen with what is so.

    Args:
        judgement: what is so now.
        given: the numbers that were seen.
        digest: of the judgement that was shown; None: the numbers alone count.

    Raises:
        CannotBeApproved: see `require_approvable`.
        NotSeen: the numbers are other ones.
        SeenOtherwise: they are the same, and what they are about is not.
    """
    require_approvable(judgement)
    if dict(given) != numbers(judgement):
        raise NumbersMissing(judgement, given)
    if digest is not None and digest != judgement.digest:
        raise StateChanged(judgement)
