"""The command `preview`: what publishing would change.

Its output is personal data: it is printed only, never written to logs or events.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from opensense_okta.cli.arguments import UsageError, day_of, lake_of, organization_of
from opensense_okta.cli.terminal import print_table
from opensense_okta.config.load import load_organization
from opensense_okta.config.models import Organization
from opensense_okta.config.text import plural
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.publishing.exports.preview import ExportPreview, Row
from opensense_okta.publishing.guards.evaluate import Verdict
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
    all_attributes: bool,
    people: int,
    as_json: bool,
) -> None:
    """Prints what publishing would change.

    Args:
        name: The organization's name.
        day_given: The day; None is today.
        rules: The path of an organization file whose rules are tried; None: the organization's own.
        all_attributes: Show all attributes, not only those in signatures.
        people: The largest number of people listed for each kind of change.
        as_json: Print one JSON document.

    Raises:
        UsageError: The day or the rules cannot be resolved.
    """
    organization = organization_of(name)
    day, lake = day_of(organization, day_given), lake_of(organization)
    other = _load_rules(name, Path(rules)) if rules else None
    try:
        changes = preview(
            organization,
            lake,
            day,
            rules=other,
            everything=all_attributes,
            people=people,
            rows=None if as_json else people,
        )
    except (NothingToResolve, StaleDirectory, NotResolved) as error:
        raise UsageError(str(error)) from None
    if as_json:
        click.echo(json.dumps(as_document(organization, changes), indent=2, ensure_ascii=False))
    else:
        _show(organization, changes)


def as_document(organization: Organization, changes: Preview) -> dict[str, object]:
    """The JSON document."""
    return {
        "organization": organization.name,
        "day": str(changes.day),
        "compared_with": {
            "day": str(changes.compared_with) if changes.compared_with else None,
            "what": _base(changes),
        },
        "sources": {name: str(as_of) for name, as_of in changes.sources.items()},
        "difference": changes.difference.model_dump(),
        "people": [person.model_dump() for person in changes.people],
        "people_counted": dict(changes.kinds),
        "kept_together": changes.kept_together,
        "attributes": [attribute.model_dump() for attribute in changes.attributes],
        "held": changes.findings.held,
        "held_because": changes.findings.reasons,
        "guards_compared_with": str(changes.replaces) if changes.replaces else None,
        "unproven": [
            {"directory": result.directory, "check": result.name, "says": result.text}
            for result in changes.findings.unproven
        ],
        "guards": [_guard(verdict) for verdict in changes.verdicts],
        "export": _export(changes.export) if changes.export else None,
        "unknown_fields": {name: list(fields) for name, fields in changes.unknown_fields.items()},
    }


def _export(export: ExportPreview) -> dict[str, object]:
    """The export, with all rows."""
    return {
        "path": export.path,
        "compared_with": str(export.compared_with) if export.compared_with else None,
        **export.difference.model_dump(),
        "counts": dict(export.counts),
        "rows": [
            {"change": row.change, "cells": dict(zip(export.headers, row.cells, strict=True))}
            for row in export.rows
        ],
        "warnings": list(export.warnings),
        "failure": export.failure or None,
    }


def _guard(verdict: Verdict) -> dict[str, object]:
    """A guard's result under the names that the JSON has had since version 0.1."""
    return {
        "guard": verdict.name,
        "directory": verdict.directory,
        "attribute": verdict.attribute,
        "passed": verdict.outcome != "error",
        "warns": verdict.outcome == "warning",
        "count": verdict.count,
        "of": verdict.of,
        "percent": verdict.percent,
        "limits": dict(verdict.limits),
        "cause": verdict.cause,
        "says": verdict.message,
    }


def _load_rules(name: str, path: Path) -> Organization:
    try:
        return load_organization(path, name=name)
    except OrganizationFileError as mistakes:
        raise UsageError(str(mistakes)) from None


def _base(changes: Preview) -> str | None:
    if changes.rules:
        return "rules"
    return "published" if changes.compared_with else None


