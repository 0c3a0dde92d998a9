"""A lake in a folder of this machine. Files and folders are private to their owner."""

import errno
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from opensense_okta.storage.files import (
    atomic_replace,
    atomic_write,
    make_private_dir,
    sync_to_disk,
)
from opensense_okta.storage.store import (
    ABSENT,
    Changed,
    Document,
    Entry,
    FolderInPlaceOfFile,
    Store,
    Version,
)

NOT_THERE = (FileNotFoundError, NotADirectoryError)


@dataclass(frozen=True)
class Folder:
    """A `Store` in a folder.

    A version is the inode of a file and the time of its last change. Versions are compared just before a
    file is replaced, under the organization's lock, which a living process cannot lose.
    """

    root: Path

    @property
    def scratch(self) -> Path:
        """The folder itself: files are made on the disk on which they are stored."""
        return self.root

    @property
    def is_local(self) -> bool:
        """A file in the folder is stored."""
        return True

    def url(self, name: str = "") -> str:
        """The path of a file."""
        return str(self.root / name)

    def read(self, name: str) -> Document | None:
        """A whole small file; None: there is none."""
        try:
            with (self.root / name).open("rb") as file:
                return Document(file.read(), _version(os.fstat(file.fileno())))
        except NOT_THERE:
            return None

    def version(self, name: str) -> Version:
        """The version of a file, or `ABSENT`."""
        status = self._status(name)
        return _version(status) if status else ABSENT

    def write(self, name: str, data: bytes, over: Version) -> Version:
        """Stores a small file over the version that was read: a temporary file is renamed."""
        path = self.root / name
        make_private_dir(path.parent)
        self._require(name, over)
        atomic_write(path, data)
        return self.version(name)

    def keep(self, file: Path, name: str, over: Version) -> Version:
        """Renames a finished file; one that was made in its place is only written to disk."""
        path = self.root / name
        file.chmod(0o600)  # DuckDB makes files as the process's umask says
        if file == path:
            sync_to_disk(file)
        else:
            make_private_dir(path.parent)
            self._require(name, over)
            atomic_replace(file, path)
        return self.version(name)

    def copy(self, name: str, to: str, over: Version) -> Version:
        """Copies a file: a private temporary file is renamed."""
        unfinished = self.root / f".copy.{secrets.token_hex(4)}"
        descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as copy, (self.root / name).open("rb") as file:
                shutil.copyfileobj(file, copy)
            return self.keep(unfinished, to, over)
        finally:
            unfinished.unlink(missing_ok=True)

    def fetch(self, name: str) -> Path | None:
        """The file itself; None: there is none."""
        path = self.root / name
        return path if os.path.isfile(path) else None  # noqa: PTH113 - Path raises for another user's folder

    def mark(self, name: str) -> str | None:
        """The inode of a file."""
        status = self._status(name)
        return str(status.st_ino) if status else None

    def mark_of(self, file: Path) -> str:
        """The inode, which stays when the file is renamed."""
        return str(file.stat().st_ino)

    def children(self, folder: str) -> list[str]:
        """The names of files and folders directly in a folder, sorted."""
        try:
            return sorted(path.name for path in (self.root / folder).iterdir())
        except NOT_THERE:
            return []
        except OSError as error:
            if error.errno == errno.ELOOP:  # a loop of links
                return []
            raise

    def listed(self, folder: str) -> Store:  # noqa: ARG002 - as in the protocol
        """The folder itself: to ask it costs nothing."""
        return self

    def entries(self, name: str) -> Iterator[Entry]:
        """A file, or all files in a folder and below it. What disappears meanwhile is left out."""
        path = self.root / name
        if name and (path.is_symlink() or path.is_file()):
            yield self._entry(path)
            return
        for parent, folders, files in os.walk(path):
            for file in files:
                with suppress(FileNotFoundError):
                    yield self._entry(Path(parent, file))
            if not folders and not files:
                with suppress(FileNotFoundError):
                    yield self._entry(Path(parent), "/")

    def remove(self, names: Iterable[str]) -> None:
        """Removes files in this order, and folders that become empty."""
        for name in names:
            path = self.root / name
            with suppress(*NOT_THERE):
                path.rmdir() if name.endswith("/") else path.unlink()
            self._remove_empty(path.parent)

    def _remove_empty(self, folder: Path) -> None:
        with suppress(OSError):  # files are in it
            while folder != self.root:
                folder.rmdir()
                folder = folder.parent

    def _require(self, name: str, over: Version) -> None:
        if self.version(name) != over:
            raise Changed(self.url(name))
        if os.path.isdir(self.root / name):  # noqa: PTH112 - as in `fetch`
            raise FolderInPlaceOfFile(self.url(name))

    def _status(self, name: str) -> os.stat_result | None:
        """The status of a file; None: there is none, or it is in a folder that this user may not enter."""
        path = self.root / name
        try:
            return path.stat()
        except (*NOT_THERE, PermissionError):
            return None
        except OSError:  # a loop of links; a file that is stored replaces the link
            return path.lstat()

    def _entry(self, path: Path, suffix: str = "") -> Entry:
        status = path.lstat()
        return Entry(
            path.relative_to(self.root).as_posix() + suffix,
            0 if suffix else status.st_size,
            datetime.fromtimestamp(status.st_mtime, UTC),
        )


def linked_folder(root: Path) -> Path | None:
    """A symbolic link to a folder, below the root of a `Folder`, whose `entries` do not follow it."""
    links = (
        Path(parent, name)
        for parent, folders, _ in os.walk(root)
        for name in folders
        if Path(parent, name).is_symlink()
    )
    return next(links, None)


def _version(status: os.stat_result) -> Version:
    return Version(f"{status.st_ino}-{status.st_mtime_ns}")
