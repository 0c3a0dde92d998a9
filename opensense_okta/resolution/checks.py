"""The checks of a resolved day: they are evaluated on the counts in its manifest (`sql/evidence.sql`).

The people concerned are in the tables. Results have no personal data.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Literal

from opensense_okta.directories.checks import Finding
from opensense_okta.resolution.resolve import ResolvedManifest

Table = Literal["accounts", "people", "conflicts"]

MAX_AMBIGUOUS = 0.05  # people with ambiguous matches, as a share of the linked people
MAX_DIFFERENT = 0.5  # people with value conflicts, as a share of the linked people
MAX_LINKS_LOST = 0.05  # from one day to the next, as a share of all people
LINKS_LOST_ALLOWED = 2  # people: no warning in a small organization when one person leaves


UNCOUNTED = (
    "An older version of the program resolved this day and did not count this. Resolve the day again:"
    " sync it, or start a backfill of it."
)


@dataclass(frozen=True)
class ResolutionCheck:
    """A question put to every resolved day.

    Attributes:
        question: what is asked, for people.
        passes: whether all is well.
        says: the finding, with the counts by name in braces.
        otherwise: what it means, and what to do, when it did not pass.
        uncounted: the message if one of the counts is missing.
    """

    name: str
    table: Table
    holds: bool
    question: str
    passes: Callable[[Mapping[str, int]], bool]
    says: str
    otherwise: str
    uncounted: str = UNCOUNTED

    def judge(self, numbers: Mapping[str, int]) -> Finding:
        """The check's finding for one day.

        What was never counted is not proven: it holds publishing back, but is nothing to warn of.
        """
        names = [name for _, name, _, _ in Formatter().parse(self.says) if name]
        used = {name: numbers[name] for name in names if name in numbers}
        if len(used) < len(set(names)):
            return Finding(self.name, self.table, not self.holds, self.holds, self.uncounted, used)
        passed = self.passes(numbers)
        says = self.says.format(**used)
        says = says if passed else f"{says} {self.otherwise}"
        return Finding(self.name, self.table, passed, self.holds, says, used)


PROGRAM_ERROR = (
    "No rule can cause this: it is an error of the program. The published directory stays as it was."
    " Resolve the day again; if the check fails again, report it with these numbers."
)

SEE_CONFLICTS = (
    "Table conflicts has their accounts and the reasons against a match; decide single cases with"
    " `pin` and `part` in the organization file."
)


def _correlation_is_stable(numbers: Mapping[str, int]) -> bool:
    """Whether the share of linked people is nearly as high as before."""
    people = numbers["people"]
    expected = people * numbers["people_linked_before"] / numbers["people_before"]
    lost = expected - numbers["people_linked"]
    return lost <= max(LINKS_LOST_ALLOWED, MAX_LINKS_LOST * people)


RESOLUTION_CHECKS: tuple[ResolutionCheck, ...] = (
    ResolutionCheck(
        "accounts_of_one_person",
        "accounts",
        holds=True,
        question="Does each account belong to exactly one person?",
        passes=lambda n: n["accounts_of_nobody"] == n["accounts_of_two"] == 0,
        says="Of {accounts:,} accounts, {accounts_of_nobody:,} belong to nobody and"
        " {accounts_of_two:,} to several people.",
        otherwise=f"People would be missing, or appear twice. {PROGRAM_ERROR}",
    ),
    ResolutionCheck(
        "people_have_accounts",
        "people",
        holds=True,
        question="Does each person have at least one account?",
        passes=lambda n: n["people_without_account"] == 0,
        says="Of {people:,} people, {people_without_account:,} have no account.",
        otherwise=f"A person would be published who is in no directory. {PROGRAM_ERROR}",
    ),
    ResolutionCheck(
        "one_account_a_directory",
        "people",
        holds=True,
        question="Does each person have at most one account in a directory, unless pinned?",
        passes=lambda n: n["accounts_doubled"] == 0,
        says="{accounts_doubled:,} times a person has several accounts in one directory that are not"
        " pinned.",
        otherwise=f"The values of two people would be mixed in one signature. {PROGRAM_ERROR}",
    ),
    ResolutionCheck(
        "person_ids_unique",
        "people",
        holds=True,
        question="Does each person have a person id of their own?",
        passes=lambda n: n["people_doubled"] == 0,
        says="Of {people:,} people, {people_doubled:,} have the person id of another person.",
        otherwise=f"The history of these people would be mixed. {PROGRAM_ERROR}",
    ),
    ResolutionCheck(
        "emails_unique",
        "people",
        holds=False,
        question="Does each active person have an e-mail address of their own?",
        passes=lambda n: n["emails_shared"] == 0,
        says="Of {people_active:,} active people, {emails_shared:,} share their e-mail address with"
        " another one.",
        otherwise="Signatures are found by e-mail address, so some people get another person's signature."
        " Correct the address in the directory, or pin the accounts if they belong to one person.",
    ),
    ResolutionCheck(
        "ambiguous_matches_low",
        "conflicts",
        holds=False,
        question="Are there few people with ambiguous matches?",
        # If nobody is linked, as with one directory, the share is of all people.
        passes=lambda n: (
            n["people_in_doubt"] <= MAX_AMBIGUOUS * (n["people_linked"] or n["people"])
        ),
        says="{people_in_doubt:,} of {people:,} people have accounts that may belong to another person,"
        " too; {people_linked:,} people are linked across directories.",
        otherwise=f"That is more than {MAX_AMBIGUOUS:.0%} of the linked people. Ambiguous accounts are not"
        f" joined, so one human may be published as several people. {SEE_CONFLICTS} Many cases with the"
        " same key mean that people share its values: choose a stricter key for `match`.",
    ),
    ResolutionCheck(
        "value_conflicts_low",
        "conflicts",
        holds=False,
        question="Do the directories agree on most people?",
        passes=lambda n: n["people_differing"] <= MAX_DIFFERENT * n["people_linked"],
        says="Of {people_linked:,} people linked across directories, {people_differing:,} have values"
        " that differ between them.",
        otherwise=f"That is more than {MAX_DIFFERENT:.0%}. Precedence decides which value is"
        " published, but an attribute that nearly always differs is mapped from the wrong field, or"
        " accounts of different people are matched. Find the most frequent attribute in table conflicts.",
    ),
    ResolutionCheck(
        "correlation_stable",
        "people",
        holds=False,
        question="Are nearly as many people linked across directories as before?",
        passes=_correlation_is_stable,
        says="{people_linked:,} of {people:,} people are linked across directories"
        " ({linked_percent} %); before, {people_linked_before:,} of {people_before:,} were"
        " ({linked_percent_before} %).",
        otherwise="A person who is no longer linked appears as several people, each with a part of the"
        " values. A match key was emptied or changed in a directory, or `match` was changed: compare"
        " the values of the keys with those of the earlier day.",
        uncounted="There is no earlier day of the same directories, two or more, to compare with.",
    ),
)
"""The checks of every resolved day. Publishing evaluates those that hold again."""


def check_resolved_day(
    resolved: ResolvedManifest, before: ResolvedManifest | None
) -> list[Finding]:
    """Runs all checks of a resolved day, in the order of `RESOLUTION_CHECKS`.

    Args:
        resolved: the day's manifest.
        before: the manifest of the day it is compared with, None if there is none.
    """
    numbers = {
        **resolved.evidence,
        **_people_differing(resolved.evidence),
        **_links_before(resolved, before),
    }
    return [check.judge(numbers) for check in RESOLUTION_CHECKS]


def _people_differing(evidence: Mapping[str, int]) -> Mapping[str, int]:
    """The people who have value conflicts only: ambiguous matches have a check of their own."""
    if not {"people_in_conflict", "people_in_doubt"} <= evidence.keys():
        return {}
    return {"people_differing": evidence["people_in_conflict"] - evidence["people_in_doubt"]}


def _links_before(resolved: ResolvedManifest, before: ResolvedManifest | None) -> Mapping[str, int]:
    """The linked people of both days; empty if the two days cannot be compared."""
    if (
        before is None
        or before.sources.keys() != resolved.sources.keys()
        or len(before.sources) < 2
    ):
        return {}
    now, then = _linked_percent(resolved.evidence), _linked_percent(before.evidence)
    if now is None or then is None:
        return {}
    return {
        "linked_percent": now,
        "people_before": before.evidence["people"],
        "people_linked_before": before.evidence["people_linked"],
        "linked_percent_before": then,
    }


def _linked_percent(evidence: Mapping[str, int]) -> int | None:
    """The share of linked people; None if there are no people, or they were not counted."""
    people, linked = evidence.get("people", 0), evidence.get("people_linked")
    return None if linked is None or not people else round(100 * linked / people)
