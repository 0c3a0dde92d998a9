"""A lake in an object store: Amazon S3, Google Cloud Storage, Azure, or a store that speaks S3's protocol.

Every write is a conditional one: it creates an object, or replaces the version that was seen. An object is
stored whole or not at all. Steps work on copies in the scratch folder of this process.
"""

import mmap
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

import obstore
from obstore.exceptions import (
    AlreadyExistsError,
    BaseError,
    NotFoundError,
    NotModifiedError,
    PermissionDeniedError,
    PreconditionError,
    UnauthenticatedError,
)
from obstore.fsspec import FsspecStore
from obstore.store import from_url

from opensense_okta.config.environment import EnvironmentMistake
from opensense_okta.storage.files import make_private_dir
from opensense_okta.storage.store import (
    ABSENT,
    Changed,
    Document,
    Entry,
    StoreDenied,
    StoreTrouble,
    Version,
    note_copies,
)

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta, PutMode, PutResult
    from obstore.store import ClientConfig, ObjectStore, RetryConfig

MARK: Final = "opensense"
"""The metadata that identifies an object. Azure takes names of identifiers only."""

RETRIES: Final["RetryConfig"] = {"max_retries": 4, "retry_timeout": timedelta(seconds=30)}
"""Of a request. obstore's default is ten within three minutes, while a run holds its lock."""

CLIENT: Final["ClientConfig"] = {
    "connect_timeout": timedelta(seconds=10),
    "read_timeout": timedelta(seconds=60),
    "timeout": timedelta(minutes=15),  # a database of gigabytes is one request
}

ALLOW_HTTP: Final = ("AWS_ALLOW_HTTP", "AZURE_ALLOW_HTTP", "GOOGLE_ALLOW_HTTP")

CHUNK: Final = 8 * 1024 * 1024  # bytes of a download that are in memory
MAPPED: Final = 32 * 1024 * 1024
"""Larger files are mapped: a conditional write is one request, and obstore holds all its bytes."""

NOT_FOUND: Final = (FileNotFoundError, NotFoundError)
LOST: Final = (AlreadyExistsError, PreconditionError)
"""What a conditional write ends with if another version is stored."""

DENIED: Final = (PermissionDeniedError, UnauthenticatedError)


