"""Copies all lakes of one place to another, such as from a folder to an object store.

Tables are copied first and documents last, with `published.json` as the very last: a copy that was
interrupted is never a lake in which something is missing. While it is not complete, nothing opens it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from opensense_okta.config.environment import is_store
from opensense_okta.config.errors import UserError
from opensense_okta.storage.folder import linked_folder
from opensense_okta.storage.lake import TEMPORARY, organizations
from opensense_okta.storage.opening import (
    COPYING,
    MARKER,
    Copying,
    copy_between,
    create_lake,
    open_store,
    open_unfinished,
)
from opensense_okta.storage.partition import PAGES, PUBLISHED
from opensense_okta.storage.state_files import read_state, write_state
from opensense_okta.storage.store import ABSENT, Entry, Store

LEFT_OUT: Final = re.compile(rf"locks/.*|notices\.lock|.*/{PAGES}/.*|.*\.wal")
"""Locks are of one machine; pages are of a read that is not complete, which begins again in the new place."""


ORGANIZATION: Final = re.compile(r"[a-z][a-z0-9_]*")


class CopyRefused(UserError):
    """The lakes cannot be copied to that place."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message, impact="Nothing was copied.", remedy=remedy)


@dataclass(frozen=True)
class Copied:
    """What was copied of one organization, or what it has.

    Attributes:
        files: how many files the copy has.
        bytes: their size.
    """

    organization: str
    files: int
    bytes: int


def copy_lakes(
    source: Path | str, target: Path | str, report: Callable[[Copied], None]
) -> list[Copied]:
    """Copies the lakes of all organizations. The caller must hold the locks of all of them.

    A copy that was interrupted is continued: tables that it has are not copied again.

    Args:
        source: the root of the lakes.
        target: where the copies will be: a folder, or a URL in an object store.
        report: called after each organization.

    Raises:
        CopyRefused: something else is stored there; nothing is stored in `source`, or links that are not
            followed.
        EnvironmentMistake: there can be no lake at the URL.
        StoreTrouble: the object store did not answer.
    """
    names = copied_organizations(source)
    if not names:
        raise CopyRefused(f"Nothing is stored in {source}.", "correct OPENSENSE_DATA.")
    for name in names:
        _refuse_links(open_store(source, name))
    try:
        whole = open_unfinished(target, "")
    except (FileExistsError, NotADirectoryError):
        raise CopyRefused(f"{target} is no folder.", "name another place.") from None
    begun = _begin(whole, source, target)
    copied = []
    for name in names:
        copied.append(
            _copy(name, open_store(source, name), open_unfinished(target, name), begun.started)
        )
        report(copied[-1])
    if is_store(target):
        create_lake(str(target))
    whole.remove([COPYING])
    return copied


def copied_organizations(source: Path | str) -> list[str]:
    """The organizations with a lake. Other folders, such as `lost+found` of a disk, are not copied."""
    return [name for name in organizations(source) if ORGANIZATION.fullmatch(name)]


def _refuse_links(store: Store) -> None:
    """Refuses what would be missing in the copy.

    Raises:
        CopyRefused: there is a symbolic link to a folder, or something that is no file.
    """
    if not store.is_local:
        return
    link = linked_folder(Path(store.url()))
    if link is not None:
        raise CopyRefused(
            f"{link} is a symbolic link to a folder, and links are not followed.",
            "move the folder to the place of the link; on another disk, mount it there.",
        )
    for entry in _entries(store):
        if store.fetch(entry.name) is None:
            raise CopyRefused(
                f"{store.url(entry.name)} is no file that can be read, or a link to a file that is missing.",
                "remove it, or restore the file.",
            )


def _begin(target: Store, source: Path | str, root: Path | str) -> Copying:
    """Marks the target as a copy that is not complete.

    Raises:
        CopyRefused: something else is stored there.
    """
    begun = read_state(target, COPYING, Copying)
    if begun is not None and begun.source == str(source):
        return begun
    if begun is not None:
        raise CopyRefused(
            f"{root} has an incomplete copy of {begun.source}.",
            f"complete that copy, or empty {root}.",
        )
    stored = [name for name in target.children("") if not TEMPORARY.fullmatch(name)]
    if stored:
        what = "a lake" if MARKER in stored else "other files, such as " + stored[0]
        raise CopyRefused(f"{root} already has {what}.", "name an empty place.")
    begun = Copying(source=str(source), started=datetime.now(UTC))
    write_state(target, COPYING, begun, ABSENT)
    return begun


def _copy(organization: str, source: Store, target: Store, started: datetime) -> Copied:
    entries = sorted(_entries(source), key=_rank)
    names = {entry.name for entry in entries}
    there = {
        entry.name: entry.bytes for entry in target.entries("") if not entry.name.endswith("/")
    }
    target.remove(sorted(there.keys() - names))  # removed from the source since
    for entry in entries:
        unchanged = entry.name.endswith(".parquet") and entry.modified < started
        if not (unchanged and there.get(entry.name) == entry.bytes):
            copy_between(entry.name, source, target)
    return Copied(organization, len(entries), sum(entry.bytes for entry in entries))


def _entries(store: Store) -> Iterator[Entry]:
    for entry in store.entries(""):
        hidden = any(TEMPORARY.fullmatch(part) for part in entry.name.split("/"))
        if not (hidden or entry.name.endswith("/") or LEFT_OUT.fullmatch(entry.name)):
            yield entry


def _rank(entry: Entry) -> tuple[int, str]:
    """Tables, then other files, then documents, then what is published."""
    if entry.name == PUBLISHED:
        return 3, entry.name
    if entry.name.endswith(".json"):
        return 2, entry.name
    return (0 if entry.name.endswith(".parquet") else 1), entry.name
