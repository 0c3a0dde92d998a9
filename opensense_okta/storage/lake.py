"""The names of the files of an organization's lake, and which days are stored.

<root>/<organization>/
snapshots/directory=okta/date=2026-11-23/<id>/users.parquet …
snapshots/directory=okta/date=2026-11-23/manifest.json
resolved/date=2026-11-23/<id>/people.parquet …
resolved/date=2026-11-23/manifest.json
identities/date=2026-11-23.parquet    the identity ledger, a file for each published day
directory.duckdb            the published directory
published.json              which day it has
people_history.parquet      the history of all people up to a published day
exported.json, exported/    the last export, and the people in it
notices.json                the notifications that were sent
reports/date=2026-11-23.html
forgotten.json              when people were forgotten, without who they were
"""

import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import suppress
from copy import copy
from datetime import date, datetime, timedelta
from pathlib import Path

from opensense_okta.config.environment import is_store
from opensense_okta.storage.files import make_private_dir
from opensense_okta.storage.opening import open_store
from opensense_okta.storage.partition import (
    MANIFEST,
    PAGES,
    PUBLISHED,
    Partition,
    day_of,
    local_file,
)
from opensense_okta.storage.state_files import StateFileDamaged, ids_in
from opensense_okta.storage.store import ABSENT, Store

DATABASE = "directory.duckdb"
HISTORY = "people_history.parquet"
IDENTITIES = "identities"
REPORTS = "reports"
RESOLVED = "resolved"
SNAPSHOTS = "snapshots"

PAGES_KEPT = timedelta(minutes=75)
"""How old the last page of an interrupted read may be, so that the read is continued. It is longer than the
longest delay between two attempts."""

OLDEST_PAGE = timedelta(hours=6)
"""How old its first page may be: the pages of one read must be consistent with each other."""

ID = re.compile(r"[0-9a-f]{16}")
TEMPORARY = re.compile(r"\.(?:spill|export)-\w+|\..+\.[0-9a-f]{8}(?:\.wal)?")
"""What this program makes. Other files, such as `.git`, may be in a folder that `OPENSENSE_DATA` names by
mistake: they are left alone."""

UNNAMED_FILES_KEPT = timedelta(days=1)  # long enough for readers of the previous manifest


