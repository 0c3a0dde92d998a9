"""Computes what publishing would change, without writing anything into the lake.

A day is resolved into a temporary folder and compared with the published directory, or with the result
of the organization's own rules on the same day.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from pydantic import BaseModel, ConfigDict

from opensense_okta.config.attributes import ATTRIBUTES, attributes
from opensense_okta.config.models import Organization
from opensense_okta.directories.doctor import unknown_fields
from opensense_okta.publishing.evaluation import Findings, compared, evaluate_compared, evaluate_day
from opensense_okta.publishing.exports.preview import ExportPreview, preview_export
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.published import (
    Published,
    PublishedRef,
    comparison_targets,
    published,
)
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import ResolvedManifest, make_tables
from opensense_okta.resolution.rules import digest
from opensense_okta.resolution.snapshots import select_snapshots
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import StagedPartition
from opensense_okta.storage.sql import Sql

SIGNATURE = (
    "display_name",
    "given_name",
    "family_name",
    "email",
    "aliases",
    "title",
    "department",
    "organization",
    "work_phone",
    "mobile_phone",
    "street_address",
    "locality",
    "region",
    "postal_code",
    "country",
)
"""The attributes in signatures, besides the custom attributes of the organization."""

Kind = Literal["changed", "removed", "inactive", "added", "active", "merged", "split"]


class Edit(BaseModel):
    """One attribute of a person, before and after."""

    model_config = ConfigDict(frozen=True)

    attribute: str
    before: str | None
    after: str | None


class PersonChange(BaseModel):
    """The change of one person.

    Attributes:
        kind: `inactive` and `active`: the person becomes so; `merged`: the person continues under
            the id `other`; `split`: the person was split off from the id `other`.
        attributes: those of the compared attributes that differ.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    person_id: str
    name: str | None
    email: str | None
    other: str | None
    attributes: tuple[Edit, ...]


class AttributeChange(BaseModel):
    """How many people one attribute changes in, and how.

    Attributes:
        filled: people who had no value before.
        blanked: people who have no value any more.
        rewritten: people who have another value.
    """

    model_config = ConfigDict(frozen=True)

    attribute: str
    changed: int
    filled: int
    blanked: int
    rewritten: int


@dataclass(frozen=True)
class Preview:
    """The difference that publishing would make.

    Attributes:
        day: the day that was resolved.
        compared_with: the published day; None: nothing is published.
        rules: whether it was compared with the result of the organization's own rules on the same day.
        sources: the day of each directory's snapshot.
        difference: the numbers for all people and all attributes.
        people: by impact, for each kind at most the requested number.
        kinds: the number of people of each kind.
        kept_together: the number of people whose accounts the identity ledger keeps together.
        attributes: the most changed attribute first.
        replaces: the published day, with which the guards compare; None: nothing is published.
        findings: the results of the checks and guards that publishing the day would have.
        export: what the export would have; None: nothing is exported.
        unknown_fields: the fields of the other rules that no user of a directory has, by directory.
    """

    day: date
    compared_with: date | None
    rules: bool
    sources: Mapping[str, date]
    difference: Difference
    people: Sequence[PersonChange]
    kinds: Mapping[str, int]
    kept_together: int
    attributes: Sequence[AttributeChange]
    replaces: date | None
    findings: Findings
    export: ExportPreview | None
    unknown_fields: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """The verdicts that the guards would return."""
        return self.findings.verdicts


class DraftRef(PublishedRef):
    """A directory to compare with; its tables are stored outside of the lake."""

    folder: Path

    def table(self, lake: Lake, name: str) -> Path:  # noqa: ARG002 - it is not in the lake
        """The file of one of its tables."""
        return self.folder / f"{name}.parquet"


