"""Which directory is published, and what a day is compared with.

The rename of the database is publishing's only commit: `published.json` is written before it with both
candidates, and the database's inode tells which of the two it is. A day that has been published has a
mark beside its tables, which outlives the next day.
"""

from datetime import date
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.lake import PUBLISHED, Lake, Manifest, write_whole
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import ResolvedManifest


class NotResolved(Exception):
    """The day cannot be published as it is; the text says what to do first."""


class Base(BaseModel):
    """The directory that a day is compared with: of the latest published day before it."""

    model_config = ConfigDict(frozen=True)

    day: date
    id: str

    def table(self, lake: Lake, name: str) -> Path:
        """One of its tables; of the day as resolved again since, if the published ones are gone."""
        shelf = lake.resolved(self.day)
        path = shelf.folder / self.id / f"{name}.parquet"
        again = None if path.exists() else shelf.manifest(ResolvedManifest)
        return shelf.table(again, name) if again else path

    def manifest(self, lake: Lake) -> ResolvedManifest | None:
        """What it was made from, as far as that is still known."""
        mark = marked(lake, self.day)
        if mark is not None and mark.id == self.id:
            return mark.resolved
        again = lake.resolved(self.day).manifest(ResolvedManifest)
        return again if again is not None and again.id == self.id else None


class Published(Manifest):
    """Which day a published database holds, and how it differs from the published day before.

    Attributes:
        file: the inode of the database, which a rename does not change.
        resolved: what the tables were made from.
        approved_by: who let a held day through.
    """

    day: date
    file: int
    resolved: ResolvedManifest
    base: Base | None = None
    difference: Difference | None = None
    approved_by: str | None = None


class Publications(BaseModel):
    """What the database may be: the one about to be moved into place, and the one it replaces.

    Written before the move, so that the move alone is the commit: the database's own inode tells
    which of the two it is.
    """

    model_config = ConfigDict(frozen=True)

    newest_first: tuple[Published, ...]


def published(lake: Lake) -> Published | None:
    """Which day is published, or None."""
    try:
        either = Publications.model_validate_json(lake.published.read_bytes()).newest_first
        file = lake.database.stat().st_ino
    except FileNotFoundError:
        return None
    # A database that came back from a backup is neither of the two files: take it for the newest.
    found = next((one for one in either if one.file == file), either[0])
    return found.model_copy(update={"file": file})


def mark(lake: Lake, one: Published) -> None:
    """Notes beside a day's tables that they have been published."""
    write_whole(lake.resolved(one.day).folder / PUBLISHED, one.model_dump_json(indent=2))


def marked(lake: Lake, day: date) -> Published | None:
    """What was published of a day, or None."""
    try:
        text = (lake.resolved(day).folder / PUBLISHED).read_bytes()
    except FileNotFoundError:
        return None
    return Published.model_validate_json(text)


def published_days(lake: Lake) -> list[date]:
    """The days that have been published, oldest first."""
    marks = (lake.folder / "resolved").glob(f"date=*/{PUBLISHED}")
    return sorted(date.fromisoformat(path.parent.name.removeprefix("date=")) for path in marks)


def base_of(lake: Lake, day: date, resolved: str = "") -> Base | None:
    """What a day is compared with: the latest published day before it, whichever is published now.

    The first day of all, synced again, is compared with itself as it was published, so that the guards
    see a loss even then.

    Args:
        lake: of the organization.
        day: that is compared.
        resolved: the id of its tables; the published ones keep what they were compared with.
    """
    last = published(lake)
    if last is None:
        return None
    if last.day < day:
        return Base(day=last.day, id=last.id)
    if last.day == day:
        earlier = last.base is not None and last.base.day < day
        return last.base if earlier or last.id == resolved else Base(day=day, id=last.id)
    before = [earlier_day for earlier_day in published_days(lake) if earlier_day < day]
    found = marked(lake, before[-1]) if before else None
    return Base(day=found.day, id=found.id) if found else None


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
