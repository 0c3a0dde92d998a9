"""Where snapshots and resolved days are stored, and how each is committed in one step.

Every access to stored data goes through this module. One organization's lake:

    <root>/<organization>/
      snapshots/directory=okta/date=2026-11-23/<id>/users.parquet …
      snapshots/directory=okta/date=2026-11-23/manifest.json
      resolved/date=2026-11-23/<id>/people.parquet …
      resolved/date=2026-11-23/manifest.json
      identities/date=2026-11-23.parquet    the identity ledger, a file for each published day
      directory.duckdb            the published directory
      published.json              which day it holds

The tables of a day are stored together in a folder named by an id, and are never changed. The manifest
beside the folder is the commit: it names the id, is replaced in one step, and every reader reads it first.
"""

import json
import secrets
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from opensense_okta.storage.files import make_private_dir, sync_to_disk
from opensense_okta.storage.state_files import (
    StateFileDamaged,
    read_text,
    usable_state,
    write_state,
)

MANIFEST = "manifest.json"
PUBLISHED = "published.json"  # beside the published tables of a day
KEPT = {MANIFEST, PUBLISHED, "judgement.json", "approval.json"}
PAGES = "pages"
PAGES_KEPT = timedelta(hours=1)  # how long an interrupted read can be resumed
UNNAMED_FILES_KEPT = timedelta(days=1)  # long enough for readers of the previous manifest


class Manifest(BaseModel):
    """The commit of a day: the id of the folder that has its tables. Subclasses add its origin."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str


M = TypeVar("M", bound=Manifest)


@dataclass(frozen=True)
class StagedPartition:
    """A folder of tables that are being written. No reader sees it, because no manifest names it."""

    id: str
    folder: Path

    def table(self, name: str) -> Path:
        """The file to which the table is written."""
        return self.folder / f"{name}.parquet"

    @property
    def pages(self) -> Path:
        """The folder of the pages that were read, kept until the tables are made."""
        return self.folder / PAGES

    def forget_all_but_pages(self) -> None:
        """Removes unfinished tables that a killed process left behind."""
        for path in self.folder.iterdir():
            if path != self.pages:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@dataclass(frozen=True)
class Partition:
    """The folder of one day: its manifest, and the tables that the manifest names."""

    folder: Path

    @property
    def manifest_file(self) -> Path:
        """The file of the manifest."""
        return self.folder / MANIFEST

    def draft(self) -> StagedPartition:
        """A new folder for tables, with a unique id."""
        draft_id = secrets.token_hex(8)
        folder = self.folder / draft_id
        make_private_dir(folder)
        return StagedPartition(draft_id, folder)

    def commit(self, draft: StagedPartition, manifest: Manifest) -> None:
        """Makes the draft's tables the tables of the day, in one step; the previous ones stay until then."""
        if manifest.id != draft.id:
            raise ValueError(f"the manifest names {manifest.id}, the draft is {draft.id}")
        for path in draft.folder.iterdir():
            sync_to_disk(path)
        sync_to_disk(draft.folder)
        unfinished = [each for each in self.open_drafts() if each.id != draft.id]
        write_state(self.manifest_file, manifest)
        for pages in self._pages():  # the day is complete: no read of it is resumed
            shutil.rmtree(pages)
        for each in unfinished:
            self.discard(each)

    def discard(self, draft: StagedPartition) -> None:
        """Removes a draft's tables, unless they have been committed."""
        if draft.id not in _ids(self.folder / MANIFEST):
            shutil.rmtree(draft.folder, ignore_errors=True)

    def open_drafts(self) -> list[StagedPartition]:
        """The drafts that still have pages: unfinished reads."""
        whole = _ids(self.folder / MANIFEST)  # a process may be killed just after its commit
        folders = [pages.parent for pages in self._pages() if pages.parent.name not in whole]
        return [StagedPartition(folder.name, folder) for folder in folders]

    def manifest(self, kind: type[M]) -> M | None:
        """The manifest of the day; None: nothing was committed, or the manifest is damaged.

        One that names another day, or tables that are not there, is a copy that was put here.
        """
        manifest = usable_state(self.manifest_file, kind)
        if manifest is None or not (self.folder / manifest.id).is_dir():
            return None
        own_day = day_of(self.folder.name)
        return manifest if getattr(manifest, "day", own_day) == own_day else None

    def table(self, manifest: Manifest, name: str) -> Path:
        """The file of one of the tables that the manifest names."""
        return self.folder / manifest.id / f"{name}.parquet"

    def _pages(self) -> list[Path]:
        return list(self.folder.glob(f"*/{PAGES}"))


