"""Opens the store in which a lake is: a folder of this machine, or an object store.

A lake in an object store has the marker `lake.json`. A store answers alike for a bucket that does not exist
and for an object that does not exist: without the marker, a mistyped URL would look like a lake in which
nothing is published yet, and guards would have nothing to compare with.
"""

import atexit
import fcntl
import os
import re
import secrets
import shutil
import tempfile
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AwareDatetime, BaseModel, ConfigDict

from opensense_okta.config.environment import EnvironmentMistake, is_store, scratch_root
from opensense_okta.config.errors import UserError
from opensense_okta.storage.files import make_private_dir
from opensense_okta.storage.folder import Folder
from opensense_okta.storage.state_files import IfDamaged, read_state, write_state
from opensense_okta.storage.store import ABSENT, Changed, Store, StoreDenied, Version

if TYPE_CHECKING:
    from opensense_okta.storage.bucket import Bucket

MARKER: Final = "lake.json"
COPYING: Final = "copying.json"
SCHEMES: Final = ("s3", "gs", "abfss")
NEEDS_EXTRA: Final = "install the package with its extra: opensense-okta[store]"
SCRATCH: Final = "opensense-scratch-"


class LakeMissing(UserError):
    """There is no lake where `OPENSENSE_DATA` says."""


class UnsafeStore(UserError):
    """The object store does not honour the conditions of a write."""


class LakeMarker(BaseModel):
    """Shows that a lake was made here on purpose."""

    model_config = ConfigDict(frozen=True)
    IF_DAMAGED: ClassVar = IfDamaged(
        "Nothing was read or written.", "remove the object, then run `opensense-okta init`."
    )

    created: AwareDatetime


class Copying(BaseModel):
    """Shows that the copy of a lake is not complete.

    Attributes:
        source: the root of the lakes that are copied.
        started: when the copy began.
    """

    model_config = ConfigDict(frozen=True)
    IF_DAMAGED: ClassVar = IfDamaged(
        "Nothing was read or written.", "empty the place, and copy the lake again."
    )

    source: str
    started: AwareDatetime


def open_unfinished(root: Path | str, organization: str) -> Store:
    """The place of a lake that is being made; arguments as for `open_store`.

    Raises:
        EnvironmentMistake: there can be no lake at the URL, or obstore is not installed.
    """
    if is_store(root):
        return _bucket(str(root), organization)
    return Folder(make_private_dir(Path(root) / organization))


def open_store(root: Path | str, organization: str) -> Store:
    """The files of an organization's lake.

    Args:
        root: the folder of the lake, or its URL in an object store.
        organization: its name; empty: the files of all organizations.

    Raises:
        EnvironmentMistake: there can be no lake at the URL, or obstore is not installed.
        LakeMissing: there is no lake at the URL, or the copy of one is not complete.
        UnsafeStore: two processes could overwrite each other's files there.
        StoreTrouble: the object store did not answer.
    """
    if not is_store(root):
        if Path(root, COPYING).is_file():
            raise _incomplete(root)
        return Folder(Path(root) / organization)
    _require_lake(str(root))
    return _bucket(str(root), organization)


def create_lake(root: str) -> bool:
    """Makes the marker of a lake in an object store; returns whether there was none.

    Raises:
        EnvironmentMistake, UnsafeStore, StoreTrouble: as for `open_store`.
    """
    store = _bucket(root, "")
    if read_state(store, MARKER, LakeMarker) is not None:
        return False
    refuse_unsafe(store)
    with suppress(Changed):  # somebody else has just made it
        write_state(store, MARKER, LakeMarker(created=datetime.now(UTC)), ABSENT)
    return True


def copy_between(name: str, source: Store, target: Store) -> None:
    """Copies a file of one store into another.

    Raises:
        FileNotFoundError: there is no such file.
        Changed: another process stored a file of that name in the target.
    """
    file = source.fetch(name)
    if file is None:
        raise FileNotFoundError(source.url(name))
    unfinished = target.scratch / f".copy.{secrets.token_hex(4)}"
    shutil.copyfile(file, unfinished)
    target.keep(unfinished, name, target.version(name))
    for store in (source, target):
        if not store.is_local:  # the scratch folder need not have room for a whole lake
            (store.scratch / name).unlink(missing_ok=True)


def refuse_unsafe(store: Store) -> None:
    """Creates an object twice, and replaces one that was replaced before.

    Raises:
        UnsafeStore: the second write was carried out.
        StoreTrouble: the object store did not answer.
    """
    name = f"probe-{secrets.token_hex(8)}.json"
    try:
        first = store.write(name, b"1", ABSENT)
        if not _refuses(store, name, ABSENT):
            raise _unsafe(store, "creates an object that exists already")
        store.write(name, b"2", first)
        if not _refuses(store, name, first):
            raise _unsafe(store, "replaces an object that was replaced since it was read")
    finally:
        store.remove([name])


def register_stores() -> None:
    """Makes fsspec use obstore for the URLs of object stores. obstore is imported when one is opened."""
    import fsspec  # type: ignore[import-untyped]  # noqa: PLC0415  # slow import; it ships no types

    classes = {"s3": "S3Files", "gs": "GoogleFiles", "abfss": "AzureFiles"}
    for scheme, name in classes.items():
        fsspec.register_implementation(
            scheme, f"{__package__}.bucket.{name}", clobber=True, errtxt=NEEDS_EXTRA
        )


