"""The command `doctor`: one line for each result, with what to do."""

import json

import click

from opensense_okta.cli.exit_code import ExitCode
from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.doctor import examine
from opensense_okta.resolution.rule_advice import examine_rules
from opensense_okta.storage.lake import Lake

LEVELS = {"passed": "ok", "warning": "warn", "error": "fail"}
MARKS = {"passed": "ok  ", "warning": "warn", "error": "FAIL"}


def doctor_now(organization: Organization, lake: Lake, *, as_json: bool) -> ExitCode:
    """Prints the results of all checks by directory; failed: the next sync would fail."""
    all_results = examine(organization, lake)
    all_results[organization.name] += examine_rules(organization, lake)
    if as_json:
        document = {
            name: [_as_json(result) for result in results] for name, results in all_results.items()
        }
        click.echo(json.dumps(document, indent=2))
    else:
        for name, results in all_results.items():
            for result in results:
                click.echo(f"{MARKS[result.outcome]}  {name}  {result.name}: {result.text}")
    outcomes = {result.outcome for results in all_results.values() for result in results}
    return ExitCode.FAILED if "error" in outcomes else ExitCode.DONE


def _as_json(result: CheckResult) -> dict[str, str]:
    """A result under the names that the JSON has had since version 0.1."""
    return {
        "name": result.name,
        "level": LEVELS[result.outcome],
        "says": result.message,
        "remedy": result.hint,
    }
