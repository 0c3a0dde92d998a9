"""What the doctor says of an organization's rules."""

from opensense_okta.config.models import Organization
from opensense_okta.directories.diagnosis import Diagnosis
from opensense_okta.resolution.lint import lint
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.lake import Lake


def examine_rules(organization: Organization, lake: Lake) -> list[Diagnosis]:
    """What might be better in the rules, seen on the newest resolved day; nothing before there is one."""
    days = lake.resolved_days()
    resolved = lake.resolved(days[-1]).manifest(ResolvedManifest) if days else None
    if resolved is None:
        return []
    advice = lint(organization, lake, resolved)
    if not advice:
        return [Diagnosis("rules", "ok", "every rule has an effect.")]
    return [Diagnosis("rules", "warn", one.says, one.remedy) for one in advice]
