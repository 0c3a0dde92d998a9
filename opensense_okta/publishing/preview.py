"""What publishing would change, found without writing anything into the lake.

A day is resolved into a folder of its own that goes away again, and is compared with the published
directory, or with what the organization's own rules make of the same day.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from opensense_okta.config.attributes import ATTRIBUTES, attributes
from opensense_okta.config.models import Organization
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import Findings, compared, evaluate_day
from opensense_okta.publishing.published import (
    ComparisonTargets,
    Published,
    PublishedRef,
    published,
)
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import ResolvedManifest, make_tables
from opensense_okta.resolution.rules import digest
from opensense_okta.resolution.snapshots import select_snapshots
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake, StagedPartition

SIGNATURE = (
    "display_name",
    "given_name",
    "family_name",
    "email",
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
"""What signatures show, beside the attributes that the organization has declared itself."""

Kind = Literal["changed", "removed", "inactive", "added", "active", "merged", "split"]


class Edit(BaseModel):
    """One attribute of a person, before and after."""

    model_config = ConfigDict(frozen=True)

    attribute: str
    before: str | None
    after: str | None


class PersonChange(BaseModel):
    """What becomes of one person.

    Attributes:
        kind: `inactive` and `active` are people who turn so; `merged` goes on as another id, and
            `split` came out of another one: `other`.
        attributes: those that differ, of the ones that are looked at.
    """

    model_config = ConfigDict(frozen=True)

    kind: Kind
    person_id: str
    name: str | None
    email: str | None
    other: str | None
    attributes: tuple[Edit, ...]


class AttributeChange(BaseModel):
    """In how many people one attribute differs, and how.

    Attributes:
        filled: it had no value before.
        blanked: it has none any more.
        rewritten: it has another one.
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
        day: that was resolved.
        compared_with: the published directory's day, or None when nothing is published.
        rules: whether it was compared with what the organization's own rules make of the same day.
        sources: the day of each directory's snapshot.
        difference: in numbers, of everybody and everything.
        people: by impact, for each kind no more than were asked for.
        kinds: how many people there are of each kind.
        attributes: the most changed one first.
        replaces: the published directory's day, which the guards compare with; None: nothing is published.
        findings: what publishing the day would find.
    """

    day: date
    compared_with: date | None
    rules: bool
    sources: Mapping[str, date]
    difference: Difference
    people: Sequence[PersonChange]
    kinds: Mapping[str, int]
    attributes: Sequence[AttributeChange]
    replaces: date | None
    findings: Findings

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """What each guard would say."""
        return self.findings.verdicts


class DraftRef(PublishedRef):
    """A directory to compare with whose tables lie outside of the lake."""

    folder: Path

    def table(self, lake: Lake, name: str) -> Path:  # noqa: ARG002 - it is not in the lake
        """One of its tables."""
        return self.folder / f"{name}.parquet"


def preview(
    organization: Organization,
    lake: Lake,
    day: date,
    *,
    rules: Organization | None = None,
    everything: bool = False,
    people: int = 20,
) -> Preview:
    """What publishing the day would change now, or what other rules would make of it.

    Args:
        organization: as it is.
        lake: of the organization.
        day: resolved from its newest stored snapshots.
        rules: other ones; compared with what the organization's own make of the day, which is what
            is published if it was made of the same snapshots under the same rules.
        everything: all attributes and all people, not only what signatures show and of active people.
        people: how many of each kind are named at most.

    Raises:
        NothingToResolve: no directory has a snapshot up to that day.
        StaleDirectory: one is too old, and the rules say that this is a failure.
    """
    ruled = rules or organization
    known = list(dict.fromkeys([*attributes(organization), *attributes(ruled)]))
    shown = [name for name in known if everything or _in_signatures(name)]
    with ExitStack() as stack:
        folder, resolved = stack.enter_context(_drafted(ruled, lake, day))
        last = published(lake)
        base = replaces = PublishedRef(day=last.day, id=last.id) if last else None
        if rules is not None and not _made_alike(organization, lake, day, last):
            there, manifest = stack.enter_context(_drafted(organization, lake, day))
            base = DraftRef(day=day, id=manifest.id, folder=there)
        place = ComparisonTargets(replaces=replaces)
        with compared(lake, base, resolved, folder) as (connection, difference):
            describe, kinds = _people(connection, shown, everything=everything, limit=people)
            counted = _attributes(connection, shown, everything=everything)
            alike = replaces in (None, base)
            found = evaluate_day(connection, ruled, lake, resolved, place) if alike else None
        if found is None:
            with compared(lake, replaces, resolved, folder) as (connection, _):
                found = evaluate_day(connection, ruled, lake, resolved, place)
    return Preview(
        day=day,
        compared_with=base.day if base else None,
        rules=isinstance(base, DraftRef),
        sources={name: source.as_of for name, source in resolved.sources.items()},
        difference=difference,
        people=describe,
        kinds=kinds,
        attributes=counted,
        replaces=replaces.day if replaces else None,
        findings=found,
    )


def _in_signatures(attribute: str) -> bool:
    return attribute in SIGNATURE or attribute not in ATTRIBUTES


def _made_alike(organization: Organization, lake: Lake, day: date, last: Published | None) -> bool:
    """Whether what is published is what the organization's own rules make of the day now."""
    if last is None or last.day != day or last.resolved.rules != digest(organization):
        return False
    chosen = select_snapshots(organization, day, lake)
    return {name: one.manifest.id for name, one in chosen.items()} == {
        name: source.id for name, source in last.resolved.sources.items()
    }


@contextmanager
def _drafted(
    organization: Organization, lake: Lake, day: date
) -> Iterator[tuple[Path, ResolvedManifest]]:
    """The day's tables in a private folder that goes away again."""
    chosen = select_snapshots(organization, day, lake)
    with TemporaryDirectory(prefix="opensense-preview-") as folder:
        draft = StagedPartition("preview", Path(folder))
        yield draft.folder, make_tables(organization, day, lake, chosen, draft)


def _people(
    connection: duckdb.DuckDBPyConnection, shown: list[str], *, everything: bool, limit: int
) -> tuple[list[PersonChange], dict[str, int]]:
    rows = engine.run(
        connection,
        __package__,
        "preview_people.sql",
        shown=shown,
        everything=everything,
        people=limit,
    )
    counted = engine.run(connection, __package__, "preview_kinds.sql")
    kinds = {str(row["kind"]): int(str(row["people"])) for row in counted}
    return [PersonChange.model_validate(row) for row in rows], kinds


def _attributes(
    connection: duckdb.DuckDBPyConnection, shown: list[str], *, everything: bool
) -> list[AttributeChange]:
    rows = engine.run(
        connection, __package__, "preview_attributes.sql", shown=shown, everything=everything
    )
    return [AttributeChange.model_validate(row) for row in rows]
