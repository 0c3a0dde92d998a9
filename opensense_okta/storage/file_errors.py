"""Words for what a disk refuses: it is full, it may only be read, or a file belongs to another user.

A full disk and a locked database are transient: other programs free space and end. All other refusals need
a person.

The same refusal comes as an `OSError`, as DuckDB's error, and from SQLite, in which Dagster stores its runs.
"""

import errno
import os
import pwd
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import duckdb

from opensense_okta.config.errors import UserError

Refusal = Literal["full", "denied", "read_only", "locked", "broken"]

ERRNOS: Final[dict[int, Refusal]] = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.EROFS: "read_only",
}

TEXTS: Final[dict[str, Refusal]] = {
    **{os.strerror(number): refusal for number, refusal in ERRNOS.items()},
    "database or disk is full": "full",
    "attempt to write a readonly database": "denied",
    "unable to open database file": "denied",
    "database is locked": "locked",
    "Could not set lock on file": "locked",
    "disk I/O error": "broken",
}
"""What DuckDB quotes of the operating system, and the messages of SQLite (sqlite.org/rescode.html)."""

TRANSIENT: Final[frozenset[Refusal]] = frozenset({"full", "locked"})

DATABASE_ERRORS: Final = (duckdb.Error, sqlite3.Error)

REMEDIES: Final[dict[Refusal, str]] = {
    "full": "free space on that disk, or raise the quota of the user {user}. Then start the sync again,"
    " unless it is retried.",
    "denied": "run this as {owner}, or give the file to {user}: `chown -R {user} {folder}`.",
    "read_only": "mount that file system so that it can be written.",
    "locked": "end the process that keeps the database open (`fuser {path}`). Then start the sync again,"
    " unless it is retried.",
    "broken": "check that the disk has free space and no errors (`dmesg`), then start the sync again.",
}


class StorageRefused(UserError):
    """A file could not be read or written. The remedy is on this machine."""


def storage_refusal(error: BaseException) -> StorageRefused | None:
    """What the disk refused, if an error or one of its causes is that; else None.

    Args:
        error: any error, also a group of them, or Dagster's own around another one.
    """
    for cause in _causes(error):
        found = _refusal(cause)
        if found is not None:
            refusal, path, said = found
            return _explained(refusal, path, said)
    return None


def reading_refused(error: OSError) -> UserError:
    """The error of a file of the lake that could not be read."""
    return storage_refusal(error) or UserError(
        f"{error.filename} cannot be read ({error.strerror}).",
        remedy="check that the user of Dagster's processes may read the lake.",
    )


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and what caused it, the outermost first."""
    pending, seen = [error], set[int]()
    while pending:
        current = pending.pop(0)
        if id(current) in seen:
            continue
        seen.add(id(current))
        yield current
        if isinstance(current, BaseExceptionGroup):
            pending.extend(current.exceptions)
        # SQLAlchemy has the driver's error in `orig`.
        others = (current.__cause__, current.__context__, getattr(current, "orig", None))
        pending.extend(other for other in others if isinstance(other, BaseException))


def _refusal(error: BaseException) -> tuple[Refusal, str, str] | None:
    """The kind of refusal, the path if it is known, and what the system said."""
    if isinstance(error, OSError) and error.errno in ERRNOS:
        return ERRNOS[error.errno], str(error.filename or ""), error.strerror or str(error)
    if not isinstance(error, DATABASE_ERRORS):
        return None
    text = str(error)
    for said, refusal in TEXTS.items():
        if said in text:
            quoted = re.search(r"[\"'](/[^\"']+)[\"']", text)
            return refusal, quoted[1] if quoted else "", said
    return None


def _explained(refusal: Refusal, path: str, said: str) -> StorageRefused:
    user, owner = _user(os.geteuid()), _owner(path)
    file = path or "a database in DAGSTER_HOME"  # SQLite's errors have no path
    message = {
        "full": f"{file} could not be written, because the disk is full or the user's quota is used up",
        "denied": f"The user {user} may not use {file}"
        + (f", which belongs to {owner}" if path else ""),
        "read_only": f"{file} could not be written, because its file system is mounted read-only",
        "locked": f"{file} is locked by another process",
        "broken": f"The disk failed while it read or wrote {file}",
    }[refusal]
    folder = str(Path(path).parent) if path else "DAGSTER_HOME"
    return StorageRefused(
        f"{message} ({said}).",
        impact="Nothing was published by this: the published directory is as it was.",
        remedy=REMEDIES[refusal].format(user=user, owner=owner, folder=folder, path=file),
        transient=refusal in TRANSIENT,
    )


def _owner(path: str) -> str:
    """Who owns a file, or the nearest folder above it that this user can see."""
    if not path:
        return "its owner"
    for place in (Path(path), *Path(path).parents):
        try:
            return _user(place.stat().st_uid)
        except OSError:
            continue
    return "its owner"


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)