def _is_possible(root: str) -> bool:
    """Whether obstore takes all of a URL. It ignores users and ports of buckets, and goes up with `..`."""
    try:
        url = urlsplit(root)
    except ValueError:  # such as brackets that do not close
        return False
    folders = url.path.removeprefix("/").removesuffix("/").split("/")
    return (
        root == root.strip()
        and root.isprintable()
        and url.scheme in SCHEMES
        and bool(url.netloc)
        and ":" not in url.netloc
        and ("@" in url.netloc) == (url.scheme == "abfss")
        and not re.search(r"[?#%\\]", root)
        and not {".", ".."}.intersection(folders)
        and ("" not in folders or folders == [""])
    )


def _incomplete(root: Path | str) -> LakeMissing:
    return LakeMissing(
        f"The lake in {root} is an incomplete copy.",
        impact="Nothing was read or written; the lake that was copied is as it was.",
        remedy="set OPENSENSE_DATA to the lake that was copied, and complete the copy:"
        f" `opensense-okta copy-lake {root}`.",
    )


@cache
def _require_lake(root: str) -> None:
    """Raises an error if there is no lake, or the store does not honour conditions; once for a process."""
    store = _bucket(root, "")
    marker = store.read(MARKER)
    if marker is None:
        raise LakeMissing(
            f"There is no lake at {root}: the bucket or the folder in it does not exist, or has no"
            f" {MARKER}.",
            impact="Nothing was read or written; what is published elsewhere stays.",
            remedy="correct OPENSENSE_DATA. If a new lake is to be made there, create the bucket, then run"
            " `opensense-okta init`.",
        )
    read_state(store, MARKER, LakeMarker)
    with suppress(StoreDenied):  # who may only read overwrites nothing
        try:
            store.write(MARKER, marker.data, ABSENT)
        except Changed:
            return
        raise _unsafe(store, "creates an object that exists already")


def _refuses(store: Store, name: str, over: Version) -> bool:
    try:
        store.write(name, b"3", over)
    except Changed:
        return True
    return False


def _unsafe(store: Store, does: str) -> UnsafeStore:
    return UnsafeStore(
        f"The object store of {store.url()} {does}: it ignores the conditions of a write.",
        impact="Nothing is published there: two runs could overwrite each other's files, and neither would"
        " know.",
        remedy="use a store that honours If-Match and If-None-Match, such as Amazon S3, Google Cloud"
        " Storage, Azure, or a current MinIO.",
    )


@cache
def _bucket(root: str, organization: str) -> "Bucket":
    scheme = root.partition("://")[0]
    if not _is_possible(root):
        raise EnvironmentMistake(
            f"OPENSENSE_DATA={scheme}://…: there can be no lake at this URL.",
            impact="Nothing was read or written.",
            remedy="name a folder, or a URL such as s3://bucket/folder, gs://bucket/folder or"
            " abfss://container@account.dfs.core.windows.net/folder. Credentials come from the environment,"
            " never from the URL.",
        )
    try:
        from opensense_okta.storage.bucket import Bucket, connect  # noqa: PLC0415  # only for object stores
    except ModuleNotFoundError:
        raise EnvironmentMistake(
            f"OPENSENSE_DATA={root}: a lake in an object store needs obstore, which is not installed.",
            impact="Nothing was read or written.",
            remedy=f"{NEEDS_EXTRA}.",
        ) from None
    folder = f"{organization}/" if organization else ""
    address = f"{root.rstrip('/')}/{organization}".rstrip("/")
    scratch = make_private_dir(process_scratch() / (organization or ".lake"))
    return Bucket(address, connect(root), folder, scratch)


@cache
def process_scratch() -> Path:
    """A private folder for the files of this process; removed at its end. Those of killed processes go, too.

    Raises:
        EnvironmentMistake: there can be no folder at `OPENSENSE_SCRATCH`.
        OSError: it cannot be made there: the disk is full, or the folder is another user's.
    """
    parent = scratch_root() or Path(tempfile.gettempdir())
    try:
        make_private_dir(parent)
    except (FileExistsError, FileNotFoundError, NotADirectoryError) as error:
        raise EnvironmentMistake(
            f"OPENSENSE_SCRATCH={parent}: no folder can be made there ({error.strerror}).",
            impact="Nothing was read or written.",
            remedy="name a folder on a disk of this machine.",
        ) from None
    for other in parent.glob(f"{SCRATCH}*/lock"):
        _remove_if_unused(other)
    folder = Path(tempfile.mkdtemp(prefix=SCRATCH, dir=parent))
    locked = os.open(folder / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(locked, fcntl.LOCK_EX)
    (folder / ".lock").rename(folder / "lock")  # locked before another process can see it
    owner = os.getpid()

    def remove() -> None:
        if os.getpid() == owner:
            shutil.rmtree(folder, ignore_errors=True)

    atexit.register(remove)
    return folder


def _remove_if_unused(lock: Path) -> None:
    with suppress(OSError):  # another user's, or another process removes it
        descriptor = os.open(lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)
        finally:
            os.close(descriptor)
