"""The published day, and the two days a new one is compared with (the one it replaces, the previous one).

The rename of the database is publishing's only commit. The database names its day itself, in
`main.publication`. `published.json`, written before the rename, has what else is known of it and of the
database that it replaces. A published day also has a `published.json` beside its tables, its mark, which
stays when the next day is published.

A database of version 0.1 does not name its day: then its inode identifies it in `published.json`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, ClassVar

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict

from opensense_okta.config.errors import UserError
from opensense_okta.config.models import ExportedPeople
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.publishing.database import PublicationRow, publication_row
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.lake import DATABASE, Lake
from opensense_okta.storage.partition import PUBLISHED, Manifest, is_stored
from opensense_okta.storage.state_files import (
    IfDamaged,
    StateFileDamaged,
    usable_state,
    write_state,
)
from opensense_okta.storage.store import ABSENT, Version

UNKNOWN_RULES = ""
"""The digest of the rules of a publication of which only the database is left."""

NEVER = datetime.min.replace(tzinfo=UTC)


class NotResolved(UserError):
    """The day cannot be published as it is; the text says what to do first."""


class PublishedRef(BaseModel):
    """A published directory that a day is compared with."""

    model_config = ConfigDict(frozen=True)

    day: date
    id: str

    def table(self, lake: Lake, name: str) -> Path:
        """The file of one of its tables. If it was removed: of the day resolved again alike."""
        shelf = lake.resolved(self.day)
        path = shelf.table_of(self.id, name)
        again = None if is_stored(path) else shelf.manifest(ResolvedManifest)
        if again is None:
            return path
        was = self.manifest(lake)
        same = was is None or (_snapshots(was), was.rules) == (_snapshots(again), again.rules)
        return shelf.table(again, name) if same else path

    def manifest(self, lake: Lake) -> ResolvedManifest | None:
        """The manifest of its tables; None: it is no longer stored."""
        for known in (published(lake), read_publication(lake, self.day)):
            if known is not None and known.id == self.id:
                return known.resolved
        again = lake.resolved(self.day).manifest(ResolvedManifest)
        return again if again is not None and again.id == self.id else None


class Published(Manifest):
    """The day in a published database, and the difference from the previously published day.

    Attributes:
        file: the store's mark of the database: its inode, which a rename does not change.
        resolved: what the tables were made from.
        base: the latest published day before it, which `changes` and `difference` compare with.
        approved_by: who approved the day, if it was held back.
        approved: the newest publication of the day that a person approved, this one or an earlier one.
        since: when it was published first; None: version 0.1 did not store it.
        exported: who is exported; None: nothing is, or an older version published it.
    """

    IF_DAMAGED: ClassVar = IfDamaged(
        "It is as if the day had not been published: its changes are missing in `people_history`.",
        "restore the file from a backup. That of the published day is written by the next sync.",
    )

    day: date
    file: Annotated[str, BeforeValidator(str)]
    resolved: ResolvedManifest
    base: PublishedRef | None = None
    difference: Difference | None = None
    approved_by: str | None = None
    approved: PublishedRef | None = None
    since: AwareDatetime | None = None
    exported: ExportedPeople | None = None

    @property
    def last_approved(self) -> PublishedRef | None:
        """The newest publication of the day that a person approved; None: there is none."""
        # Version 0.1 stored the name only.
        own = PublishedRef(day=self.day, id=self.id) if self.approved_by else None
        return self.approved or own


class Publications(BaseModel):
    """The database that is about to be moved into place, and the one that it replaces.

    Written before the move, so that the move alone is the commit: the database's inode identifies
    the published one.
    """

    model_config = ConfigDict(frozen=True)
    IF_DAMAGED: ClassVar = IfDamaged(
        "The published day is read from the database instead.",
        "nothing: the next day that is published writes it.",
    )

    newest_first: tuple[Published, ...]


def published(lake: Lake) -> Published | None:
    """The published day, or None.

    What the database says of itself counts. Where `published.json` does not know that publication,
    because it is missing, damaged or an old copy, the mark beside the day's tables does. A database that
    is lost or damaged is known by its inode, or by the newest mark, so that the guards still compare
    with it.
    """
    candidates = _candidates(lake)
    mark = lake.store.mark(DATABASE)
    row, last = _database_row(lake), None
    if row is not None:
        last = _publication_of(lake, row, candidates)
    elif mark is not None:
        last = next((candidate for candidate in candidates if candidate.file == mark), None)
    last = last or _newest_known(lake, candidates, database_exists=mark is not None)
    return last.model_copy(update={"file": mark}) if last and mark is not None else last


def _candidates(lake: Lake) -> tuple[Published, ...]:
    """The publications in `published.json`; none if it is missing or damaged."""
    publications = usable_state(lake.store, PUBLISHED, Publications)
    return publications.newest_first if publications else ()


def _database_row(lake: Lake) -> PublicationRow | None:
    try:
        return publication_row(lake.database)
    except StateFileDamaged:
        return None


def _publication_of(
    lake: Lake, row: PublicationRow, candidates: tuple[Published, ...]
) -> Published:
    """All that is known of the publication that a database names."""
    known = (*candidates, read_publication(lake, row.day))
    for publication in known:
        if publication is not None and publication.id == row.resolved_id:
            return publication
    resolved = lake.resolved(row.day).manifest(ResolvedManifest)
    if resolved is None or resolved.id != row.resolved_id:
        resolved = ResolvedManifest(
            id=row.resolved_id,
            organization=lake.organization,
            day=row.day,
            sources={},
            rules=UNKNOWN_RULES,
            ledger=None,
            rows={},
            evidence={},
        )
    before = next((mark for mark in _marks(lake) if mark.day < row.day), None)
    return Published(
        id=row.resolved_id,
        day=row.day,
        file="",
        resolved=resolved,
        base=PublishedRef(day=before.day, id=before.id) if before else None,
        since=row.published_at,
    )


def _newest_known(
    lake: Lake, candidates: tuple[Published, ...], *, database_exists: bool
) -> Published | None:
    """The newest publication of which there is a mark."""
    marks = list(_marks(lake))
    marked = {mark.id for mark in marks}
    named = next((candidate for candidate in candidates if candidate.id in marked), None)
    if named is not None and named.since is None:
        return named  # version 0.1 did not store when a mark was made
    newest = max(marks, key=lambda mark: (mark.since or NEVER, mark.day), default=None)
    # Without a database only the publication that was to be replaced is sure.
    certain = candidates if database_exists else candidates[1:]
    return newest or next(iter(certain), None)


def _marks(lake: Lake) -> Iterator[Published]:
    """The publications of which there is a mark, the newest day first."""
    for day in reversed(published_days(lake)):
        mark = read_publication(lake, day)
        if mark is not None:
            yield mark


def lost_publication(lake: Lake) -> str:
    """What shows that something was published, if it is not known what; empty: nothing shows it."""
    if published(lake) is not None:
        return ""
    # Publishing may be killed before the first database is in its place.
    begun = {candidate.day for candidate in _candidates(lake)}
    recorded = [day for day in lake.ledger_days() if day not in begun]
    if recorded:
        return f"the identity ledger has the people of {recorded[-1]}"
    marked = published_days(lake)
    if marked:
        return f"{marked[-1]} has a {PUBLISHED}, which cannot be read"
    names = (DATABASE, *(() if begun else (PUBLISHED,)))
    exists = next((name for name in names if lake.store.version(name) != ABSENT), None)
    return f"there is a {exists}, which cannot be read" if exists else ""


def missing_database(lake: Lake) -> UserError | None:
    """That the published database is missing, although it is known which day it had; None: it is not."""
    last = published(lake)
    if last is None or lake.store.mark(DATABASE) is not None:
        return None
    return UserError(
        f"The published database {lake.url(DATABASE)} is missing.",
        impact=f"Programs cannot read the directory of {last.day}. The tables of the day are stored.",
        remedy=f"run `opensense-okta sync {lake.organization}`: it writes the database again.",
    )


def record_publication(lake: Lake, publication: Published, over: Version) -> Version:
    """Stores beside a day's tables that they were published.

    Raises:
        Changed: another process recorded a publication of the day since the version `over`.
    """
    return write_state(lake.store, mark_name(lake, publication.day), publication, over)


def mark_name(lake: Lake, day: date) -> str:
    """The name of the mark of a published day."""
    return lake.resolved(day).document(PUBLISHED)


def read_publication(lake: Lake, day: date) -> Published | None:
    """The publication of a day; None: there is none, or its mark is damaged or of another day."""
    mark = usable_state(lake.store, mark_name(lake, day), Published)
    return mark if mark and mark.day == day else None


def published_days(lake: Lake) -> list[date]:
    """The days that have been published, oldest first."""
    return lake.published_days()


@dataclass(frozen=True)
class ComparisonTargets:
    """The published days that a day is compared with.

    Attributes:
        before: the latest published earlier day, which its changes compare with.
        replaces: the published day, which the guards compare with; None: it replaces nothing.
        accepted: if the day itself is published: the newest publication of an earlier day, or that a person
            approved. The guards compare with it, too; else many small losses of one day would pass.
        newer: the published day that is newer, and stays published.
        lost: what shows that something was published, if it is not known what; else empty.
    """

    before: PublishedRef | None = None
    replaces: PublishedRef | None = None
    accepted: PublishedRef | None = None
    newer: date | None = None
    lost: str = ""

    @property
    def targets(self) -> Sequence[PublishedRef | None]:
        """What the guards compare with; the published directory is the first, None if nothing is replaced."""
        return [self.replaces, *([self.accepted] if self.accepted else [])]


def comparison_targets(lake: Lake, day: date, *, even_if_older: bool = False) -> ComparisonTargets:
    """The days that a day is compared with before it is published.

    `before` and `replaces` are usually the same day. They differ when a day is published again, or an
    older day is published: its changes compare with the day before it, its losses with what readers see.

    Args:
        lake: of the organization.
        day: that is compared.
        even_if_older: whether it also replaces a published day that is newer.
    """
    last = published(lake)
    if last is None:
        return ComparisonTargets(lost=lost_publication(lake))
    now = PublishedRef(day=last.day, id=last.id)
    if last.day < day:
        return ComparisonTargets(before=now, replaces=now)
    mark = next((mark for mark in _marks(lake) if mark.day < day), None)
    before = PublishedRef(day=mark.day, id=mark.id) if mark else None
    if last.day > day and not even_if_older:
        return ComparisonTargets(before, newer=last.day)
    accepted = _accepted(lake, last, before) if last.day == day else None
    return ComparisonTargets(before, replaces=now, accepted=accepted)


def _accepted(lake: Lake, last: Published, before: PublishedRef | None) -> PublishedRef | None:
    """The publication that the guards compare with beside the last one of the same day; None: none."""
    approved = last.last_approved
    if approved is not None and not is_stored(approved.table(lake, "people")):
        approved = None
    accepted = approved or before
    return None if accepted is not None and accepted.id == last.id else accepted


def describe(replaces: PublishedRef, day: date) -> str:
    """The published directory, as messages name it."""
    again = " as it was published before" if replaces.day == day else ""
    return f"the directory of {replaces.day}{again}"


def resolved_day(lake: Lake, day: date) -> ResolvedManifest:
    """The manifest of a resolved day.

    Raises:
        NotResolved: there is none.
    """
    resolved = lake.resolved(day).manifest(ResolvedManifest)
    if resolved is None:
        raise NotResolved(
            f"{lake.organization}: {day} has not been resolved, so it cannot be published. Start the job"
            f" {lake.organization}__resolve for {day}."
        )
    return resolved


def _snapshots(resolved: ResolvedManifest) -> dict[str, str]:
    return {directory: source.id for directory, source in resolved.sources.items()}


def sources(lake: Lake, resolved: ResolvedManifest) -> dict[str, SnapshotManifest]:
    """The manifests of the snapshots that the day was resolved from.

    Raises:
        NotResolved: one of them has been replaced since.
    """
    manifests = {}
    for directory, source in resolved.sources.items():
        manifest = lake.snapshot(directory, source.day).manifest(SnapshotManifest)
        if manifest is None or manifest.id != source.id:
            raise NotResolved(
                f"{lake.organization}/{directory}: the snapshot of {source.day} that {resolved.day} was"
                f" resolved from has been replaced, or cannot be read. Start the job"
                f" {lake.organization}__resolve for {resolved.day}."
            )
        manifests[directory] = manifest
    return manifests
