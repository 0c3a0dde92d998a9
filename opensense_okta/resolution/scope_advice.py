"""Advice on rules of who is read and who is exported that have no effect, because they match nobody."""

from collections.abc import Iterator

from opensense_okta.config.models import ExportedPeople, Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.resolution.people_rules import EVERYONE, count_left_out, find_exported
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
    rules, day = organization.publish.people, lake.resolved(resolved.day)
    if rules == EVERYONE:
        return
    with engine.start(lake.scratch) as connection:
        for table in ("people", "groups", "memberships"):
            engine.view(connection, f"new_{table}", day.table(resolved, table))
        find_exported(connection, rules, "new")
        left_out = count_left_out(connection, "new")
    for rule, pattern in left_out.unmatched:
        where = f"publish.people.{rule}"
        yield CheckResult(
            name="rule_matches_nobody",
            passed=False,
            severity="warning",
            subject=where,
            message=f"{_pattern(rules, rule, pattern)} of {where} matches nobody: it has no effect.",
            hint="Correct the pattern, or remove it. A group may have been renamed in its directory.",
            numbers={"people": 0},
        )


def _pattern(rules: ExportedPeople, rule: str, pattern: str) -> str:
    """A pattern in words. One of values may be a person's address, so it is named by its place."""
    section, _, attribute = rule.partition(".")
    if not attribute:
        return f'The group "{pattern}"'
    patterns = getattr(rules, section)[attribute]
    return f"Pattern {patterns.index(pattern) + 1}"
