"""One day of a lake: its tables, and the manifest that commits them in one step.

The tables of a day are stored together in a folder named by an id, and are never changed. The manifest
beside the folder is the commit: it names the id, is replaced in one step, and every reader reads it first.
"""

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from opensense_okta.storage.files import make_private_dir, sync_to_disk
from opensense_okta.storage.state_files import (
    StateFileDamaged,
    ids_in,
    usable_state,
    write_state,
)
from opensense_okta.storage.store import ABSENT, Store, Version

MANIFEST = "manifest.json"
PUBLISHED = "published.json"  # beside the tables of a published day
PAGES = "pages"


class Manifest(BaseModel):
    """The commit of a day: the id of the folder that has its tables. Subclasses add its origin."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: str


M = TypeVar("M", bound=Manifest)
Item = TypeVar("Item")
Result = TypeVar("Result")

REQUESTS = 16
"""How many requests of one step an object store answers at once."""


@dataclass(frozen=True)
class StagedPartition:
    """A folder of tables that are being written. No reader sees it, because no manifest names it.

    Attributes:
        id: of the tables.
        folder: of this machine, in which they are written.
        over: the version of the day's manifest when the work began.
        pages: the folder of this machine with the pages that were read, kept until the tables are made.
        pages_name: of the folder with the pages in the lake.
    """

    id: str
    folder: Path
    over: Version = ABSENT
    pages: Path = Path()
    pages_name: str = ""

    def table(self, name: str) -> Path:
        """The file to which the table is written."""
        return self.folder / f"{name}.parquet"

    def page_document(self, file: str) -> str:
        """The name of a document beside the pages."""
        return f"{self.pages_name}/{file}"

    def forget_all_but_pages(self) -> None:
        """Removes unfinished tables that a killed process left behind."""
        for path in self.folder.iterdir():
            if path != self.pages:
                shutil.rmtree(path) if path.is_dir() else path.unlink()


@dataclass(frozen=True)
class Partition:
    """One day: its documents, and the tables that its manifest names.

    Attributes:
        store: with the files of the lake.
        name: of the day's folder, such as `resolved/date=2026-11-23`.
    """

    store: Store
    name: str

    def document(self, file: str) -> str:
        """The name of a document of the day."""
        return f"{self.name}/{file}"

    @property
    def folder(self) -> Path:
        """The folder of this machine for the day's drafts."""
        return self.store.scratch / self.name

    def draft(self) -> StagedPartition:
        """A new folder for tables, with a unique id."""
        draft_id = secrets.token_hex(8)
        return self._staged(draft_id, pages_of=draft_id)

    def _staged(self, draft_id: str, pages_of: str) -> StagedPartition:
        return StagedPartition(
            draft_id,
            make_private_dir(self.folder / draft_id),
            self.store.version(self.document(MANIFEST)),
            self.folder / pages_of / PAGES,
            self.document(f"{pages_of}/{PAGES}"),
        )

    def commit(self, draft: StagedPartition, manifest: Manifest) -> None:
        """Makes the draft's tables the tables of the day, in one step; the previous ones stay until then.

        Raises:
            Changed: another process committed the day since the draft was made or opened.
        """
        if manifest.id != draft.id:
            raise ValueError(f"the manifest names {manifest.id}, the draft is {draft.id}")
        for file in draft.folder.iterdir():
            if file != draft.pages:
                self.store.keep(file, self.document(f"{draft.id}/{file.name}"), ABSENT)
        sync_to_disk(draft.folder)
        with_pages, before = self._ids_with_pages(), self._committed()
        write_state(self.store, self.document(MANIFEST), manifest, draft.over)
        for draft_id in with_pages:  # the day is complete: no read of it is resumed
            self._remove(f"{draft_id}/{PAGES}")
            if draft_id not in {draft.id, *before}:
                self._remove(draft_id)

    def discard(self, draft: StagedPartition) -> None:
        """Removes a draft's tables and pages, unless they have been committed."""
        if draft.id not in self._committed():
            self._remove(draft.id)
            self._remove(draft.pages.parent.name)

    def open_drafts(self) -> list[StagedPartition]:
        """The drafts that still have pages: unfinished reads."""
        committed = self._committed()  # a process may be killed just after its commit
        return [self._resumed(of) for of in self._ids_with_pages() if of not in committed]

    def _resumed(self, draft_id: str) -> StagedPartition:
        """A draft with the pages of an unfinished read.

        In an object store its tables get an id of their own: a process that lost its lock, and does not know
        it, may still store tables under the id of the read.
        """
        own_id = draft_id if self.store.is_local else secrets.token_hex(8)
        return self._staged(own_id, pages_of=draft_id)

    def manifest(self, kind: type[M]) -> M | None:
        """The manifest of the day; None: nothing was committed, or the manifest is damaged.

        One that names another day, or tables that are not there, is a copy that was put here.
        """
        manifest = usable_state(self.store, self.document(MANIFEST), kind)
        if manifest is None or not self.has_tables(manifest.id):
            return None
        own_day = day_of(self.name.rpartition("/")[2])
        return manifest if getattr(manifest, "day", own_day) == own_day else None

    def has_tables(self, tables_id: str) -> bool:
        """Whether tables are stored under an id, which this user may list."""
        try:
            return bool(self.store.children(self.document(tables_id)))
        except OSError:
            return False

    def table(self, manifest: Manifest, name: str) -> Path:
        """The local file of one of the tables that the manifest names, like `table_of`."""
        return self.table_of(manifest.id, name)

    def table_of(self, tables_id: str, name: str) -> Path:
        """The local file of a table. It is missing if the table is not stored."""
        return local_file(self.store, self.table_name(tables_id, name))

    def table_name(self, tables_id: str, name: str) -> str:
        """The name of a table's file in the lake."""
        return self.document(f"{tables_id}/{name}.parquet")

    def remove(self) -> int:
        """Removes the day, and returns its size in bytes.

        The documents without which the day does not exist go first: no process reads an incomplete day.
        """
        entries = list(self.store.entries(self.name))
        first = [self.document(PUBLISHED), self.document(MANIFEST)]
        self.store.remove([*first, *(entry.name for entry in entries)])
        return sum(entry.bytes for entry in entries)

    def _committed(self) -> set[str]:
        try:
            return ids_in(self.store, self.document(MANIFEST))
        except StateFileDamaged:
            return set()

    def _ids_with_pages(self) -> list[str]:
        names = self._children(self.name)
        return [name for name in names if PAGES in self._children(self.document(name))]

    def _children(self, folder: str) -> list[str]:
        """The names in a folder; none in that of another user."""
        try:
            return self.store.children(folder)
        except PermissionError:
            return []

    def _remove(self, folder: str) -> None:
        shutil.rmtree(self.folder / folder, ignore_errors=True)
        if not self.store.is_local:
            name = self.document(folder)
            self.store.remove([entry.name for entry in self.store.entries(name)])


def local_file(store: Store, name: str) -> Path:
    """A local copy of a stored file; if nothing is stored, the path of a file that does not exist."""
    return store.fetch(name) or store.scratch / name


def at_once(
    store: Store, work: Callable[[Item], Result], items: Iterable[Item]
) -> Iterator[Result]:
    """The results of some work with each item, in their order; in threads where the store takes requests."""
    if store.is_local:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(REQUESTS) as threads:
        yield from threads.map(work, items)


def is_stored(path: Path) -> bool:
    """Whether there is a file; False also for one in a folder that this user may not enter."""
    return os.path.exists(path)  # noqa: PTH110 - `Path.exists` raises for another user's folder


def day_of(name: str) -> date | None:
    """The day of `date=2026-11-23`, also with the suffix of a table or report; None: another name."""
    text = name.removeprefix("date=").removesuffix(".parquet").removesuffix(".html")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if str(day) == text else None  # 20261123 is a day, too
