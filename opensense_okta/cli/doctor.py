"""The command `doctor`: one line for each result, with what to do."""

import json

import click

from opensense_okta.cli.exit_code import ExitCode
from opensense_okta.config.environment import is_store
from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.publishing.doctor import examine_organization
from opensense_okta.storage.lake import Lake

LEVELS = {"passed": "ok", "warning": "warn", "error": "fail"}
MARKS = {"passed": "ok  ", "warning": "warn", "error": "FAIL"}


def doctor_now(organization: Organization, lake: Lake, *, as_json: bool) -> ExitCode:
    """Prints the results of all checks by directory; failed: the next sync would fail."""
    results = examine_organization(organization, lake)
    if is_store(lake.root):
        from opensense_okta.orchestration.in_process import examine_instance  # noqa: PLC0415 - slow to import

        results += [(organization.name, result) for result in examine_instance(lake)]
    if as_json:
        document: dict[str, list[dict[str, str]]] = {}
        for name, result in results:
            document.setdefault(name, []).append(_as_json(result))
        click.echo(json.dumps(document, indent=2))
    else:
        for name, result in results:
            click.echo(f"{MARKS[result.outcome]}  {name}  {result.name}: {result.text}")
    failed = any(result.outcome == "error" for _, result in results)
    return ExitCode.FAILED if failed else ExitCode.DONE


def _as_json(result: CheckResult) -> dict[str, str]:
    """A result under the names that the JSON has had since version 0.1."""
    return {
        "name": result.name,
        "level": LEVELS[result.outcome],
        "says": result.message,
        "remedy": result.hint,
    }
