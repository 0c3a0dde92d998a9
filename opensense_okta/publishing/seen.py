"""What somebody must have seen before a held day may be let through: the numbers of its verdicts.

Nobody approves what he has not seen. An approval names, for each guard that holds the day, the number
that its verdict shows now; a number that is wrong, missing or too many is refused.
"""

from collections.abc import Mapping

from opensense_okta.publishing.guards import Verdict
from opensense_okta.publishing.judging import Judgement

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


class NotSeen(Exception):
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


class SeenOtherwise(Exception):
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
        tripped.setdefault(verdict.guard, []).append(verdict)
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


def refuse_damage(judgement: Judgement) -> None:
    """Looks whether the day may be approved at all.

    Raises:
        CannotBeApproved: the graph of its people is broken, so the database would be wrong.
    """
    damage = [one for one in judgement.unproven if one.directory is None]
    if damage:
        raise CannotBeApproved(
            f"{judgement.day} cannot be approved, because the database would be wrong:"
            f" {' '.join(f'{one.check}: {one.says}' for one in damage)}"
        )


def refuse_unseen(judgement: Judgement, given: Mapping[str, int], digest: str | None) -> None:
    """Compares what was seen with what is so.

    Args:
        judgement: what is so now.
        given: the numbers that were seen.
        digest: of the judgement that was shown; None: the numbers alone count.

    Raises:
        CannotBeApproved: see `refuse_damage`.
        NotSeen: the numbers are other ones.
        SeenOtherwise: they are the same, and what they are about is not.
    """
    refuse_damage(judgement)
    if dict(given) != numbers(judgement):
        raise NotSeen(judgement, given)
    if digest is not None and digest != judgement.digest:
        raise SeenOtherwise(judgement)
