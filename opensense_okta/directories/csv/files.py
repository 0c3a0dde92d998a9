"""Finds a directory's files (by path, pattern or any fsspec URL) and reads their bytes."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import fsspec  # type: ignore[import-untyped]  # it ships no types

from opensense_okta.config.errors import UserError
from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.errors import DirectoryError, Unreachable
from opensense_okta.directories.http.transport import LARGEST_ANSWER
from opensense_okta.storage.opening import register_stores

CHUNK = 1 << 20  # bytes read at once
LARGEST_FILE = LARGEST_ANSWER  # bytes, unpacked; a million people with 25 columns have about 250 MB
HIDDEN = (".", "~$")
"""Prefixes of the names of hidden files, and of the lock files of Word and Excel."""


@dataclass(frozen=True)
class Stamp:
    """Values that change when a file is written; None if the file system does not report them."""

    size: int | None
    modified: datetime | None


@dataclass(frozen=True)
class File:
    """One file in its file system.

    Attributes:
        system: the fsspec file system.
        path: within the file system.
        name: for people, without the credentials that an address may contain.
    """

    system: Any
    path: str
    name: str

    def stamp(self) -> Stamp:
        """Its current size and modification time.

        Raises:
            Unreachable: the file system does not answer, or denies access.
        """
        try:
            self.system.invalidate_cache()
            size = self.system.info(self.path).get("size")
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            raise _unreachable(self.name, error, self.system) from None
        if isinstance(size, int) and size > LARGEST_FILE:
            raise csv_errors.too_large(self.name, LARGEST_FILE)
        return Stamp(size if isinstance(size, int) else None, self._modified())

    def chunks(self) -> Iterator[bytes]:
        """Its bytes.

        Raises:
            AnswerTooLarge: it is larger than a file of a directory can be.
            Unreachable: the file system does not answer, or denies access.
        """
        size = 0
        try:
            with self.system.open(self.path, "rb") as file:
                while chunk := file.read(CHUNK):
                    size += len(chunk)
                    if size > LARGEST_FILE:
                        raise csv_errors.too_large(self.name, LARGEST_FILE)
                    yield chunk
        except Exception as error:  # noqa: BLE001 - each file system has errors of its own
            raise _unreachable(self.name, error, self.system) from None

    def _modified(self) -> datetime | None:
        try:
            when = self.system.modified(self.path)
        except Exception:  # noqa: BLE001 - not every file system reports it
            return None
        if not isinstance(when, datetime):
            return None
        return when if when.tzinfo else when.replace(tzinfo=UTC)


def find_files(location: str, key: str) -> list[File]:
    """The file at a location, or all files that match it, sorted by path.

    Args:
        location: a path, a pattern, or a URL of either.
        key: the key of the location in the organization file.

    Raises:
        Unreachable: there is no file, or the file system does not answer.
        FileTrouble: the location is a folder, or no installed package reads such addresses.
    """
    shown = without_secrets(location)
    register()
    try:
        system, path = fsspec.core.url_to_fs(location, use_listings_cache=False)
    except ImportError as error:
        raise csv_errors.unsupported(shown, key, str(error)) from None
    except ValueError:
        raise csv_errors.unsupported(shown, key, "such addresses are not known here") from None
    except Exception as error:  # noqa: BLE001 - each file system has errors of its own
        raise _unreachable(shown, error) from None
    pattern = re.search(r"[*?\[]", without_secrets(path)) is not None
    try:
        system.invalidate_cache()
        found = _found(system, path, pattern=pattern)
        readable = [path for path, kind in sorted(found.items()) if _is_file(system, path, kind)]
    except Exception as error:  # noqa: BLE001 - each file system has errors of its own
        raise _unreachable(shown, error, system) from None
    if not found:
        raise csv_errors.missing(shown, key, pattern=pattern)
    if not readable:
        raise csv_errors.folder(shown, key)
    return [File(system, each, _name(system, each)) for each in readable]


def without_secrets(location: str) -> str:
    """A location without user, password and signature, so that it may be shown."""
    if "://" not in location:
        return location
    shown = re.sub(r"(https?://[^?#]*)[?#].*", r"\1", location)
    return re.sub(r"(?<=://)(?<!abfss://)[^/@]*@", "", shown)  # of Azure it is the container


def _found(system: Any, path: str, *, pattern: bool) -> dict[str, str]:  # noqa: ANN401 - fsspec has no types
    """The paths that exist, each with its type.

    If a file has exactly this name, `*`, `?` and `[` in it are not a pattern.
    """
    try:
        return {path: str(system.info(path).get("type"))}
    except FileNotFoundError as error:
        cause = error.__cause__  # over HTTP, every error is reported as a missing file
        if isinstance(cause, Exception) and not isinstance(cause, FileNotFoundError):
            raise cause from None
        if not pattern:
            return {}
    matching = system.glob(path, detail=True)
    return {
        str(match): str(info.get("type"))
        for match, info in matching.items()
        if not _is_hidden(str(match), path)
    }


def _is_hidden(path: str, pattern: str) -> bool:
    """Whether a match is a hidden file by a shell's rules, or a lock file of Word or Excel."""
    parts, named = path.split("/"), pattern.split("/")
    fixed = next((at for at, part in enumerate(named) if re.search(r"[*?\[]", part)), len(named))
    return any(
        part.startswith(HIDDEN) and not any(name.startswith(part[0]) for name in named[fixed:])
        for part in parts[fixed:]
    )


def _is_file(system: Any, path: str, kind: str) -> bool:  # noqa: ANN401 - fsspec has no types
    """Whether a path is a file or a link to one.

    A link without a target counts, so that it is reported as missing.
    """
    link = kind not in {"file", "directory"}
    return kind == "file" or (link and bool(system.isfile(path) or not system.exists(path)))


def _name(system: Any, path: str) -> str:  # noqa: ANN401 - fsspec has no types
    protocols = (system.protocol,) if isinstance(system.protocol, str) else system.protocol
    return path if "file" in protocols else without_secrets(str(system.unstrip_protocol(path)))


def _unreachable(name: str, error: Exception, system: object = None) -> DirectoryError:
    """The error to report. A file system's own message may contain an address with a password."""
    if isinstance(error, DirectoryError):
        return error
    of_proxy = getattr(system, "proxy_error", None)  # of `WebFiles`
    trouble: DirectoryError | None = of_proxy(error) if of_proxy else None
    if trouble is not None:
        return trouble
    if isinstance(error, UserError):  # of `KnownServer`
        remedy = error.remedy[0].upper() + error.remedy[1:]
        return Unreachable(error.message, remedy=remedy, transient=error.transient)
    reason = type(error).__name__
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror
    elif isinstance(status := getattr(error, "status", None), int):
        reason = f"the server answers with {status}"
    return csv_errors.unreachable(name, reason)


def register() -> None:
    """Makes fsspec use `KnownServer` for `sftp:` and `ssh:`, `WebFiles` for the web, and obstore for stores.

    fsspec imports the classes when it needs them: the libraries behind them take half a second.
    """
    register_stores()
    for protocol in ("sftp", "ssh"):
        fsspec.register_implementation(protocol, f"{__package__}.ssh.KnownServer", clobber=True)
    for protocol in ("http", "https"):
        fsspec.register_implementation(protocol, f"{__package__}.web.WebFiles", clobber=True)
