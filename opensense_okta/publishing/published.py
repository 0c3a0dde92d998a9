"""The published day, and the two days a new one is compared with (the one it replaces, the previous one).

The rename of the database is publishing's only commit: `published.json` is written before it with both
candidates, and the database's inode identifies the published one. A published day also has a
`published.json` beside its tables, which stays when the next day is published.
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
        """The file of one of its tables. If it was removed: of the day resolved again alike."""
        shelf = lake.resolved(self.day)
        path = shelf.folder / self.id / f"{name}.parquet"
        again = None if path.exists() else shelf.manifest(ResolvedManifest)
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
        file: the inode of the database, which a rename does not change.
        resolved: what the tables were made from.
        base: the latest published day before it, which `changes` and `difference` compare with.
        approved_by: who approved the day, if it was held back.
        since: when it was published first; None: version 0.1 did not store it.
    """

    day: date
    file: int
    resolved: ResolvedManifest
    base: PublishedRef | None = None
    difference: Difference | None = None
    approved_by: str | None = None
    since: AwareDatetime | None = None


class Publications(BaseModel):
    """The database that is about to be moved into place, and the one that it replaces.

    Written before the move, so that the move alone is the commit: the database's inode identifies
    the published one.
    """

    model_config = ConfigDict(frozen=True)

    newest_first: tuple[Published, ...]


def published(lake: Lake) -> Published | None:
    """The published day, or None.

    A database that is lost, or was restored from a backup, has neither of the two inodes. Then the
    newest day that has a `published.json` counts, so that the guards still compare with it.
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
    """Stores beside a day's tables that they were published."""
    write_state(lake.resolved(one.day).folder / PUBLISHED, one)


def read_publication(lake: Lake, day: date) -> Published | None:
    """The publication of a day, or None."""
    return read_state(lake.resolved(day).folder / PUBLISHED, Published)


def published_days(lake: Lake) -> list[date]:
    """The days that have been published, oldest first."""
    return days_in(lake.folder / "resolved", PUBLISHED)


@dataclass(frozen=True)
class ComparisonTargets:
    """The published days that a day is compared with.

    Attributes:
        before: the latest published earlier day, which its changes compare with.
        replaces: the published day, which the guards compare with; None: it replaces nothing.
        newer: the published day that is newer, and stays published.
    """

    before: PublishedRef | None = None
    replaces: PublishedRef | None = None
    newer: date | None = None


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
                f" resolved from has been replaced. Start the job {lake.organization}__resolve for"
                f" {resolved.day}."
            )
        manifests[directory] = manifest
    return manifests
