"""The contract of a store: files by name, whole or not at all, and replaced only over the version seen."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from opensense_okta.storage.folder import Folder
from opensense_okta.storage.store import ABSENT, Changed, Store, Version

NAME = "resolved/date=2026-11-23/manifest.json"
TABLE = "resolved/date=2026-11-23/a1/people.parquet"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "lake").mkdir(mode=0o700)
    return Folder(tmp_path / "lake")


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


@pytest.mark.parametrize("same", [True, False], ids=["the same content", "another content"])
def test_a_document_that_another_process_replaced_is_not_overwritten(
    store: Store, same: bool
) -> None:
    seen = store.write(NAME, b"seen", ABSENT)
    store.write(NAME, b"seen" if same else b"of the other process", seen)
    with changed(NAME):
        store.write(NAME, b"late", seen)
    assert content(store, NAME) == ("seen" if same else "of the other process")


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


def test_a_document_that_was_edited_in_its_place_has_another_version(store: Store) -> None:
    seen = store.write(NAME, b"seen", ABSENT)
    Path(store.url(NAME)).write_bytes(b"edited by hand")
    os.utime(store.url(NAME), ns=(1, 1))
    with changed(NAME):
        store.write(NAME, b"late", seen)
    assert content(store, NAME) == "edited by hand"


def test_a_write_that_fails_leaves_the_document_and_nothing_else(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    mark = store.mark(unfinished.name)
    other = made(store, "people", "other")
    store.keep(unfinished, TABLE, ABSENT)
    assert store.mark(TABLE) == mark
    assert store.mark(other.name) != mark


def test_a_copy_is_a_file_of_its_own(store: Store) -> None:
    store.keep(made(store, "people"), TABLE, ABSENT)
    version = store.copy(TABLE, "exported/a1/people.parquet", ABSENT)
    store.remove([TABLE])
    assert content(store, "exported/a1/people.parquet") == "people"
    assert store.version("exported/a1/people.parquet") == version
    with changed("exported/a1/people.parquet"):
        store.copy("exported/a1/people.parquet", "exported/a1/people.parquet", Version("another"))
    assert names(store) == ["exported/a1/people.parquet"]


# -- names ------------------------------------------------------------------------------------


def test_files_are_listed_by_folder_or_with_all_below(store: Store) -> None:
    for name in (NAME, TABLE, "published.json"):
        store.write(name, name.encode(), ABSENT)
    made(store, "", "reports/empty").unlink()
    assert store.children("") == ["published.json", "reports", "resolved"]
    assert store.children("resolved/date=2026-11-23") == ["a1", "manifest.json"]
    assert store.children(NAME) == []
    assert names(store) == sorted([NAME, TABLE, "published.json", "reports/"])
    assert names(store, "resolved/date=2026-11-23/a1") == names(store, TABLE) == [TABLE]
    assert {entry.bytes for entry in store.entries(TABLE)} == {len(TABLE)}


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
