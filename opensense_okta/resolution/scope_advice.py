"""Advice on rules of who is read and who is exported that have no effect, because they match nobody."""

from collections.abc import Iterator, Mapping

from opensense_okta.config.models import ExportedPeople, Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.narrowing import MATCHED
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.resolution.people_rules import (
    EVERYONE,
    GROUPS,
    count_left_out,
    find_exported,
)
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake


def advise_scope(
    organization: Organization, lake: Lake, resolved: ResolvedManifest
) -> Iterator[CheckResult]:
    """A warning for each pattern that matches nobody.

    Args:
        organization: with the rules.
        lake: the organization's.
        resolved: the manifest of the day.
    """
    for directory, source in resolved.sources.items():
        manifest = lake.snapshot(directory, source.day).manifest(SnapshotManifest)
        if (
            manifest is not None
            and manifest.id == source.id
            and directory in organization.directories
        ):
            yield from _of_snapshot(directory, manifest.evidence)
    yield from _of_export(organization, lake, resolved)


def _of_snapshot(directory: str, evidence: Mapping[str, int]) -> Iterator[CheckResult]:
    for name, count in evidence.items():
        if name.startswith(MATCHED) and not count:
            rule, _, position = name.removeprefix(MATCHED).rpartition(".")
            entry = "Entry" if rule in ("scope.apps", "scope.org_units") else "Pattern"
            yield _matches_nobody(
                f"directories.{directory}.{rule}", f"{entry} {position}", _of_groups(rule)
            )


def _of_groups(rule: str) -> bool:
    return rule in ("scope.groups", "store_groups")


def _of_export(
    organization: Organization, lake: Lake, resolved: ResolvedManifest
) -> Iterator[CheckResult]:
    rules, day = organization.publish.people, lake.resolved(resolved.day)
    if rules == EVERYONE:
        return
    with engine.start(lake.scratch) as connection:
        for table in ("people", "groups", "memberships"):
            engine.view(connection, f"new_{table}", day.table(resolved, table))
        find_exported(connection, rules, "new")
        left_out = count_left_out(connection, "new")
    for rule, pattern in left_out.unmatched:
        where, of_groups = f"publish.people.{rule}", rule == GROUPS
        yield _matches_nobody(where, _pattern(rules, rule, pattern), of_groups)


def _matches_nobody(where: str, pattern: str, of_groups: bool) -> CheckResult:
    hint = f"Correct the {'entry' if pattern.startswith('Entry') else 'pattern'}, or remove it."
    if of_groups:
        hint += " The group may have been renamed in its directory."
    return CheckResult(
        name="rule_matches_nobody",
        passed=False,
        severity="warning",
        subject=where,
        message=f"{pattern} of {where} matches nobody: it has no effect.",
        hint=hint,
        numbers={"matches": 0},
    )


def _pattern(rules: ExportedPeople, rule: str, pattern: str) -> str:
    """A pattern in words. One of values may be a person's address, so it is named by its place."""
    section, _, attribute = rule.partition(".")
    if not attribute:
        return f'The group "{pattern}"'
    patterns = getattr(rules, section)[attribute]
    return f"Pattern {patterns.index(pattern) + 1}"
