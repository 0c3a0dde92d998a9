"""The command `preview`: what publishing would change, for whoever asks before it happens.

What it shows is personal data, and goes to the one who asked: never into logs or events.
"""

import json
from collections.abc import Iterator
from pathlib import Path

import click

from opensense_okta.cli.arguments import UsageError, day_of, lake_of, organization_of
from opensense_okta.cli.terminal import show_rows
from opensense_okta.config.load import load_organization
from opensense_okta.config.models import Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.publishing.preview import Kind, PersonChange, Preview, preview
from opensense_okta.publishing.published import NotResolved
from opensense_okta.resolution.snapshots import NothingToResolve, StaleDirectory

NO_VALUE = "(blank)"

KINDS: dict[Kind, str] = {
    "removed": "gone",
    "inactive": "inactive from now on",
    "added": "new",
    "active": "active again",
    "changed": "changed",
    "merged": "one with somebody else",
    "split": "no longer one with somebody else",
}


def preview_now(
    name: str,
    day_given: str | None,
    rules: str | None,
    *,
    everything: bool,
    people: int,
    as_json: bool,
) -> None:
    """Prints what publishing would change.

    Args:
        name: of the organization.
        day_given: None: today.
        rules: an organization file whose rules are tried; None: the organization's own.
        everything: not only what signatures show.
        people: how many of each kind are named at most.
        as_json: prints one JSON document.

    Raises:
        WrongUse: the day or the rules cannot be resolved.
    """
    organization = organization_of(name)
    day, lake = day_of(organization, day_given), lake_of(organization)
    other = _rules(name, Path(rules)) if rules else None
    try:
        found = preview(organization, lake, day, rules=other, everything=everything, people=people)
    except (NothingToResolve, StaleDirectory, NotResolved) as error:
        raise UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(as_document(organization, found), indent=2, ensure_ascii=False))
    else:
        _show(organization, found)


def as_document(organization: Organization, found: Preview) -> dict[str, object]:
    """All of it for programs."""
    return {
        "organization": organization.name,
        "day": str(found.day),
        "compared_with": {
            "day": str(found.compared_with) if found.compared_with else None,
            "what": _what(found),
        },
        "sources": {name: str(as_of) for name, as_of in found.sources.items()},
        "difference": found.difference.model_dump(),
        "people": [one.model_dump() for one in found.people],
        "people_counted": dict(found.kinds),
        "attributes": [one.model_dump() for one in found.attributes],
        "held": found.findings.held,
        "guards_compared_with": str(found.replaces) if found.replaces else None,
        "unproven": [
            {"directory": result.directory, "check": result.name, "says": result.text}
            for result in found.findings.unproven
        ],
        "guards": [one.model_dump(mode="json") for one in found.verdicts],
    }


def _rules(name: str, path: Path) -> Organization:
    try:
        return load_organization(path, name=name)
    except OrganizationFileError as mistakes:
        raise UsageError(str(mistakes)) from None


def _what(found: Preview) -> str | None:
    if found.rules:
        return "rules"
    return "published" if found.compared_with else None


def _show(organization: Organization, found: Preview) -> None:
    for line in _heading(organization, found):
        click.echo(line)
    if found.attributes:
        click.echo("\n  Attributes, by the number of people:")
        show_rows(
            ("attribute", "changed", "filled", "blanked", "rewritten"),
            (
                (each.attribute, each.changed, each.filled, each.blanked, each.rewritten)
                for each in found.attributes
            ),
        )
    for kind, words in KINDS.items():
        those = [one for one in found.people if one.kind == kind]
        if those:
            many = found.kinds[kind]
            few = f", of whom {len(those)} are shown" if len(those) < many else ""
            click.echo(f"\n  {many:,} {_people(many)} {words}{few}:")
            show_rows(("person", "e-mail", "what"), _rows(those))
    for line in _verdicts(found):
        click.echo(line)
    click.echo("\n  Nothing was written.")


def _heading(organization: Organization, found: Preview) -> Iterator[str]:
    against = {
        "rules": f"from what {organization.name}'s own rules make of it",
        "published": f"from the directory of {found.compared_with}, which is published",
    }.get(_what(found) or "", "from nothing: nothing is published yet")
    yield f"{organization.name}, {found.day}: how the directory would differ {against}."
    yield "  Made of " + ", ".join(f"{name} of {day}" for name, day in found.sources.items()) + "."
    d = found.difference
    yield (
        f"  In all: {d.added:,} people added, {d.removed:,} removed, {d.changed:,} changed,"
        f" {d.merged:,} merged, {d.split:,} split; {d.groups_added:,} groups added,"
        f" {d.groups_removed:,} removed; {d.memberships_added:,} memberships added,"
        f" {d.memberships_removed:,} removed."
    )
    if not found.kinds and not found.attributes:
        yield "  No signature would change."


def _people(number: int) -> str:
    return "person" if number == 1 else "people"


def _rows(those: list[PersonChange]) -> Iterator[tuple[object, ...]]:
    """A row for each attribute of each person; who it is stands in the first one alone."""
    for one in those:
        lines = [
            f"{edit.attribute}: {edit.before or NO_VALUE} → {edit.after or NO_VALUE}"
            for edit in one.attributes
        ]
        first, *others = lines or [one.other or ""]
        yield (one.name or one.person_id, one.email, first)
        yield from (("", "", other) for other in others)


def _verdicts(found: Preview) -> Iterator[str]:
    yield ""
    against = (
        f", compared with the directory of {found.replaces}, which is published"
        if found.replaces
        else ""
    )
    if found.findings.held:
        yield f"  It would be held back{against}:"
        yield from (f"    - {reason}" for reason in found.findings.reasons)
    else:
        yield f"  No guard would hold it back{against}."
    if found.replaces and found.replaces > found.day:
        yield f"  An older day replaces that of {found.replaces} only where `even_if_older` asks for it."
    for verdict in found.verdicts:
        if verdict.warns:
            yield f"    Look at: {verdict.says}"
