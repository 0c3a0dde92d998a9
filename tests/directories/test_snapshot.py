from collections.abc import Mapping
from datetime import UTC, date, datetime

import pytest

from opensense_okta.directories.checks import CheckResult, Table
from opensense_okta.directories.snapshot import Cost, SnapshotManifest
from opensense_okta.directories.snapshot_checks import CHECKS, check_snapshot

GOOD = {
    "users": 5000,
    "groups": 40,
    "memberships": 20_000,
    "groups_gone": 0,
    "everyone": 1,
    "users_doubled": 0,
    "groups_doubled": 0,
    "members_unknown": 0,
    "groups_unknown": 0,
    "groups_miscounted": 0,
    "logins_missing": 0,
    "emails_malformed": 0,
    "statuses_unknown": 0,
    "scoped_to_groups": 0,
    "users_before": 5000,
    "scope_changed": 0,
}


def snapshot(set_aside: Mapping[Table, int] | None = None, **evidence: int) -> SnapshotManifest:
    """The manifest of a snapshot of which all is well but what is given."""
    moment = datetime(2026, 11, 23, 2, tzinfo=UTC)
    found = {**GOOD, **evidence}
    return SnapshotManifest(
        id="0123456789abcdef",
        organization="acme",
        directory="okta",
        kind="okta",
        day=date(2026, 11, 23),
        run_id="run",
        attempt_group="chain",
        mode="full",
        settings="",
        full_read=date(2026, 11, 23),
        before=date(2026, 11, 22),
        started=moment,
        finished=moment,
        cost=Cost(),
        rows={
            "raw_users": found["users"],
            "raw_groups": found["groups"],
            "memberships": found["memberships"],
        },
        set_aside={"raw_users": 0, "raw_groups": 0, "memberships": 0, **(set_aside or {})},
        evidence=found,
    )


def complaints(manifest: SnapshotManifest) -> list[CheckResult]:
    return [finding for finding in check_snapshot(manifest) if not finding.passed]


def test_a_good_snapshot_passes_every_check() -> None:
    findings = check_snapshot(snapshot())
    assert len(findings) == len(CHECKS["okta"])
    assert all(finding.passed for finding in findings)


def test_names_are_unique_for_each_table() -> None:
    names = [(check.table, check.name) for check in CHECKS["okta"]]
    assert len(names) == len(set(names))


ERROR, WARNING = "error", "warning"


@pytest.mark.parametrize(
    ("manifest", "table", "name", "severity", "numbers"),
    [
        (snapshot(users=0, users_before=0), "raw_users", "listing_not_empty", ERROR, {"users": 0}),
        (snapshot(everyone=0), "raw_groups", "everyone_group_listed", ERROR, {"everyone": 0}),
        (snapshot(users_doubled=1), "raw_users", "ids_unique", ERROR, {"users_doubled": 1}),
        (snapshot(groups_doubled=2), "raw_groups", "ids_unique", ERROR, {"groups_doubled": 2}),
        (
            snapshot(members_unknown=201),
            "memberships",
            "members_known",
            ERROR,
            {"members_unknown": 201, "memberships": 20_000, "groups_unknown": 0},
        ),
        (
            snapshot(members_unknown=101, groups_unknown=100),
            "memberships",
            "members_known",
            ERROR,
            {"members_unknown": 101, "memberships": 20_000, "groups_unknown": 100},
        ),
        (
            snapshot(members_unknown=11, memberships=12),
            "memberships",
            "members_known",
            ERROR,
            {"members_unknown": 11, "memberships": 12, "groups_unknown": 0},
        ),
        (
            snapshot({"raw_users": 51}),
            "raw_users",
            "records_understood",
            ERROR,
            {"set_aside": 51, "rows": 5000},
        ),
        (
            snapshot({"raw_groups": 11}),
            "raw_groups",
            "records_understood",
            ERROR,
            {"set_aside": 11, "rows": 40},
        ),
        (
            snapshot({"memberships": 201}),
            "memberships",
            "records_understood",
            ERROR,
            {"set_aside": 201, "rows": 20_000},
        ),
        (
            snapshot(users=4499),
            "raw_users",
            "size_stable",
            WARNING,
            {"users": 4499, "users_before": 5000},
        ),
        (
            snapshot(scope_changed=1),
            "raw_users",
            "scope_stable",
            WARNING,
            {"scope_changed": 1},
        ),
        (
            snapshot(groups_miscounted=1),
            "raw_groups",
            "members_counted",
            WARNING,
            {"groups_miscounted": 1},
        ),
        (snapshot(logins_missing=1), "raw_users", "logins_present", WARNING, {"logins_missing": 1}),
        (
            snapshot(emails_malformed=1),
            "raw_users",
            "emails_well_formed",
            WARNING,
            {"emails_malformed": 1},
        ),
        (
            snapshot(statuses_unknown=1),
            "raw_users",
            "statuses_known",
            WARNING,
            {"statuses_unknown": 1},
        ),
    ],
)
def test_a_check_finds_what_it_is_for_and_nothing_else(
    manifest: SnapshotManifest, table: Table, name: str, severity: str, numbers: dict[str, int]
) -> None:
    (finding,) = complaints(manifest)
    assert (finding.subject, finding.name, finding.severity) == (table, name, severity)
    assert finding.numbers == numbers
    (check,) = [check for check in CHECKS["okta"] if (check.table, check.name) == (table, name)]
    assert finding.hint == check.failure_hint
    assert f"{max(numbers.values()):,}" in finding.message


@pytest.mark.parametrize(
    "manifest",
    [
        snapshot(members_unknown=200),
        snapshot(members_unknown=100, groups_unknown=100),
        snapshot(members_unknown=10, memberships=10),
        snapshot({"raw_users": 50, "raw_groups": 10, "memberships": 200}),
        snapshot(groups_gone=3),
        snapshot(memberships=0),
        snapshot(everyone=2),
        snapshot(everyone=0, scoped_to_groups=1),
        snapshot(users=4500),
        snapshot(users_before=0),
    ],
    ids=lambda manifest: str({**manifest.evidence, **manifest.set_aside}),
)
def test_a_few_oddities_are_tolerated(manifest: SnapshotManifest) -> None:
    assert complaints(manifest) == []


def test_a_finding_that_passed_does_not_say_what_it_would_have_meant() -> None:
    for check, finding in zip(CHECKS["okta"], check_snapshot(snapshot()), strict=True):
        assert finding.hint == ""
        assert check.failure_hint not in finding.message
        assert "{" not in finding.message


def test_a_manifest_is_the_same_after_it_was_stored() -> None:
    manifest = snapshot({"raw_users": 3}, users_doubled=1)
    assert SnapshotManifest.model_validate_json(manifest.model_dump_json()) == manifest