@dataclass(frozen=True)
class Bucket:
    """A `Store` in an object store.

    Attributes:
        address: the URL of the lake of the organization, without credentials.
        objects: all objects of the lake.
        folder: the organization's part of their names, with `/` at its end; empty: the whole lake.
        scratch: a private folder of this process.
    """

    address: str
    objects: "ObjectStore"
    folder: str
    scratch: Path
    _copies: dict[str, Version] = field(default_factory=dict)  # the versions of the local copies
    _documents: dict[str, Document] = field(default_factory=dict)  # read of a listed folder
    _listed: "Mapping[str, ObjectMeta] | None" = None  # of a folder, by name

    @property
    def is_local(self) -> bool:
        """Nothing is stored on this machine."""
        return False

    def __post_init__(self) -> None:
        note_copies(self.scratch, self.address)

    def url(self, name: str = "") -> str:
        """The URL of an object."""
        return f"{self.address}/{name}".rstrip("/")

    def read(self, name: str) -> Document | None:
        """A whole small object; None: there is none."""
        if self._listed is not None and name not in self._listed:
            return None
        if (known := self._documents.get(name)) and self._is_unchanged(name, known.version):
            return known
        with self._errors(name):
            try:
                result = obstore.get(self.objects, self._key(name))
                document = Document(bytes(result.bytes()), _version(result.meta))
            except NOT_FOUND:
                return None
        if self._listed is not None:
            self._documents[name] = document
        return document

    def version(self, name: str) -> Version:
        """The version of an object, or `ABSENT`."""
        meta = self._meta(name)
        return _version(meta) if meta else ABSENT

    def write(self, name: str, data: bytes, over: Version) -> Version:
        """Stores a small object over the version that was read."""
        return self._put(name, data, over, secrets.token_hex(8))

    def keep(self, file: Path, name: str, over: Version) -> Version:
        """Uploads a finished file, which then is the local copy."""
        version = self._upload(file, name, over)
        copy = self.scratch / name
        if file != copy:
            make_private_dir(copy.parent)
            file.replace(copy)
        copy.chmod(0o600)  # DuckDB makes files as the process's umask says
        self._copies[name] = version
        return version

    def copy(self, name: str, to: str, over: Version) -> Version:
        """Copies an object through the scratch folder: a store copies without conditions."""
        file = self.fetch(name)
        if file is None:
            raise FileNotFoundError(f"nothing is stored under {self.url(name)}")
        return self._upload(file, to, over)

    def fetch(self, name: str) -> Path | None:
        """A copy in the scratch folder, downloaded unless it is current; None: there is no object.

        The store is asked for tables, too: `forget` replaces them under their names.
        """
        path, known = self.scratch / name, self._copies.get(name, ABSENT)
        current = known != ABSENT and path.exists()
        if self._listed is not None and name not in self._listed:
            self._without_copy(name)
            return None
        if current and self._is_unchanged(name, known):
            return path
        unless: GetOptions = {"if_none_match": known.split()[0]} if current else {}
        with self._errors(name):
            try:
                result = obstore.get(self.objects, self._key(name), options=unless)
            except NotModifiedError:
                return path
            except NOT_FOUND:
                self._without_copy(name)
                return None
            _save(result.stream(min_chunk_size=CHUNK), path)
            self._copies[name] = _version(result.meta)
        return path

    def mark(self, name: str) -> str | None:
        """The mark in the metadata of an object, or its version if another program stored it."""
        with self._errors(name):
            try:
                result = obstore.get(self.objects, self._key(name), options={"head": True})
            except NOT_FOUND:
                return None
            return result.attributes.get(MARK) or _version(result.meta)

    def mark_of(self, file: Path) -> str:
        """The mark that a finished file will have: of this process, and of the file."""
        status = file.stat()
        return f"{self._process}-{status.st_ino:x}-{status.st_mtime_ns:x}"

    def children(self, folder: str) -> list[str]:
        """The names of objects and folders directly in a folder, sorted."""
        if self._listed is not None:
            before = f"{folder.rstrip('/')}/".lstrip("/")
            below = [name.removeprefix(before) for name in self._listed if name.startswith(before)]
            return sorted({name.partition("/")[0] for name in below})
        prefix = f"{self._key(folder)}/".lstrip("/")
        with self._errors(folder):
            found = obstore.list_with_delimiter(self.objects, prefix or None)
        paths = [*found["common_prefixes"], *(meta["path"] for meta in found["objects"])]
        return sorted(path.rstrip("/").rpartition("/")[2] for path in paths)

    def listed(self, folder: str) -> "Bucket":
        """The same store, with the objects of a folder as they are now."""
        if self._listed is not None:
            return self
        with self._errors(folder):
            pages = obstore.list(self.objects, self._key(folder) or None)
            metas = {
                meta["path"].removeprefix(self.folder): meta for page in pages for meta in page
            }
        return replace(self, _listed=metas)

    def entries(self, name: str) -> Iterator[Entry]:
        """An object, or all objects in a folder and below it."""
        if self._listed is not None:
            for own, meta in self._listed.items():
                if not name or own == name or own.startswith(f"{name}/"):
                    yield Entry(own, meta["size"], meta["last_modified"])
            return
        with self._errors(name):
            pages = obstore.list(self.objects, self._key(name) or None)
            metas = [meta for page in pages for meta in page]
        if not metas and name and (only := self._meta(name)):
            metas = [only]
        for meta in metas:
            own = meta["path"].removeprefix(self.folder)
            yield Entry(own, meta["size"], meta["last_modified"])

    def remove(self, names: Iterable[str]) -> None:
        """Removes objects in this order, and their local copies."""
        for name in names:
            with self._errors(name), suppress(*NOT_FOUND):
                obstore.delete(self.objects, self._key(name))
            self._without_copy(name)

    @property
    def _process(self) -> str:
        return self.scratch.parent.name.rpartition("-")[2]

    def _key(self, name: str) -> str:
        return f"{self.folder}{name}".rstrip("/")

    def _meta(self, name: str) -> "ObjectMeta | None":
        if self._listed is not None:
            return self._listed.get(name)
        with self._errors(name):
            try:
                return obstore.head(self.objects, self._key(name))
            except NOT_FOUND:
                return None

    def _is_unchanged(self, name: str, version: Version) -> bool:
        """Whether an object is listed in this version. Azure quotes the tag, but not in a listing."""
        meta = self._listed.get(name) if self._listed is not None else None
        tag = (meta["e_tag"] if meta else None) or ""
        return bool(tag) and tag.strip('"') == version.partition(" ")[0].strip('"')

    def _upload(self, file: Path, name: str, over: Version) -> Version:
        mark = self.mark_of(file)
        if file.stat().st_size < MAPPED:
            return self._put(name, file.read_bytes(), over, mark)
        with file.open("rb") as opened:  # obstore closes the mapping with the request
            content = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ)
            return self._put(name, content, over, mark)

    def _put(self, name: str, data: bytes | mmap.mmap, over: Version, mark: str) -> Version:
        with self._errors(name):
            try:
                return _version(
                    obstore.put(
                        self.objects,
                        self._key(name),
                        data,
                        mode=_over(over),
                        attributes={MARK: mark},
                        use_multipart=False,
                    )
                )
            except NOT_FOUND:
                if over == ABSENT:
                    raise self._no_bucket() from None
                raise Changed(self.url(name)) from None
            except LOST:  # also where the answer was lost, and the request was repeated
                version = self.version(name)
                if self.mark(name) == mark:
                    return version
                raise Changed(self.url(name)) from None

    def _no_bucket(self) -> StoreTrouble:
        return StoreTrouble(
            f"Nothing can be stored at {self.url()}: the bucket does not exist.",
            impact="Nothing was written.",
            remedy="correct OPENSENSE_DATA, or create the bucket.",
            transient=False,
        )

    def _without_copy(self, name: str) -> None:
        if self._copies.pop(name, None) is not None:
            (self.scratch / name).unlink(missing_ok=True)

    @contextmanager
    def _errors(self, name: str) -> Iterator[None]:
        """Reports the class of obstore's errors only: their text may quote a signed request."""
        try:
            yield
        except BaseError as error:
            raise trouble(self.url(name), error) from None


