"""The contract of a store: files by name, whole or not at all, and replaced only over the version seen.

It is the same for a folder, an object store in memory, and a server that speaks S3's protocol.
"""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import obstore
import pytest
from obstore.store import ObjectStore

from opensense_okta.storage import bucket
from opensense_okta.storage.bucket import Bucket
from opensense_okta.storage.folder import Folder
from opensense_okta.storage.store import ABSENT, Changed, Store, Version
from tests.support.object_stores import BUCKET, in_memory, objects_at, s3_server

NAME = "resolved/date=2026-11-23/manifest.json"
TABLE = "resolved/date=2026-11-23/a1/people.parquet"


@pytest.fixture(scope="module", autouse=True)
def small_files_are_mapped() -> Iterator[None]:
    """As large ones are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bucket, "MAPPED", 3)
        yield


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with s3_server() as address:
        yield address


@pytest.fixture
def folder(tmp_path: Path) -> Store:
    (tmp_path / "lake").mkdir(mode=0o700)
    return Folder(tmp_path / "lake")


@pytest.fixture
def memory(tmp_path: Path) -> Store:
    (tmp_path / "lake").mkdir(mode=0o700)
    return in_memory(tmp_path / "lake")


@pytest.fixture
def s3(tmp_path: Path, server: str) -> Store:
    assert server
    (tmp_path / "lake").mkdir(mode=0o700)
    root = f"s3://{BUCKET}/{uuid4()}"
    return Bucket(f"{root}/acme", objects_at(root), "acme/", tmp_path / "lake")


@pytest.fixture(params=["folder", "memory", "s3"])
def store(request: pytest.FixtureRequest) -> Store:
    store: Store = request.getfixturevalue(request.param)
    return store


def on_another_machine(store: Store, scratch: Path) -> Store:
    """The same store, with nothing in its scratch folder."""
    if isinstance(store, Folder):
        return store
    assert isinstance(store, Bucket)
    scratch.mkdir()
    return Bucket(store.address, store.objects, store.folder, scratch)


def made(store: Store, text: str, name: str = ".unfinished") -> Path:
    """A finished file in the scratch folder."""
    path = store.scratch / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o600)
    return path


def content(store: Store, name: str) -> str | None:
    document = store.read(name)
    return document.data.decode() if document else None


def names(store: Store, folder: str = "") -> list[str]:
    return sorted(entry.name for entry in store.entries(folder))


@contextmanager
def changed(name: str) -> Iterator[None]:
    with pytest.raises(Changed) as raised:
        yield
    assert name in raised.value.message
    assert raised.value.transient


# -- documents --------------------------------------------------------------------------------


def test_nothing_is_stored_under_a_new_name(store: Store) -> None:
    assert store.read(NAME) is None
    assert store.version(NAME) == ABSENT
    assert store.fetch(NAME) is None
    assert store.mark(NAME) is None
    assert store.children("resolved") == names(store, "resolved") == []


def test_a_document_is_read_with_the_version_over_which_it_is_written(store: Store) -> None:
    first = store.write(NAME, b"first", ABSENT)
    document = store.read(NAME)
    assert document is not None
    assert (document.data, document.version) == (b"first", first)
    assert store.version(NAME) == first
    second = store.write(NAME, b"second", first)
    assert second not in (first, ABSENT)
    assert content(store, NAME) == "second"


def test_a_document_that_another_process_replaced_is_not_overwritten(store: Store) -> None:
    seen = store.write(NAME, b"seen", ABSENT)
    store.write(NAME, b"of the other process", seen)
    with changed(NAME):
        store.write(NAME, b"late", seen)
    assert content(store, NAME) == "of the other process"


@pytest.mark.parametrize("kind", ["folder", "memory"])  # S3's versions are digests of the content
def test_a_document_that_another_process_replaced_by_the_same_is_not_overwritten(
    request: pytest.FixtureRequest, kind: str
) -> None:
    store: Store = request.getfixturevalue(kind)
    seen = store.write(NAME, b"seen", ABSENT)
    store.write(NAME, b"seen", seen)
    with changed(NAME):
        store.write(NAME, b"late", seen)
    assert content(store, NAME) == "seen"


@pytest.mark.parametrize("over", ["absent", "seen"])
def test_of_sixteen_threads_one_writes_a_document(store: Store, over: str) -> None:
    seen = store.write(NAME, b"seen", ABSENT) if over == "seen" else ABSENT
    if isinstance(store, Folder):
        pytest.skip("in a folder the organization's lock keeps all others out")
    begin = threading.Barrier(16)

    def write(number: int) -> bool:
        begin.wait()
        try:
            store.write(NAME, f"{number}".encode(), seen)
        except Changed:
            return False
        return True

    with ThreadPoolExecutor(16) as threads:
        written = list(threads.map(write, range(16)))
    assert written.count(True) == 1
    assert content(store, NAME) == str(written.index(True))


def test_a_document_that_another_process_created_or_removed_is_not_overwritten(
    store: Store,
) -> None:
    seen = store.write(NAME, b"created", ABSENT)
    with changed(NAME):
        store.write(NAME, b"late", ABSENT)
    store.remove([NAME])
    with changed(NAME):
        store.write(NAME, b"late", seen)
    assert store.read(NAME) is None


def test_a_document_that_was_edited_in_its_place_has_another_version(folder: Store) -> None:
    store = folder
    seen = store.write(NAME, b"seen", ABSENT)
    Path(store.url(NAME)).write_bytes(b"edited by hand")
    os.utime(store.url(NAME), ns=(1, 1))
    with changed(NAME):
        store.write(NAME, b"late", seen)
    assert content(store, NAME) == "edited by hand"


def test_a_write_that_fails_leaves_the_document_and_nothing_else(
    folder: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = folder
    seen = store.write(NAME, b"first", ABSENT)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        store.write(NAME, b"second", seen)
    assert content(store, NAME) == "first"
    assert store.version(NAME) == seen
    assert names(store) == [NAME]


# -- files ------------------------------------------------------------------------------------


def test_a_finished_file_is_stored_under_its_name(store: Store) -> None:
    file = made(store, "people")
    version = store.keep(file, TABLE, ABSENT)
    assert not file.exists()
    fetched = store.fetch(TABLE)
    assert fetched is not None
    assert fetched.read_text() == "people"
    assert store.version(TABLE) == version


def test_a_file_is_fetched_on_another_machine(store: Store, tmp_path: Path) -> None:
    other = on_another_machine(store, tmp_path / "other")
    assert other.fetch(TABLE) is None
    for name in (TABLE, "directory.duckdb"):
        store.keep(made(store, "people"), name, ABSENT)
        fetched = other.fetch(name)
        assert fetched is not None
        assert fetched.read_text() == "people"
        assert fetched.as_posix().endswith(name)
        assert fetched.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "name", ["directory.duckdb", "resolved/date=2026-11-23/0123456789abcdef/people.parquet"]
)
def test_a_file_that_was_replaced_or_removed_elsewhere_is_not_fetched_from_the_copy(
    store: Store, tmp_path: Path, name: str
) -> None:
    other = on_another_machine(store, tmp_path / "other")
    seen = store.keep(made(store, "first"), name, ABSENT)
    for _ in range(2):
        fetched = other.fetch(name)
        assert fetched is not None
        assert fetched.read_text() == "first"
    store.keep(made(store, "second"), name, seen)
    fetched = other.fetch(name)
    assert fetched is not None
    assert fetched.read_text() == "second"
    store.remove([name])
    assert other.fetch(name) is None
    assert not fetched.exists()


def test_an_empty_file_is_stored(store: Store) -> None:
    store.keep(made(store, ""), TABLE, ABSENT)
    assert content(store, TABLE) == ""


def test_a_file_that_was_made_in_its_place_is_stored(store: Store) -> None:
    store.keep(made(store, "people", TABLE), TABLE, ABSENT)
    assert content(store, TABLE) == "people"


def test_a_file_that_another_process_replaced_is_not_overwritten(store: Store) -> None:
    seen = store.keep(made(store, "seen"), TABLE, ABSENT)
    store.keep(made(store, "of the other process"), TABLE, seen)
    late = made(store, "late")
    with changed(TABLE):
        store.keep(late, TABLE, seen)
    assert content(store, TABLE) == "of the other process"


def test_a_mark_stays_when_a_file_is_renamed_and_differs_from_that_of_another_file(
    store: Store,
) -> None:
    unfinished = made(store, "people")
    mark = store.mark_of(unfinished)
    other = made(store, "people", "other")
    store.keep(unfinished, TABLE, ABSENT)
    assert store.mark(TABLE) == mark
    assert store.mark_of(other) != mark
    store.write("published.json", b"", ABSENT)
    assert store.mark("published.json") not in (None, mark)


def test_a_copy_is_a_file_of_its_own(store: Store) -> None:
    store.keep(made(store, "people"), TABLE, ABSENT)
    version = store.copy(TABLE, "exported/a1/people.parquet", ABSENT)
    store.remove([TABLE])
    assert content(store, "exported/a1/people.parquet") == "people"
    assert store.version("exported/a1/people.parquet") == version
    with changed("exported/a1/people.parquet"):
        store.copy("exported/a1/people.parquet", "exported/a1/people.parquet", Version('"another"'))
    assert names(store) == ["exported/a1/people.parquet"]


# -- names ------------------------------------------------------------------------------------


def test_files_are_listed_by_folder_or_with_all_below(store: Store) -> None:
    for name in (NAME, TABLE, "published.json"):
        store.write(name, name.encode(), ABSENT)
    assert store.children("") == ["published.json", "resolved"]
    assert store.children("resolved/date=2026-11-23") == ["a1", "manifest.json"]
    assert store.children("resol") == store.children(NAME) == []
    assert names(store) == sorted([NAME, TABLE, "published.json"])
    assert names(store, "resolved/date=2026-11-23/a1") == names(store, TABLE) == [TABLE]
    assert {entry.bytes for entry in store.entries(TABLE)} == {len(TABLE)}


def test_what_was_listed_is_answered_alike_and_without_requests(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (NAME, TABLE, "published.json"):
        store.write(name, name.encode(), ABSENT)
    folders = ("resolved", "resolved/date=2026-11-23", "resolved/date=2026-11-23/a1", NAME)
    everything = store.listed("")
    answers = [
        ([each.children(folder) for folder in folders], names(each, "resolved"), each.version(NAME))
        for each in (store, store.listed("resolved"), everything)
    ]
    assert answers[0] == answers[1] == answers[2]
    assert everything.children("") == store.children("")
    if not store.is_local:

        def asked(*_arguments: object, **_options: object) -> None:
            raise AssertionError("a request")

        for request in ("head", "list", "list_with_delimiter"):
            monkeypatch.setattr(obstore, request, asked)
        assert everything.version("reports/none.html") == ABSENT
        assert names(everything) == sorted([NAME, TABLE, "published.json"])
        assert everything.children("reports") == []


def test_of_what_was_listed_only_a_file_that_has_changed_is_read_again(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in (NAME, TABLE):
        store.write(name, b"old", ABSENT)
    asked: list[object] = []
    get = obstore.get

    def asking(objects: ObjectStore, path: str, **options: Any) -> object:  # noqa: ANN401 - obstore's
        asked.append(path)
        return get(objects, path, **options)

    monkeypatch.setattr(obstore, "get", asking)

    def read() -> list[bytes | None]:
        listed, asked[:] = store.listed("resolved"), []
        documents = [listed.read(name) for name in (NAME, TABLE, "resolved/none.json")]
        copy = listed.fetch(TABLE)
        assert copy is not None
        assert copy.read_bytes() == b"old"
        assert listed.fetch("resolved/none.json") is None
        return [document.data if document else None for document in documents]

    assert read() == [b"old", b"old", None]
    assert read() == [b"old", b"old", None]
    assert asked == []
    store.write(NAME, b"new", store.version(NAME))
    assert read() == [b"new", b"old", None]
    assert asked == ([] if store.is_local else [f"acme/{NAME}"])
    store.remove([NAME])
    assert read() == [None, b"old", None]


def test_files_are_removed_in_order_and_empty_folders_with_them(store: Store) -> None:
    for name in (NAME, TABLE, "published.json"):
        store.write(name, b"", ABSENT)
    store.remove([NAME, "missing.json", "missing/too.json"])
    assert names(store) == ["published.json", TABLE]
    store.remove([TABLE])
    assert store.children("") == ["published.json"]
    store.remove(entry.name for entry in store.entries(""))
    assert store.children("") == []
    assert store.scratch.is_dir()


def test_an_empty_folder_is_listed_and_removed(folder: Store) -> None:
    made(folder, "", "reports/empty").unlink()
    assert folder.children("") == ["reports"]
    assert names(folder) == ["reports/"]
    folder.remove(["reports/"])
    assert folder.children("") == []


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077], ids=oct)
def test_everything_is_private_to_its_owner(store: Store, mask: int) -> None:
    before = os.umask(mask)
    try:
        store.write(NAME, b"", ABSENT)
        store.copy(NAME, "exported/a1/people.parquet", ABSENT)
    finally:
        os.umask(before)
    modes = {(path.is_dir(), path.stat().st_mode & 0o777) for path in store.scratch.rglob("*")}
    assert modes == {(True, 0o700), (False, 0o600)}
