"""Delivers finished files: each file appears complete under its own name, or not at all."""

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit, urlunsplit

from opensense_okta.config.locations import LOCAL, SSH
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.storage.files import atomic_replace, make_private_dir
from opensense_okta.storage.opening import register_stores
from opensense_okta.storage.store import Store, Version

if TYPE_CHECKING:
    from fsspec import AbstractFileSystem  # type: ignore[import-untyped]  # it ships no types

OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "abfs", "abfss", "az", "adl", "oss", "r2"}
"""An object becomes visible when its upload is complete; a rename would only copy it again."""


@dataclass(frozen=True)
class SeenFile:
    """A file of the lake, as it was when the export began.

    Attributes:
        name: in the lake.
        version: what is replaced.
    """

    name: str
    version: Version


def deliver(files: Sequence[Path], folder: str) -> None:
    """Copies local files to a folder, in the given order; each replaces an old file in one step.

    Args:
        files: the finished files.
        folder: a local path, or the URL of a folder.

    Raises:
        ExportFailed: a file could not be delivered; the old files stay.
    """
    parts = urlsplit(folder)
    if parts.password is not None:
        raise ExportFailed(
            f"The export's path {public(folder)} has a password in it; it is not used.",
            remedy="remove it from the organization's file and change it, because it has been written"
            " down; give access by a key, or by what the store's own environment variables say.",
        )
    if "://" not in folder:
        _into_folder(files, Path(folder))
    elif parts.scheme in LOCAL:
        _into_folder(files, Path(unquote(parts.path)))
    elif parts.scheme in SSH:
        from opensense_okta.publishing.exports import sftp  # noqa: PLC0415  # slow import, rarely needed

        sftp.upload(files, folder)
    else:
        _into_store(files, folder)


def deliver_into_lake(
    files: Sequence[Path], store: Store, replaced: Mapping[str, SeenFile]
) -> None:
    """Stores local files in the lake, in the given order; each replaces an old file in one step.

    Args:
        files: the finished files, which are gone afterwards.
        store: of the lake.
        replaced: what each of them replaces, by its name.

    Raises:
        Changed: another process replaced a file meanwhile.
    """
    for file in files:
        store.keep(file, replaced[file.name].name, replaced[file.name].version)


def public(url: str) -> str:
    """A path or URL without user, password and query, so that it may be shown."""
    if "://" not in url:
        return url
    parts = urlsplit(url)
    # Of Azure, the container is before the @.
    host = parts.netloc if parts.scheme == "abfss" else parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "", ""))


def _into_folder(files: Sequence[Path], folder: Path) -> None:
    try:
        make_private_dir(folder)
        for file in files:
            unfinished = folder / _unfinished(file)
            try:
                _copy_private(file, unfinished)
                atomic_replace(unfinished, folder / file.name)
            finally:
                unfinished.unlink(missing_ok=True)
    except OSError as error:
        raise ExportFailed(
            f"The export cannot be written into {folder} ({error.strerror}).",
            remedy="check that there is such a folder with room, and that the user of Dagster's processes"
            " may write into it.",
            transient=not isinstance(error, PermissionError),
        ) from error


def _copy_private(file: Path, copy: Path) -> None:
    copy.unlink(missing_ok=True)  # left by a killed process
    descriptor = os.open(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as target, file.open("rb") as source:
        shutil.copyfileobj(source, target)


def _into_store(files: Sequence[Path], url: str) -> None:
    import fsspec  # noqa: PLC0415  # slow import, rarely needed

    scheme = urlsplit(url).scheme
    register_stores()
    try:
        # A new instance: the connection of a cached one may be closed.
        store, folder = fsspec.url_to_fs(url, skip_instance_cache=True)
    except (ImportError, ValueError) as error:
        raise ExportFailed(
            f"Nothing installed here can write to {scheme}: URLs ({error}).",
            remedy="correct the export's path, or install what it needs: the extra `store` for s3:, gs: and"
            " abfss:.",
        ) from error
    try:
        for file in files:
            _store(store, file, folder.rstrip("/"), renames=scheme not in OBJECT_STORES)
    except Exception as error:  # noqa: BLE001  # each store has exceptions of its own
        # The messages may contain signed requests, so only the class is reported.
        raise ExportFailed(
            f"The export cannot be written to {public(url)} ({type(error).__name__}).",
            remedy="check that the place exists, and that the credentials in the environment of Dagster's"
            " processes may write, rename and delete there.",
            transient=True,
        ) from None


def _store(store: "AbstractFileSystem", file: Path, folder: str, *, renames: bool) -> None:
    path = f"{folder}/{file.name}"
    if not renames:
        store.put_file(str(file), path)
        return
    unfinished = f"{folder}/{_unfinished(file)}"
    try:
        store.put_file(str(file), unfinished)
        store.mv(unfinished, path)
    except BaseException:
        # The first error is the one to report.
        with suppress(Exception):
            store.rm_file(unfinished)
        raise


def _unfinished(file: Path) -> str:
    """Always the same name, so that the next export overwrites the file of a killed process."""
    return f".{file.name}.unfinished"
