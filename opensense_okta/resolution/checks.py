"""The checks of a resolved day: they are evaluated on the counts in its manifest (`sql/evidence.sql`).

The people concerned are in the tables. Results have no personal data.
"""

from collections.abc import Mapping

from opensense_okta.directories.checks import Check, CheckResult
from opensense_okta.resolution.resolve import ResolvedManifest

MAX_AMBIGUOUS = 0.05  # people with ambiguous matches, as a share of the linked people
MAX_DIFFERENT = 0.5  # people with value conflicts, as a share of the linked people
MAX_LINKS_LOST = 0.05  # from one day to the next, as a share of all people
MAX_UNREADABLE = 0.05  # phone numbers, as a share of those that get a format
LINKS_LOST_ALLOWED = 2  # people: no warning in a small organization when one person leaves


PROGRAM_ERROR = (
    "No rule can cause this: it is an error of the program. The published directory stays as it was."
    " Resolve the day again; if the check fails again, report it with these numbers."
)

SEE_CONFLICTS = (
    "Table conflicts has their accounts and the reasons against a match; decide single cases with"
    " `always_same` and `never_same` in the organization file."
)


def _correlation_is_stable(numbers: Mapping[str, int]) -> bool:
    """Whether the share of linked people is nearly as high as before."""
    people = numbers["people"]
    expected = people * numbers["people_linked_before"] / numbers["people_before"]
    lost = expected - numbers["people_linked"]
    return lost <= max(LINKS_LOST_ALLOWED, MAX_LINKS_LOST * people)