class Lake:
    """Everything stored for one organization."""

    def __init__(self, root: Path, organization: str) -> None:
        self.organization = organization
        self.folder = root / organization
        make_private_dir(self.folder)

    def snapshot(self, directory: str, day: date) -> Partition:
        """The snapshot of one directory on one day."""
        return Partition(self.folder / "snapshots" / f"directory={directory}" / f"date={day}")

    def resolved(self, day: date) -> Partition:
        """The resolved directory of one day."""
        return Partition(self.folder / "resolved" / f"date={day}")

    def snapshot_days(self, directory: str) -> list[date]:
        """The days with a complete snapshot of the directory, oldest first."""
        return days_in(self.folder / "snapshots" / f"directory={directory}", MANIFEST)

    def resolved_days(self) -> list[date]:
        """The days that have been resolved, oldest first."""
        return days_in(self.folder / "resolved", MANIFEST)

    def published_days(self) -> list[date]:
        """The stored days that have been published, oldest first."""
        return days_in(self.folder / "resolved", PUBLISHED)

    def ledger(self, day: date) -> Path:
        """The file of the identity ledger that a published day added."""
        return self.folder / "identities" / f"date={day}.parquet"

    def ledger_days(self) -> list[date]:
        """The days that have been published, oldest first."""
        return days_in(self.folder / "identities")

    @property
    def database(self) -> Path:
        """The published directory, a DuckDB file."""
        return self.folder / "directory.duckdb"

    @property
    def published(self) -> Path:
        """The file that names the day of the published directory."""
        return self.folder / "published.json"

    @property
    def locks(self) -> Path:
        """The folder of the locks of the organization's runs."""
        return make_private_dir(self.folder / "locks")

    def sweep(self, now: datetime) -> int:
        """Removes pages older than an hour, and unreferenced files older than a day.

        The snapshots and tables of the published directory stay, even if its day was read again and
        the new read is held back. Where a document that names tables is damaged, its tables stay.

        Returns:
            The number of files and folders that were removed.
        """
        before = (now - UNNAMED_FILES_KEPT).timestamp()
        swept = 0
        for pages in self.folder.glob(f"snapshots/*/date=*/*/{PAGES}"):
            if pages.stat().st_mtime < (now - PAGES_KEPT).timestamp():
                shutil.rmtree(pages)
                swept += 1
        for path in self._unnamed():
            if _last_touched(path) < before:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
                swept += 1
        return swept

    def _unnamed(self) -> Iterator[Path]:
        for folder in (self.folder, self.folder / "reports", self.folder / "identities"):
            yield from folder.glob(".*")
        try:
            standing = _strict_ids(self.published)
        except StateFileDamaged:
            return
        for day in [*self.folder.glob("snapshots/*/date=*"), *self.folder.glob("resolved/date=*")]:
            if day_of(day.name) is None:
                continue
            try:
                named = KEPT | standing | _strict_ids(day / MANIFEST) | _strict_ids(day / PUBLISHED)
            except StateFileDamaged:
                continue
            yield from (path for path in day.iterdir() if path.name not in named)


def _ids(file: Path) -> set[str]:
    """All ids in a state file; none if it is damaged."""
    try:
        return _strict_ids(file)
    except StateFileDamaged:
        return set()


def _strict_ids(file: Path) -> set[str]:
    """All ids in a state file: its own, and those of what it was made from.

    Raises:
        StateFileDamaged: the file cannot be read.
    """
    found: set[str] = set()

    def note(pairs: list[tuple[str, object]]) -> None:
        found.update(str(value) for name, value in pairs if name == "id")

    text = read_text(file)
    if text is not None:
        json.loads(text, object_pairs_hook=note)
    return found


def days_in(folder: Path, file: str = "") -> list[date]:
    """The days of the files and folders `date=2026-11-23` in a folder, oldest first.

    Others, such as `date=2026-11-23 (copy)`, are no days.

    Args:
        folder: the folder to list; it may be missing.
        file: if given, only folders that contain a file of this name count.
    """
    paths = folder.glob(f"date=*/{file}" if file else "date=*")
    days = (day_of(path.relative_to(folder).parts[0]) for path in paths)
    return sorted({day for day in days if day is not None})


def day_of(name: str) -> date | None:
    """The day of `date=2026-11-23` or `date=2026-11-23.parquet`; None: it is another name."""
    text = name.removeprefix("date=").removesuffix(".parquet")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if str(day) == text else None  # 20261123 is a day, too


def stored_days(folder: Path) -> set[date]:
    """The days of which a lake has a snapshot or resolved tables; empty if there is no such folder."""
    folders = [folder / "resolved", *folder.glob("snapshots/directory=*")]
    return {day for days in folders for day in days_in(days)}


def _last_touched(path: Path) -> float:
    return max((inner.stat().st_mtime for inner in [path, *path.rglob("*")]), default=0.0)