def _show(organization: Organization, changes: Preview) -> None:
    for line in _heading(organization, changes):
        click.echo(line)
    if changes.attributes:
        click.echo("\n  Attributes, by the number of people:")
        print_table(
            ("attribute", "changed", "filled", "blanked", "rewritten"),
            (
                (counts.attribute, counts.changed, counts.filled, counts.blanked, counts.rewritten)
                for counts in changes.attributes
            ),
        )
    for kind, words in KINDS.items():
        people = [person for person in changes.people if person.kind == kind]
        if people:
            count = changes.kinds[kind]
            shown = f" ({len(people)} are shown)" if len(people) < count else ""
            click.echo(f"\n  {plural(count, 'person', 'people')} {words}{shown}:")
            print_table(("person", "e-mail", "change"), _rows(people))
    if changes.export:
        _show_export(changes.export)
    for line in _verdicts(changes):
        click.echo(line)
    click.echo("\n  Nothing was written.")


def _heading(organization: Organization, changes: Preview) -> Iterator[str]:
    against = {
        "rules": f"from the result of {organization.name}'s own rules",
        "published": f"from the published directory of {changes.compared_with}",
    }.get(_base(changes) or "", "from an empty directory: nothing is published yet")
    yield f"{organization.name}, {changes.day}: the directory would differ {against}."
    yield (
        "  Sources: " + ", ".join(f"{name} of {day}" for name, day in changes.sources.items()) + "."
    )
    total = changes.difference
    yield (
        f"  In total: {total.added:,} people added, {total.removed:,} removed,"
        f" {total.changed:,} changed, {total.merged:,} merged, {total.split:,} split;"
        f" {total.groups_added:,} groups added, {total.groups_removed:,} removed;"
        f" {total.memberships_added:,} memberships added, {total.memberships_removed:,} removed."
    )
    if changes.kept_together:
        people = plural(changes.kept_together, "person", "people")
        yield (
            f"  The identity ledger keeps {people} together with accounts that no key joins any more:"
            " `conflicts` has kept_together."
        )
    for name, fields in changes.unknown_fields.items():
        yield f"  Look at: mapped, but no user of {name} has them: {', '.join(fields)}."
    if not changes.kinds and not changes.attributes:
        yield "  No signature would change."


def _rows(people: list[PersonChange]) -> Iterator[tuple[object, ...]]:
    """A row for each changed attribute of a person; only the first row has name and e-mail."""
    for person in people:
        edits = [
            f"{edit.attribute}: {edit.before or NO_VALUE} → {edit.after or NO_VALUE}"
            for edit in person.attributes
        ]
        first, *others = edits or [person.other or ""]
        yield (person.name or person.person_id, person.email, first)
        yield from (("", "", edit) for edit in others)


def _verdicts(changes: Preview) -> Iterator[str]:
    yield ""
    against = (
        f", compared with the published directory of {changes.replaces}" if changes.replaces else ""
    )
    if changes.findings.held:
        yield f"  It would be held back{against}:"
        yield from (f"    {reason}" for reason in changes.findings.reasons)
    else:
        yield f"  No guard would hold it back{against}."
    if changes.replaces and changes.replaces > changes.day:
        yield f"  An older day replaces that of {changes.replaces} only with `even_if_older: true`."
    for verdict in changes.verdicts:
        if verdict.outcome == "warning":
            yield f"    Look at: {verdict.message}"


def _show_export(export: ExportPreview) -> None:
    click.echo(f"\n  The export to {export.path}:")
    if export.failure:
        click.echo(f"    It would fail. {export.failure}")
        return
    total = export.difference
    against = (
        f"compared with the export of {export.compared_with}, {total.added:,} added, {total.changed:,}"
        f" changed, {total.removed:,} removed"
        if export.compared_with
        else "none was delivered yet"
    )
    click.echo(f"    {plural(export.counts['people'], 'row')}; {against}.")
    if "groups" in export.counts:
        groups, memberships = (export.counts[name] for name in ("groups", "memberships"))
        click.echo(
            f"    {plural(groups, 'group')} and {plural(memberships, 'membership')} beside them."
        )
    for warning in export.warnings:
        click.echo(f"    Look at: {warning}")
    listed = export.counts["people"] + total.removed
    if len(export.rows) < listed:
        click.echo(f"    {len(export.rows):,} of {plural(listed, 'row')}, changed ones first:")
    print_table(
        ("change", "row"),
        ((row.change, ", ".join(_filled(export.headers, row))) for row in export.rows),
    )


def _filled(headers: Sequence[str], row: Row) -> Iterator[str]:
    """The cells that have a text, each with its header."""
    for header, cell in zip(headers, row.cells, strict=True):
        if cell is not None:
            yield f"{header}: {cell}"
