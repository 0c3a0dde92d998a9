from collections.abc import Mapping
from datetime import date

import pytest

from opensense_okta.directories.checks import CheckResult
from opensense_okta.resolution.checks import RESOLUTION_CHECKS, check_resolved_day
from opensense_okta.resolution.resolve import ResolvedManifest, Source, resolve
from opensense_okta.storage.lake import Lake
from tests.support.stored import DAY, organization, store, user

GOOD = {
    "people": 1000,
    "people_active": 900,
    "people_linked": 800,
    "accounts": 1800,
    "directories": 2,
    "people_without_account": 0,
    "people_doubled": 0,
    "accounts_of_nobody": 0,
    "accounts_of_two": 0,
    "accounts_doubled": 0,
    "emails_shared": 0,
    "people_in_conflict": 100,
    "people_in_doubt": 8,
}

HOLDING = {
    "accounts_of_one_person",
    "people_have_accounts",
    "one_account_a_directory",
    "person_ids_unique",
}


def day_of(
    evidence: Mapping[str, int], *, of: date = DAY, directories: tuple[str, ...] = ("okta", "hr")
) -> ResolvedManifest:
    """The manifest of a resolved day."""
    return ResolvedManifest(
        id="0123456789abcdef",
        organization="acme",
        day=of,
        sources={name: Source(day=of, id="s", as_of=of, stale=False) for name in directories},
        rules="rules",
        ledger=None,
        rows={},
        evidence=evidence,
    )


def judged(**evidence: int) -> dict[str, CheckResult]:
    """The results for a good day with some other counts, compared with a good day."""
    findings = check_resolved_day(day_of({**GOOD, **evidence}), day_of(GOOD))
    return {result.name: result for result in findings}


def test_a_good_day_passes_every_check_and_the_messages_have_the_counts() -> None:
    findings = judged()

    assert all(finding.passed for finding in findings.values())
    assert findings["accounts_of_one_person"].message == (
        "Of 1,800 accounts, 0 belong to nobody and 0 to several people."
    )
    assert findings["correlation_stable"].message == (
        "800 of 1,000 people are linked across directories (80 %); before, 800 of 1,000 were (80 %)."
    )


def test_the_checks_are_known_before_a_day_is_resolved() -> None:
    assert list(judged()) == [check.name for check in RESOLUTION_CHECKS]
    assert {check.name for check in RESOLUTION_CHECKS if check.blocks_publishing} == HOLDING
    assert all(check.question.endswith("?") for check in RESOLUTION_CHECKS)


@pytest.mark.parametrize(
    ("wrong", "check"),
    [
        ({"accounts_of_nobody": 1}, "accounts_of_one_person"),
        ({"accounts_of_two": 1}, "accounts_of_one_person"),
        ({"people_without_account": 1}, "people_have_accounts"),
        ({"accounts_doubled": 1}, "one_account_a_directory"),
        ({"people_doubled": 1}, "person_ids_unique"),
        ({"emails_shared": 2}, "emails_unique"),
        ({"people_in_doubt": 41, "people_in_conflict": 141}, "ambiguous_matches_low"),
        ({"people_in_conflict": 409}, "value_conflicts_low"),
        ({"people_linked": 749}, "correlation_stable"),
    ],
)
def test_a_defect_fails_its_own_check_only(wrong: Mapping[str, int], check: str) -> None:
    findings = judged(**wrong)

    assert [name for name, result in findings.items() if not result.passed] == [check]
    assert (findings[check].outcome == "error") == (check in HOLDING)
    assert findings[check].hint  # what it means and what to do
    assert not judged()[check].hint


@pytest.mark.parametrize(
    "tolerated",
    [
        {"people_in_doubt": 40, "people_in_conflict": 140},
        {"people_in_conflict": 408},
        {"people_linked": 750},
    ],
)
def test_a_few_ambiguous_matches_conflicts_and_lost_links_pass(
    tolerated: Mapping[str, int],
) -> None:
    assert all(finding.passed for finding in judged(**tolerated).values())


def test_two_lost_links_of_a_small_organization_pass() -> None:
    twenty = {
        **GOOD,
        "people": 20,
        "people_linked": 18,
        "people_in_conflict": 0,
        "people_in_doubt": 0,
    }

    def compared(linked: int) -> bool:
        results = check_resolved_day(day_of({**twenty, "people_linked": linked}), day_of(twenty))
        return results[-1].passed

    assert compared(linked=16)
    assert not compared(linked=15)


def test_ambiguous_matches_of_a_single_directory_are_a_share_of_all_people() -> None:
    assert judged(people_linked=0, people_in_conflict=50, people_in_doubt=50)[
        "ambiguous_matches_low"
    ].passed
    results = judged(people_linked=0, people_in_conflict=51, people_in_doubt=51)
    assert not results["ambiguous_matches_low"].passed


@pytest.mark.parametrize(
    "before",
    [
        pytest.param(None, id="the first day"),
        pytest.param(day_of(GOOD, directories=("okta",)), id="a directory was added"),
        pytest.param(day_of(GOOD, directories=("okta", "entra")), id="another directory was read"),
        pytest.param(day_of({}), id="the day before was not counted"),
    ],
)
def test_links_are_compared_with_a_day_of_the_same_directories_only(
    before: ResolvedManifest | None,
) -> None:
    *_, result = check_resolved_day(day_of({**GOOD, "people_linked": 1}), before)

    assert result.name == "correlation_stable"
    assert result.passed
    assert "no earlier day of the same directories" in result.message


def test_a_missing_count_blocks_publishing() -> None:
    findings = check_resolved_day(day_of({}), None)

    assert {result.name for result in findings if not result.passed} == HOLDING
    assert "Resolve the day again" in findings[0].hint


def test_a_resolved_day_has_all_counts_and_no_personal_data(lake: Lake) -> None:
    store(
        lake, [user("00u1", {"email": "ada@acme.test"}), user("00u2", {"email": "ADA@acme.test"})]
    )

    findings = {
        result.name: result
        for result in check_resolved_day(resolve(organization(), DAY, lake), None)
    }

    assert all(findings[name].passed for name in HOLDING)
    assert findings["emails_unique"].numbers == {"people_active": 2, "emails_shared": 2}
    assert not findings["emails_unique"].passed
    assert "ada" not in " ".join(result.text.lower() for result in findings.values())