class Lake:
    """Everything stored for one organization. Its folder is made when something is written.

    Attributes:
        root: the folder with the lake of each organization, or its URL in an object store.
        organization: its name.
        store: all files of the lake, by name.
    """

    def __init__(self, root: Path | str, organization: str) -> None:
        self.root = root
        self.organization = organization
        self.store: Store = open_store(root, organization)

    def create(self) -> None:
        """Makes the folder of the lake, if it is missing."""
        make_private_dir(self.scratch)

    def listed(self, folder: str = "") -> "Lake":
        """The same lake, with what is in a folder now; see `Store.listed`."""
        now_stored = copy(self)
        now_stored.store = self.store.listed(folder)
        return now_stored

    @property
    def scratch(self) -> Path:
        """A folder of this machine, in which a step makes files."""
        return self.store.scratch

    def url(self, name: str = "") -> str:
        """Where a file of the lake is, for people and for other programs."""
        return self.store.url(name)

    @property
    def locks(self) -> Path:
        """The folder of the locks of the organization's runs, on this machine."""
        return make_private_dir(self.scratch / "locks")

    @property
    def notifications_lock(self) -> Path:
        """The lock of the organization's notifications, on this machine."""
        return make_private_dir(self.scratch) / "notices.lock"

    def unfinished(self, name: str) -> Path:
        """A new local file, private and hidden, which is stored under the name once it is finished."""
        path = self.scratch / name
        return make_private_dir(path.parent) / f".{path.name}.{secrets.token_hex(4)}"

    def snapshot(self, directory: str, day: date) -> Partition:
        """The snapshot of one directory on one day."""
        return Partition(self.store, f"{snapshots_of(directory)}/date={day}")

    def resolved(self, day: date) -> Partition:
        """The resolved directory of one day."""
        return Partition(self.store, f"{RESOLVED}/date={day}")

    def directories(self) -> list[str]:
        """The directories that the lake has snapshots of, also those that are no longer configured.

        Those of which this user may not list the snapshots are left out.
        """
        return [name for name in _directories(self.store) if self._may_list(snapshots_of(name))]

    def foreign_folders(self) -> list[str]:
        """The names of the folders with days that this user may not list."""
        folders = [*map(snapshots_of, _directories(self.store)), RESOLVED, IDENTITIES, REPORTS]
        return [folder for folder in folders if not self._may_list(folder)]

    def _may_list(self, folder: str) -> bool:
        try:
            self.store.children(folder)
        except PermissionError:
            return False
        return True

    def snapshot_days(self, directory: str, *, complete: bool = True) -> list[date]:
        """The days with a snapshot of the directory, oldest first.

        Args:
            directory: its name.
            complete: False: also the days without a manifest, which a killed process left.
        """
        return _days(self.store, snapshots_of(directory), MANIFEST if complete else "")

    def resolved_days(self, *, complete: bool = True) -> list[date]:
        """The days that have been resolved, oldest first; `complete` as for snapshots."""
        return _days(self.store, RESOLVED, MANIFEST if complete else "")

    def published_days(self) -> list[date]:
        """The stored days that have been published, oldest first."""
        return _days(self.store, RESOLVED, PUBLISHED)

    def is_published(self, tables_id: str, day: date) -> bool:
        """Whether a published day, this one or a later one, was made from a snapshot of the day.

        A day of which the document is damaged does not count.
        """
        for later in self.published_days():
            if later >= day:
                with suppress(StateFileDamaged):
                    if tables_id in ids_in(self.store, self.resolved(later).document(PUBLISHED)):
                        return True
        return False

    def ledger_days(self) -> list[date]:
        """The days that have been published, oldest first."""
        return _days(self.store, IDENTITIES)

    def report_days(self) -> list[date]:
        """The published days with a report, oldest first."""
        return _days(self.store, REPORTS)

    def ledger(self, day: date) -> Path:
        """The local file of the identity ledger that a published day added; it may be missing."""
        return local_file(self.store, ledger_name(day))

    @property
    def database(self) -> Path:
        """The local file of the published directory, a DuckDB database; it may be missing."""
        return local_file(self.store, DATABASE)

    def sweep(self, now: datetime) -> int:
        """Removes pages that no read continues with, and unreferenced files older than a day.

        The snapshots and tables of the published directory stay, even if its day was read again and
        the new read is held back. Where a document that names tables is damaged, its tables stay. Files
        that this program does not make stay, too.

        Returns:
            The number of files and folders that were removed.
        """
        swept, now_stored = 0, self.listed()
        for name, kept in now_stored._removable():  # noqa: SLF001 - the same lake
            entries = list(now_stored.store.entries(name))
            if entries and max(entry.modified for entry in entries) < now - kept:
                with suppress(PermissionError):  # another user's
                    self.store.remove(entry.name for entry in entries)
                    swept += 1
        return swept

    def unreferenced(self) -> set[str]:
        """The names of folders and files that no document refers to, whatever their age, and of pages."""
        return {name for name, _ in self._removable()}

    def _removable(self) -> Iterator[tuple[str, timedelta]]:
        """Pages, and what no document refers to, each with how long it is kept."""
        for folder in ("", f"{REPORTS}/", f"{IDENTITIES}/"):
            for name in self.store.children(folder):
                if TEMPORARY.fullmatch(name):
                    yield f"{folder}{name}", UNNAMED_FILES_KEPT
        for partition in self._partitions():
            names = self._readable_children(partition.name)
            ids = [name for name in names if ID.fullmatch(name)]
            for tables_id in ids:
                if PAGES in self._readable_children(partition.document(tables_id)):
                    yield partition.document(f"{tables_id}/{PAGES}"), PAGES_KEPT
            unfinished = [name for name in names if TEMPORARY.fullmatch(name)]
            # Most days have one folder of tables, that of their manifest: they need no reading.
            if unfinished or len(ids) > 1 or MANIFEST not in names:
                for name in self._unreferenced(partition, [*ids, *unfinished]):
                    yield partition.document(name), UNNAMED_FILES_KEPT

    def _readable_children(self, folder: str) -> list[str]:
        try:
            return self.store.children(folder)
        except PermissionError:  # another user's
            return []

    def _unreferenced(self, partition: Partition, names: Iterable[str]) -> list[str]:
        """The names that no document refers to; none where a document is damaged."""
        documents = (PUBLISHED, partition.document(MANIFEST), partition.document(PUBLISHED))
        try:
            referenced = {of for document in documents for of in ids_in(self.store, document)}
        except StateFileDamaged:
            return []
        return [name for name in names if name not in referenced]

    def _partitions(self) -> Iterator[Partition]:
        for directory in self.directories():
            for day in self.snapshot_days(directory, complete=False):
                yield self.snapshot(directory, day)
        for day in self.resolved_days(complete=False):
            yield self.resolved(day)


def ledger_name(day: date) -> str:
    """The name of the file of the identity ledger that a published day added."""
    return f"{IDENTITIES}/date={day}.parquet"


def report_name(day: date) -> str:
    """The name of the report of a published day."""
    return f"{REPORTS}/date={day}.html"


def organizations(root: Path | str) -> list[str]:
    """The organizations that have a lake, sorted."""
    if not is_store(root):
        folders = Path(root).iterdir() if Path(root).is_dir() else iter(())
        return sorted(folder.name for folder in folders if folder.is_dir())
    store = open_store(root, "")
    return [name for name in store.children("") if store.children(name)]


def stored_days(root: Path | str, organization: str) -> set[date]:
    """The days of which a lake has a snapshot or resolved tables; empty if there is no such lake."""
    store = open_store(root, organization)
    folders = [RESOLVED, *map(snapshots_of, _directories(store))]
    return {day for folder in folders for day in _days(store, folder)}


def snapshots_of(directory: str) -> str:
    """The name of the folder with the snapshots of a directory."""
    return f"{SNAPSHOTS}/directory={directory}"


def _directories(store: Store) -> list[str]:
    prefix = "directory="
    names = store.children(SNAPSHOTS)
    return [name.removeprefix(prefix) for name in names if name.startswith(prefix)]


def _days(store: Store, folder: str, file: str = "") -> list[date]:
    """The days of the files and folders `date=2026-11-23` in a folder, oldest first.

    Others, such as `date=2026-11-23 (copy)`, are no days.

    Args:
        store: of the lake.
        folder: the folder to list; it may be missing.
        file: if given, only folders that contain a file of this name count.
    """
    days, store = set(), store.listed(folder) if file else store
    for name in store.children(folder):
        day = day_of(name) if name.startswith("date=") else None
        if day is not None and (not file or store.version(f"{folder}/{name}/{file}") != ABSENT):
            days.add(day)
    return sorted(days)
