"""The checks of `opensense-okta doctor`: what the next sync needs, and what the rules do."""

from shlex import quote

from opensense_okta.config.environment import (
    EnvironmentMistake,
    dagster_home,
    is_store,
    run_days,
)
from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.config.text import plural
from opensense_okta.directories import doctor
from opensense_okta.directories.checks import CheckResult
from opensense_okta.resolution.rule_advice import examine_rules
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.opening import refuse_unsafe
from opensense_okta.storage.private_files import (
    INSTANCE_FILE,
    OWN,
    OWN_OF_A_LAKE,
    exposed_entries,
    is_own_home,
)


def examine_organization(organization: Organization, lake: Lake) -> list[tuple[str, CheckResult]]:
    """Each result, with the name of its directory or of the organization."""
    results = doctor.examine(organization, lake)
    results[organization.name] += [
        *examine_rules(organization, lake),
        *_exposed_files(lake),
        *_environment(),
        *_object_store(lake),
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


def _object_store(lake: Lake) -> list[CheckResult]:
    """Whether the object store of the lake honours conditional writes; nothing for a folder."""
    if not is_store(lake.root):
        return []
    try:
        refuse_unsafe(lake.store)
    except UserError as error:
        says = f"{error.message} {error.impact}"
        return [CheckResult.make("object store", "error", says, f"What to do: {error.remedy}")]
    says = f"{lake.url()} creates each object once, and replaces only what was read."
    return [CheckResult.make("object store", "passed", says)]


def _exposed_files(lake: Lake) -> list[CheckResult]:
    """A result for Dagster's files, and one for those of the lake, if other users can read some."""
    results = []
    home = dagster_home()
    for folder, own in ((home, OWN), (lake.scratch, OWN_OF_A_LAKE)):
        entries = exposed_entries(folder, own)
        exposed = [file for files in entries.values() for file in files]
        if exposed:
            count = plural(len(exposed), "file")
            says = f"other users of this machine can read {count}, such as {exposed[0]}."
            names = " ".join(quote(str(entry)) for entry in entries)
            remedy = f"Let their owner run `chmod -R go= {names}`."
            results.append(CheckResult.make("private files", "warning", says, remedy))
    if (home / INSTANCE_FILE).exists() and not is_own_home(home):
        says = f"{home / INSTANCE_FILE} does not name opensense_okta: is it another project's?"
        remedy = (
            "Set DAGSTER_HOME to the project's dagster_home. If this one is meant, copy the project's"
            " dagster.yaml: without it files of Dagster are not made private."
        )
        results.append(CheckResult.make("environment", "warning", says, remedy))
    return results
