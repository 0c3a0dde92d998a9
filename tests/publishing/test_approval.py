"""Which numbers an approval must name."""

from datetime import date
from typing import Any

import pytest

from opensense_okta.directories.checks import CheckResult
from opensense_okta.publishing.approval import (
    NotApproved,
    NumbersMissing,
    numbers,
    verify_numbers,
)
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.resolution.changes import Difference


def tripped(guard: str, count: int = 0, **about: str) -> Verdict:
    """A verdict that holds the day."""
    found: dict[str, Any] = {"name": guard, "count": count, "passed": False, "message": "Much."}
    return Verdict.model_validate(found | about)


def judgement(*verdicts: Verdict, unproven: tuple[CheckResult, ...] = ()) -> Judgement:
    return Judgement(
        day=date(2026, 11, 23),
        resolved="abc",
        base=None,
        digest="digest",
        difference=Difference(),
        unproven=unproven,
        verdicts=verdicts,
    )


DOUBLED = CheckResult(
    directory="okta", name="users_unique", passed=False, message="One is doubled."
)
DAMAGE = CheckResult(name="accounts_of_one_person", passed=False, message="One is of two.")

CASES = {
    "nothing holds it": ((), {}),
    "a guard that passed": ((Verdict(name="removed", count=9, message="Few."),), {}),
    "people": ((tripped("removed", 412),), {"removed": 412}),
    "the same people of several directories": (
        (
            tripped("removed", 412),
            tripped("removed", 410, directory="okta"),
            tripped("removed", 415, directory="hr"),
        ),
        {"removed": 415},
    ),
    "each attribute": (
        (
            tripped("blanked", 30, attribute="title"),
            tripped("blanked", 28, attribute="title", directory="okta"),
            tripped("blanked", 12, attribute="email", directory="hr"),
        ),
        {"blanked": 42},
    ),
    "directories by their number": (
        (
            tripped("directory_missing", directory="okta"),
            tripped("directory_missing", directory="hr"),
        ),
        {"missing": 2},
    ),
    "every guard by its own": (
        (
            tripped("correlation", 7),
            tripped("rewritten", 5, attribute="email"),
            tripped("removed_memberships", 3),
        ),
        {"removed_memberships": 3, "rewritten": 5, "correlation": 7},
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_numbers_are_those_that_the_verdicts_show(case: str) -> None:
    verdicts, expected = CASES[case]
    assert numbers(judgement(*verdicts)) == expected


def test_checks_that_did_not_pass_are_counted() -> None:
    assert numbers(judgement(unproven=(DOUBLED, DOUBLED))) == {"unproven": 2}


def test_what_was_seen_is_what_is_so() -> None:
    verify_numbers(judgement(tripped("removed", 412)), {"removed": 412}, None)
    verify_numbers(judgement(tripped("removed", 412)), {"removed": 412}, "digest")


@pytest.mark.parametrize("given", [{}, {"removed": 411}, {"removed": 412, "blanked": 1}])
def test_other_numbers_are_refused_with_those_that_are_so(given: dict[str, int]) -> None:
    with pytest.raises(NumbersMissing, match="the numbers that hold it back are removed 412"):
        verify_numbers(judgement(tripped("removed", 412)), given, None)


def test_the_same_numbers_of_something_else_are_refused() -> None:
    with pytest.raises(NotApproved, match="have changed since"):
        verify_numbers(judgement(tripped("removed", 412)), {"removed": 412}, "another digest")


def test_damage_is_refused_whatever_was_seen() -> None:
    with pytest.raises(NotApproved, match="accounts_of_one_person: One is of two"):
        verify_numbers(judgement(unproven=(DAMAGE,)), {"unproven": 1}, "digest")