def trouble(url: str, error: Exception) -> StoreTrouble:
    """The error of a request that the store refused or did not answer."""
    said = type(error).__name__
    impact = "The published directory is whole: it is the one that was stored last."
    if isinstance(error, DENIED) or " 403 " in str(error):  # a listing has no class of its own
        return StoreDenied(
            f"The object store refused the request for {url} ({said}).",
            impact=impact,
            remedy="check the credentials in the environment of Dagster's processes, and that they may list,"
            " read, write and delete there. Then start the sync again, unless it is retried.",
        )
    return StoreTrouble(
        f"The object store did not carry out the request for {url} ({said}).",
        impact=impact,
        remedy="check that the store is reachable from this machine. Then start the sync again, unless it is"
        " retried.",
    )


class ObjectFiles(FsspecStore):
    """Objects as files of fsspec: CSV files of a directory, and exports."""

    cachable = False  # the credentials in the environment may be others at the next read

    def __init__(self, *_: object, **_ways_to_cache: object) -> None:
        super().__init__(  # type: ignore[call-overload]  # the protocol is the class's
            client_options=_client(), retry_config=RETRIES
        )


class S3Files(ObjectFiles):
    """Objects of Amazon S3, and of stores that speak its protocol."""

    protocol = "s3"


class GoogleFiles(ObjectFiles):
    """Objects of Google Cloud Storage."""

    protocol = "gs"


class AzureFiles(ObjectFiles):
    """Objects of Azure's storage."""

    protocol = "abfss"


@cache
def connect(root: str) -> "ObjectStore":
    """All objects of the lake at a URL. Credentials come from the environment.

    Raises:
        EnvironmentMistake: obstore cannot use the URL, or the settings in the environment.
    """
    try:
        return from_url(root, client_options=_client(), retry_config=RETRIES)
    except (BaseError, ValueError) as error:
        raise EnvironmentMistake(
            f"OPENSENSE_DATA={root}: the object store cannot be opened ({type(error).__name__}).",
            impact="Nothing was read or written.",
            remedy="correct the URL, or the settings of the store in the environment.",
        ) from None


def _client() -> "ClientConfig":
    """The options of a client. The rest of the environment is read by obstore, but not these."""
    http = any(os.environ.get(name, "").lower() == "true" for name in ALLOW_HTTP)
    return {**CLIENT, "allow_http": http}


def _over(version: Version) -> "PutMode":
    """The condition of a write. S3 and Azure compare the tag, Google Cloud Storage the generation."""
    if version == ABSENT:
        return "create"
    tag, _, generation = version.partition(" ")
    return {"e_tag": tag, "version": generation} if generation else {"e_tag": tag}


def _version(meta: "ObjectMeta | PutResult") -> Version:
    tag, generation = meta["e_tag"] or "", meta["version"] or ""
    return Version(f"{tag} {generation}".rstrip() if generation.isdigit() else tag)


def _save(chunks: Iterable[object], path: Path) -> None:
    """Writes a download; the file before it stays until then."""
    unfinished = make_private_dir(path.parent) / f".{path.name}.{secrets.token_hex(4)}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            for chunk in chunks:
                file.write(chunk)  # type: ignore[arg-type]  # obstore's `Bytes` is a buffer
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)
