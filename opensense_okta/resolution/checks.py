"""Questions put to every resolved day's graph of accounts and people, answered from its manifest alone.

The counts are `sql/evidence.sql`'s. Who they are about is in the tables, never in a finding.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Literal

from opensense_okta.directories.checks import Finding
from opensense_okta.resolution.resolve import ResolvedManifest

Table = Literal["accounts", "people", "conflicts"]

DOUBT_TOLERATED = 0.05  # people whose accounts cannot be told apart, of the linked ones
CONFLICT_TOLERATED = 0.5  # people of whom directories say different things, of the linked ones
FALL_TOLERATED = 0.05  # of the share of people who are linked, from one day to the next
LINKS_ALWAYS_TOLERATED = 2  # lost, so that a small organization is not warned for a single leaver


UNCOUNTED = (
    "This was not counted when the day was resolved, by an older version of the program. Resolve the"
    " day again: sync it, or start a backfill of it."
)


@dataclass(frozen=True)
class GraphCheck:
    """A question put to every resolved day.

    Attributes:
        question: what is asked, for people.
        passes: whether all is well.
        says: the finding, with the counts by name in braces.
        otherwise: what it means, and what to do, when it did not pass.
        uncounted: what is said instead when one of the counts is missing.
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


NOT_THE_RULES = (
    "No rule can cause this: the program is at fault. The published directory stays as it was."
    " Resolve the day again; if the finding stays, report it with these numbers."
)

SEE_CONFLICTS = (
    "Table conflicts has their accounts and what speaks against a match; settle single cases with"
    " `pin` and `part` in the organization file."
)


def _correlation_kept(numbers: Mapping[str, int]) -> bool:
    """Whether the share of linked people is no lower than before, but for some coming and going."""
    people = numbers["people"]
    expected = people * numbers["people_linked_before"] / numbers["people_before"]
    lost = expected - numbers["people_linked"]
    return lost <= max(LINKS_ALWAYS_TOLERATED, FALL_TOLERATED * people)


GRAPH_CHECKS: tuple[GraphCheck, ...] = (
    GraphCheck(
        "accounts_of_one_person",
        "accounts",
        holds=True,
        question="Does each account belong to exactly one person?",
        passes=lambda n: n["accounts_of_nobody"] == n["accounts_of_two"] == 0,
        says="Of {accounts:,} accounts, {accounts_of_nobody:,} belong to nobody and"
        " {accounts_of_two:,} to several people.",
        otherwise=f"People would be missing, or appear twice. {NOT_THE_RULES}",
    ),
    GraphCheck(
        "people_have_accounts",
        "people",
        holds=True,
        question="Does each person have at least one account?",
        passes=lambda n: n["people_without_account"] == 0,
        says="Of {people:,} people, {people_without_account:,} have no account.",
        otherwise=f"Somebody would be published whom no directory has. {NOT_THE_RULES}",
    ),
    GraphCheck(
        "one_account_a_directory",
        "people",
        holds=True,
        question="Does each person have at most one account of a directory, unless pinned?",
        passes=lambda n: n["accounts_doubled"] == 0,
        says="{accounts_doubled:,} times a person has several accounts of one directory that are not"
        " pinned.",
        otherwise=f"Two people's values would be mixed in one signature. {NOT_THE_RULES}",
    ),
    GraphCheck(
        "person_ids_unique",
        "people",
        holds=True,
        question="Does a person id name one person?",
        passes=lambda n: n["people_doubled"] == 0,
        says="Of {people:,} people, {people_doubled:,} have a person id that is taken.",
        otherwise=f"What follows a person over the days would mix them up. {NOT_THE_RULES}",
    ),
    GraphCheck(
        "emails_unique",
        "people",
        holds=False,
        question="Does each active person have an e-mail address of their own?",
        passes=lambda n: n["emails_shared"] == 0,
        says="Of {people_active:,} active people, {emails_shared:,} share their e-mail address with"
        " another one.",
        otherwise="A signature is found by its address, so one of them gets another one's. Correct the"
        " address in the directory, or pin the accounts if they are one person's.",
    ),
    GraphCheck(
        "ambiguous_matches_low",
        "conflicts",
        holds=False,
        question="Is it clear for nearly everyone which accounts are theirs?",
        # Where nobody is linked, as with one directory, it is a matter of all people.
        passes=lambda n: (
            n["people_in_doubt"] <= DOUBT_TOLERATED * (n["people_linked"] or n["people"])
        ),
        says="{people_in_doubt:,} of {people:,} people have accounts that may be another one's, too;"
        " {people_linked:,} people are linked across directories.",
        otherwise=f"That is more than {DOUBT_TOLERATED:.0%} of the linked ones. Accounts in doubt are not"
        f" joined, so one human may be published as several people. {SEE_CONFLICTS} Many cases of one"
        " key mean that people share its values: choose a stricter key for `match`.",
    ),
    GraphCheck(
        "value_conflicts_low",
        "conflicts",
        holds=False,
        question="Do the directories agree on most people?",
        passes=lambda n: n["people_differing"] <= CONFLICT_TOLERATED * n["people_linked"],
        says="Of {people_linked:,} people linked across directories, {people_differing:,} have values"
        " that differ between them.",
        otherwise=f"That is more than {CONFLICT_TOLERATED:.0%}. Precedence decides them all, but an attribute"
        " that nearly always differs is mapped from the wrong field, or accounts of different people"
        " are matched. Look for the most frequent attribute in table conflicts.",
    ),
    GraphCheck(
        "correlation_stable",
        "people",
        holds=False,
        question="Are nearly as many people linked across directories as before?",
        passes=_correlation_kept,
        says="{people_linked:,} of {people:,} people are linked across directories"
        " ({linked_percent} %); before, {people_linked_before:,} of {people_before:,} were"
        " ({linked_percent_before} %).",
        otherwise="Somebody who is no longer linked appears as several people, each with a part of the"
        " values. A match key was emptied or rewritten in a directory, or `match` was changed: compare"
        " the values of the keys with those of before.",
        uncounted="There is no earlier day of the same directories, two or more, to compare with.",
    ),
)
"""What is asked of every resolved day; those that hold are asked again by publishing."""


def judge_graph(resolved: ResolvedManifest, before: ResolvedManifest | None) -> list[Finding]:
    """Every check of a resolved day, in the order of `GRAPH_CHECKS`.

    Args:
        resolved: the day's manifest.
        before: that of the day it is compared with, None when there is none.
    """
    numbers = {**resolved.evidence, **_differing(resolved.evidence), **_links(resolved, before)}
    return [check.judge(numbers) for check in GRAPH_CHECKS]


def _differing(evidence: Mapping[str, int]) -> Mapping[str, int]:
    """People with conflicts of values alone: who is in doubt is judged for that."""
    if not {"people_in_conflict", "people_in_doubt"} <= evidence.keys():
        return {}
    return {"people_differing": evidence["people_in_conflict"] - evidence["people_in_doubt"]}


def _links(resolved: ResolvedManifest, before: ResolvedManifest | None) -> Mapping[str, int]:
    """How many people were linked before; nothing where the two days cannot be compared."""
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
    """The share of people who are linked; None where there are none, or they were not counted."""
    people, linked = evidence.get("people", 0), evidence.get("people_linked")
    return None if linked is None or not people else round(100 * linked / people)
