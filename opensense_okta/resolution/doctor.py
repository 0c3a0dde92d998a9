"""The checks of `opensense-okta doctor`: what the next sync needs, and what the rules do."""

from shlex import quote

from opensense_okta.config.environment import (
    EnvironmentMistake,
    dagster_home,
    run_days,
)
from opensense_okta.config.models import Organization
from opensense_okta.config.text import plural
from opensense_okta.directories import doctor
from opensense_okta.directories.checks import CheckResult
from opensense_okta.resolution.rule_advice import examine_rules
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.private_files import exposed_files


def examine_organization(organization: Organization, lake: Lake) -> list[tuple[str, CheckResult]]:
    """Each result, with the name of its directory or of the organization."""
    results = doctor.examine(organization, lake)
    results[organization.name] += [
        *examine_rules(organization, lake),
        *_exposed_files(lake),
        *_environment(),
    ]
    return [(name, result) for name, checks in results.items() for result in checks]


def _environment() -> list[CheckResult]:
    """A result if `OPENSENSE_RUN_DAYS` cannot be used: only the job that deletes logs reads it."""
    try:
        run_days()
    except EnvironmentMistake as mistake:
        says = f"{mistake.message} {mistake.impact}"
        return [CheckResult.make("environment", "warning", says, f"What to do: {mistake.remedy}")]
    return []


def _exposed_files(lake: Lake) -> list[CheckResult]:
    """A result for Dagster's files, and one for those of the lake, if other users can read some."""
    results = []
    for folder in (dagster_home(), lake.scratch):
        exposed = exposed_files(folder)
        if exposed:
            count = plural(len(exposed), "file")
            says = f"other users of this machine can read {count}, such as {exposed[0]}."
            remedy = f"Let their owner run `chmod -R go= {quote(str(folder))}`."
            results.append(CheckResult.make("private files", "warning", says, remedy))
    return results