RESOLUTION_CHECKS: tuple[Check, ...] = (
    Check(
        "accounts_of_one_person",
        "accounts",
        blocks_publishing=True,
        question="Does each account belong to exactly one person?",
        predicate=lambda n: n["accounts_of_nobody"] == n["accounts_of_two"] == 0,
        message="Of {accounts:,} accounts, {accounts_of_nobody:,} belong to nobody and"
        " {accounts_of_two:,} to several people.",
        failure_hint=f"People would be missing, or appear twice. {PROGRAM_ERROR}",
    ),
    Check(
        "people_have_accounts",
        "people",
        blocks_publishing=True,
        question="Does each person have at least one account?",
        predicate=lambda n: n["people_without_account"] == 0,
        message="Of {people:,} people, {people_without_account:,} have no account.",
        failure_hint=f"A person would be published who is in no directory. {PROGRAM_ERROR}",
    ),
    Check(
        "one_account_a_directory",
        "people",
        blocks_publishing=True,
        question="Does each person have one account in a directory at most, unless `always_same` joins them?",
        predicate=lambda n: n["accounts_doubled"] == 0,
        message="{accounts_doubled:,} times a person has several accounts in one directory that"
        " `always_same` does not join.",
        failure_hint=f"The values of two people would be mixed in one signature. {PROGRAM_ERROR}",
    ),
    Check(
        "person_ids_unique",
        "people",
        blocks_publishing=True,
        question="Does each person have a person id of their own?",
        predicate=lambda n: n["people_doubled"] == 0,
        message="Of {people:,} people, {people_doubled:,} have the person id of another person.",
        failure_hint=f"The history of these people would be mixed. {PROGRAM_ERROR}",
    ),
    Check(
        "emails_unique",
        "people",
        blocks_publishing=False,
        question="Does each active person have an e-mail address of their own?",
        predicate=lambda n: n["emails_shared"] == 0,
        message="Of {people_active:,} active people, {emails_shared:,} share their e-mail address with"
        " another person.",
        failure_hint="Signatures are found by e-mail address, so some people get another person's signature."
        " Correct the address in the directory, or list the accounts in `always_same` if they are one"
        " person's.",
    ),
    Check(
        "match_keys_filled",
        "accounts",
        blocks_publishing=False,
        question="Do the match keys have real values, and no placeholders such as N/A or 0?",
        predicate=lambda n: n["accounts_with_placeholders"] == 0,
        message="Of {accounts:,} accounts, {accounts_with_placeholders:,} have a placeholder, such as N/A or"
        " 0, in a match key.",
        failure_hint="A placeholder counts as blank when accounts are matched: it joins nobody. It is"
        " published as it is written. Leave the field empty in the directory.",
    ),
    Check(
        "dates_readable",
        "accounts",
        blocks_publishing=False,
        question="Can the start and end dates be read, and are they no placeholders such as 9999-12-31?",
        predicate=lambda n: n["dates_unreadable"] == n["dates_placeholder"] == 0,
        message="Of {dates:,} start and end dates, {dates_unreadable:,} cannot be read and"
        " {dates_placeholder:,} are placeholders.",
        failure_hint="These dates count as none, so nobody starts or leaves by them. If the directory does"
        " not write dates as 2026-11-30, set its `date_format`. Leave the field empty where there is none.",
    ),
    Check(
        "starting_and_leaving",
        "people",
        blocks_publishing=False,
        question="How many people start or leave within seven days?",
        predicate=lambda _: True,
        message="Within seven days, {people_starting:,} people start and {people_leaving:,} leave.",
        failure_hint="",
    ),
    Check(
        "phones_readable",
        "accounts",
        blocks_publishing=False,
        question="Can the phone numbers be read that get a format?",
        predicate=lambda n: n["phones_unreadable"] <= MAX_UNREADABLE * n["phones_to_format"],
        message="Of {phones_to_format:,} phone numbers that get a format, {phones_unreadable:,} cannot be"
        " read: they stay as they are written.",
        failure_hint=f"That is more than {MAX_UNREADABLE:.0%}. A number without its country's code is read by"
        " the country of the account: map `country`, or correct the numbers in the directory.",
    ),
    Check(
        "ambiguous_matches_low",
        "conflicts",
        blocks_publishing=False,
        question="Are there few people with ambiguous matches?",
        # If nobody is linked, as with one directory, the share is of all people.
        predicate=lambda n: (
            n["people_in_doubt"] <= MAX_AMBIGUOUS * (n["people_linked"] or n["people"])
        ),
        message="{people_in_doubt:,} of {people:,} people have accounts that may belong to another person,"
        " too; {people_linked:,} people are linked across directories.",
        failure_hint=f"That is more than {MAX_AMBIGUOUS:.0%} of the linked people. Ambiguous accounts are not"
        f" joined, so one human may be published as several people. {SEE_CONFLICTS} Many cases with the"
        " same key mean that people share its values: choose a stricter key for `match`.",
    ),
    Check(
        "value_conflicts_low",
        "conflicts",
        blocks_publishing=False,
        question="Do the directories have the same values for most people?",
        predicate=lambda n: n["people_differing"] <= MAX_DIFFERENT * n["people_linked"],
        message="Of {people_linked:,} people linked across directories, {people_differing:,} have values"
        " that differ between them.",
        failure_hint=f"That is more than {MAX_DIFFERENT:.0%}. Precedence decides which value is"
        " published, but an attribute that nearly always differs is mapped from the wrong field, or"
        " accounts of different people are matched. Find the most frequent attribute in table conflicts.",
    ),
    Check(
        "correlation_stable",
        "people",
        blocks_publishing=False,
        question="Are nearly as many people linked across directories as before?",
        predicate=_correlation_is_stable,
        message="{people_linked:,} of {people:,} people are linked across directories"
        " ({linked_percent} %); before, {people_linked_before:,} of {people_before:,} were"
        " ({linked_percent_before} %).",
        failure_hint="A person who is no longer linked appears as several people, each with a part of the"
        " values. A match key was emptied or changed in a directory, or `match` was changed: compare"
        " the values of the keys with those of the earlier day.",
        uncounted="There is no earlier day of the same directories, two or more, to compare with.",
    ),
)
"""The checks of every resolved day. Publishing evaluates those that block it again."""


def check_resolved_day(
    resolved: ResolvedManifest, before: ResolvedManifest | None
) -> list[CheckResult]:
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
    return [check.run(numbers) for check in RESOLUTION_CHECKS]


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
