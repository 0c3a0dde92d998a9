"""Which directory is published, and what a day is compared with: what it would replace, and what was before.

The rename of the database is publishing's only commit: `published.json` is written before it with both
candidates, and the database's inode tells which of the two it is. A day that has been published has a
mark beside its tables, which outlives the next day.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict

from opensense_okta.config.errors import UserError
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.lake import PUBLISHED, Lake, Manifest, days_in
from opensense_okta.storage.state_files import read_state, write_state


class NotResolved(UserError):
    """The day cannot be published as it is; the text says what to do first."""


class PublishedRef(BaseModel):
    """A published directory that a day is compared with."""

    model_config = ConfigDict(frozen=True)

    day: date
    id: str

    def table(self, lake: Lake, name: str) -> Path:
        """One of its tables; if they are gone, of the day as resolved again since, alike."""
        shelf = lake.resolved(self.day)
        path = shelf.folder / self.id / f"{name}.parquet"
        again = None if path.exists() else shelf.manifest(ResolvedManifest)
        if again is None:
            return path
        was = self.manifest(lake)
        same = was is None or (_snapshots(was), was.rules) == (_snapshots(again), again.rules)
        return shelf.table(again, name) if same else path

    def manifest(self, lake: Lake) -> ResolvedManifest | None:
        """What it was made from, as far as that is still known."""
        for known in (published(lake), read_publication(lake, self.day)):
            if known is not None and known.id == self.id:
                return known.resolved
        again = lake.resolved(self.day).manifest(ResolvedManifest)
        return again if again is not None and again.id == self.id else None


class Published(Manifest):
    """Which day a published database holds, and how it differs from the published day before.

    Attributes:
        file: the inode of the database, which a rename does not change.
        resolved: what the tables were made from.
        base: the latest published day before it, which `changes` and `difference` are told against.
        approved_by: who let a held day through.
        since: when it was published first; None: that was before it was noted.
    """

    day: date
    file: int
    resolved: ResolvedManifest
    base: PublishedRef | None = None
    difference: Difference | None = None
    approved_by: str | None = None
    since: AwareDatetime | None = None


class Publications(BaseModel):
    """What the database may be: the one about to be moved into place, and the one it replaces.

    Written before the move, so that the move alone is the commit: the database's own inode tells
    which of the two it is.
    """

    model_config = ConfigDict(frozen=True)

    newest_first: tuple[Published, ...]


def published(lake: Lake) -> Published | None:
    """Which day is published, or None.

    A database that is lost, or came back from a backup, is neither of the two files: the newest that
    was marked tells, so that the guards go on comparing with it.
    """
    publications = read_state(lake.published, Publications)
    if publications is None:
        return None
    either = publications.newest_first
    try:
        file = lake.database.stat().st_ino
    except FileNotFoundError:
        file = None
    known = [one for one in either if one.file == file] or [
        one for one in either if (done := read_publication(lake, one.day)) and done.id == one.id
    ]
    if not known:
        return None if file is None else either[0]
    return known[0] if file is None else known[0].model_copy(update={"file": file})


def record_publication(lake: Lake, one: Published) -> None:
    """Notes beside a day's tables that they have been published."""
    write_state(lake.resolved(one.day).folder / PUBLISHED, one)


def read_publication(lake: Lake, day: date) -> Published | None:
    """What was published of a day, or None."""
    return read_state(lake.resolved(day).folder / PUBLISHED, Published)


def published_days(lake: Lake) -> list[date]:
    """The days that have been published, oldest first."""
    return days_in(lake.folder / "resolved", PUBLISHED)


@dataclass(frozen=True)
class ComparisonTargets:
    """Where a day stands among those that are published.

    Attributes:
        before: the latest published day before it, which its changes are told against.
        replaces: what is published now, which the guards compare it with; None: it replaces nothing.
        newer: the published day that is newer, and stays.
    """

    before: PublishedRef | None = None
    replaces: PublishedRef | None = None
    newer: date | None = None


def comparison_targets(lake: Lake, day: date, *, even_if_older: bool = False) -> ComparisonTargets:
    """What a day that is about to be published is compared with.

    The two are one directory on most days. They are not when a day is published again, or an older one
    is: then its changes are told as on the day itself, and its losses are those of today's readers.

    Args:
        lake: of the organization.
        day: that is compared.
        even_if_older: whether it replaces a published day that is newer, too.
    """
    last = published(lake)
    if last is None:
        return ComparisonTargets()
    now = PublishedRef(day=last.day, id=last.id)
    if last.day < day:
        return ComparisonTargets(before=now, replaces=now)
    earlier = [each for each in published_days(lake) if each < day]
    found = read_publication(lake, earlier[-1]) if earlier else None
    before = PublishedRef(day=found.day, id=found.id) if found else None
    if last.day > day and not even_if_older:
        return ComparisonTargets(before, newer=last.day)
    return ComparisonTargets(before, replaces=now)


def describe(replaces: PublishedRef, day: date) -> str:
    """The published directory in words, for whoever reads of a day that is compared with it."""
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
                f" resolved from has been replaced. Start the job {lake.organization}__resolve for"
                f" {resolved.day}."
            )
        manifests[directory] = manifest
    return manifests
