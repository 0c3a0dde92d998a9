"""Where the files of a lake are stored. Each is reached by its name, such as `published.json`.

A name is relative to the organization's lake and has `/` between its parts. There are two kinds of files:
tables, under names that are never used again (`forget` alone replaces one), and files that can be replaced.
Those are written over the version that was read when the work began. So a process that lost its lock, and
does not know it, cannot overwrite what another one has written since.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NewType, Protocol

from opensense_okta.config.errors import UserError

Version = NewType("Version", str)
"""Identifies what is stored under a name. Two contents never have the same one."""

ABSENT: Final = Version("")
"""The version of a name under which nothing is stored."""


@dataclass(frozen=True)
class Document:
    """The content of a small file, and its version."""

    data: bytes
    version: Version


@dataclass(frozen=True)
class Entry:
    """A stored file. The name of a folder without files ends with `/`; its size is 0."""

    name: str
    bytes: int
    modified: datetime


class Changed(UserError):
    """Another process has replaced a file since this one read it. A retry works with the new content."""

    def __init__(self, file: str) -> None:
        super().__init__(
            f"{file} was replaced by another process while this one worked with the version before.",
            impact="This process did not write it, and the published directory is what the other one made.",
            remedy="nothing, if a retry follows; else start it again: it begins from what is stored now.",
            transient=True,
        )


class StoreTrouble(UserError):
    """The object store did not do what was asked. Time, or the store's operator, resolves it."""

    TRANSIENT = True


class StoreDenied(StoreTrouble):
    """The object store refused the credentials, or they do not allow what was asked."""


class FolderInPlaceOfFile(UserError):
    """A folder has the name of a file that is to be stored."""

    def __init__(self, file: str) -> None:
        super().__init__(
            f"{file} is a folder, and a file is stored there.",
            impact="Nothing was published by this; the published directory stays.",
            remedy=f"move the folder away (`mv {file} {file}.away`), then start the sync again.",
        )


class Store(Protocol):
    """The files of one organization's lake."""

    @property
    def scratch(self) -> Path:
        """A folder of this machine for the files that a step writes and reads."""

    @property
    def is_local(self) -> bool:
        """Whether the files of `scratch` are those that are stored."""

    def url(self, name: str = "") -> str:
        """Where the file is, in words for people: a path or a URL without credentials."""

    def read(self, name: str) -> Document | None:
        """A whole small file; None: there is none.

        Raises:
            OSError: it cannot be read.
        """

    def version(self, name: str) -> Version:
        """The version of a file; `ABSENT` also for one in a folder that this user may not enter."""

    def write(self, name: str, data: bytes, over: Version) -> Version:
        """Stores a small file whole or not at all, and returns its version.

        Args:
            name: of the file.
            data: its content.
            over: the version that it replaces.

        Raises:
            Changed: another version is stored.
        """

    def keep(self, file: Path, name: str, over: Version) -> Version:
        """Stores a finished file of `scratch` whole or not at all, and returns its version.

        `file` is gone afterwards, or is what `fetch` returns.

        Args:
            file: in `scratch`.
            name: under which it is stored.
            over: the version that it replaces.

        Raises:
            Changed: another version is stored.
        """

    def copy(self, name: str, to: str, over: Version) -> Version:
        """Copies a stored file whole or not at all, and returns the version of the copy.

        Args:
            name: of the file.
            to: the name of the copy.
            over: the version that the copy replaces.

        Raises:
            Changed: another version is stored.
        """

    def fetch(self, name: str) -> Path | None:
        """A local copy of a file, to be read only; None: there is none."""

    def mark(self, name: str) -> str | None:
        """What identifies a file and stays when it is renamed; None: there is no such file."""

    def mark_of(self, file: Path) -> str:
        """What `mark` returns once a finished file of `scratch` is stored."""

    def children(self, folder: str) -> list[str]:
        """The names of files and folders directly in a folder, sorted; none if there is no such folder."""

    def listed(self, folder: str) -> "Store":
        """The same store, which knows what is in a folder now; only for questions about that folder.

        Where each question is a request, this is one for a thousand files, and a file that this process has
        read before is read again only if it has changed. A version is for comparisons with `ABSENT` only.
        """

    def entries(self, name: str) -> Iterator[Entry]:
        """A file, or all files in a folder and below it, in no particular order."""

    def remove(self, names: Iterable[str]) -> None:
        """Removes files in this order, and folders that become empty. Missing files are ignored."""


_copied: dict[Path, str] = {}
"""The folders of this process with copies of stored files, and the URL of each."""


def note_copies(folder: Path, url: str) -> None:
    """Notes that the files in a folder are copies of those at a URL."""
    _copied[folder] = url


def address(path: Path) -> str:
    """Where a file is stored, for people: its path, or the URL of which it is a copy."""
    for folder in path.parents:
        if folder in _copied:
            return f"{_copied[folder]}/{path.relative_to(folder).as_posix()}"
    return str(path)
