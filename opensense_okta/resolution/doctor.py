"""The checks of `opensense-okta doctor`: what the next sync needs, and what the rules do."""

from opensense_okta.config.models import Organization
from opensense_okta.directories import doctor
from opensense_okta.directories.checks import CheckResult
from opensense_okta.resolution.rule_advice import examine_rules
from opensense_okta.storage.lake import Lake


def examine_organization(organization: Organization, lake: Lake) -> list[tuple[str, CheckResult]]:
    """Each result, with the name of its directory or of the organization."""
    results = doctor.examine(organization, lake)
    results[organization.name] += examine_rules(organization, lake)
    return [(name, result) for name, checks in results.items() for result in checks]
