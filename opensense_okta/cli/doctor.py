"""The command `doctor`: findings in one line each, with their remedy."""

import json

import click

from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.doctor import examine
from opensense_okta.resolution.rule_advice import examine_rules
from opensense_okta.storage.lake import Lake

LEVELS = {"passed": "ok", "warning": "warn", "error": "fail"}
MARKS = {"passed": "ok  ", "warning": "warn", "error": "FAIL"}


def show(organization: Organization, lake: Lake, *, as_json: bool) -> int:
    """Prints the findings; the exit status is 1 when the next sync would fail."""
    found = examine(organization, lake)
    found[organization.name] += examine_rules(organization, lake)
    if as_json:
        click.echo(
            json.dumps(
                {name: [_as_json(result) for result in results] for name, results in found.items()},
                indent=2,
            )
        )
    else:
        for name, results in found.items():
            for result in results:
                click.echo(f"{MARKS[result.outcome]}  {name}  {result.name}: {result.text}")
    return int(any(result.outcome == "error" for results in found.values() for result in results))


def _as_json(result: CheckResult) -> dict[str, str]:
    """A result under the names that the JSON has had since version 0.1."""
    return {
        "name": result.name,
        "level": LEVELS[result.outcome],
        "says": result.message,
        "remedy": result.hint,
    }