def preview(
    organization: Organization,
    lake: Lake,
    day: date,
    *,
    rules: Organization | None = None,
    everything: bool = False,
    people: int = 20,
    rows: int | None = 20,
) -> Preview:
    """Computes what publishing the day would change now, or what other rules would change.

    Args:
        organization: the organization with its current rules.
        lake: the lake of the organization.
        day: the day; it is resolved from the newest stored snapshots.
        rules: the organization with other rules; they are compared with the result of the current
            rules. That is the published day if its snapshots and rules are the same.
        everything: include all attributes and all people, not only those in signatures and active people.
        people: the largest number of people listed for each kind.
        rows: the largest number of rows of the export; None: all.

    Raises:
        NothingToResolve: no directory has a snapshot up to that day.
        StaleDirectory: the data of a directory is too old, and the rules make this a failure.
    """
    ruled = rules or organization
    shown = _shown(organization, ruled, everything=everything)
    with ExitStack() as stack:
        folder, resolved = stack.enter_context(_drafted(ruled, lake, day))
        last = published(lake)
        base = replaces = PublishedRef(day=last.day, id=last.id) if last else None
        if rules is not None and not _made_alike(organization, lake, day, last):
            there, manifest = stack.enter_context(_drafted(organization, lake, day))
            base = DraftRef(day=day, id=manifest.id, folder=there)
        export = preview_export(ruled, lake, lambda table: folder / f"{table}.parquet", rows)
        place = comparison_targets(lake, day, even_if_older=True)
        with compared(lake, base, resolved, folder) as (connection, difference):
            sql = Sql(connection, __package__)
            describe, kinds = _people(sql, shown, everything=everything, limit=people)
            counted = _attributes(sql, shown, everything=everything)
            verdicts = evaluate_compared(connection, ruled, lake, resolved, place, base)
        findings = evaluate_day(ruled, lake, resolved, place, verdicts, folder)
        unknown = _unknown_fields(rules, lake, day, folder) if rules else {}
    return Preview(
        day=day,
        compared_with=base.day if base else None,
        rules=isinstance(base, DraftRef),
        sources={name: source.as_of for name, source in resolved.sources.items()},
        difference=difference,
        people=describe,
        kinds=kinds,
        kept_together=resolved.evidence["people_kept_together"],
        attributes=counted,
        replaces=replaces.day if replaces else None,
        findings=findings,
        export=export,
        unknown_fields=unknown,
    )


def _shown(organization: Organization, ruled: Organization, *, everything: bool) -> list[str]:
    """The compared attributes: all, or those in signatures and the custom ones."""
    known = dict.fromkeys([*attributes(organization), *attributes(ruled)])
    return [name for name in known if everything or name in SIGNATURE or name not in ATTRIBUTES]


def _made_alike(organization: Organization, lake: Lake, day: date, last: Published | None) -> bool:
    """Whether the published day has the same rules and snapshots that resolving it now would use."""
    if last is None or last.day != day or last.resolved.rules != digest(organization):
        return False
    chosen = select_snapshots(organization, day, lake)
    return {name: snapshot.manifest.id for name, snapshot in chosen.items()} == {
        name: source.id for name, source in last.resolved.sources.items()
    }


@contextmanager
def _drafted(
    organization: Organization, lake: Lake, day: date
) -> Iterator[tuple[Path, ResolvedManifest]]:
    """Resolves the day into a private temporary folder; it is deleted afterwards."""
    chosen = select_snapshots(organization, day, lake)
    with TemporaryDirectory(prefix="opensense-preview-") as folder:
        draft = StagedPartition("preview", Path(folder))
        yield draft.folder, make_tables(organization, day, lake, chosen, draft)


def _unknown_fields(
    organization: Organization, lake: Lake, day: date, folder: Path
) -> dict[str, list[str]]:
    unknown = {}
    for name, snapshot in select_snapshots(organization, day, lake).items():
        with engine.start(folder) as connection:
            users = lake.snapshot(name, snapshot.manifest.day).table(snapshot.manifest, "raw_users")
            engine.view(connection, "raw_users", users)
            unknown[name] = unknown_fields(connection, organization.directories[name])
    return {name: fields for name, fields in unknown.items() if fields}


def _people(
    sql: Sql, shown: list[str], *, everything: bool, limit: int
) -> tuple[list[PersonChange], dict[str, int]]:
    people = sql.rows(
        "preview_people.sql", PersonChange, shown=shown, everything=everything, people=limit
    )
    return people, dict(sql.rows("preview_kinds.sql", tuple[str, int]))


def _attributes(sql: Sql, shown: list[str], *, everything: bool) -> list[AttributeChange]:
    return sql.rows("preview_attributes.sql", AttributeChange, shown=shown, everything=everything)
