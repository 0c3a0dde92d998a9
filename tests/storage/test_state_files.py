"""The small JSON files of a lake: how they are read and written, and which are refused."""

import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from opensense_okta.storage.folder import Folder
from opensense_okta.storage.state_files import (
    FORMAT,
    StateFileDamaged,
    StateFileTooNew,
    ids_in,
    read_state,
    write_state,
)
from opensense_okta.storage.store import ABSENT


class Note(BaseModel):
    """Stands for any state file."""

    author: str
    pages: int = 0


NAME = "note.json"


@pytest.fixture
def store(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def path(store: Folder) -> Path:
    return store.root / NAME


def test_what_is_written_is_read_and_has_a_format_number(store: Folder, path: Path) -> None:
    write_state(store, NAME, Note(author="Zoë", pages=2), ABSENT)
    assert read_state(store, NAME, Note) == Note(author="Zoë", pages=2)
    assert json.loads(path.read_bytes()) == {"format": FORMAT, "author": "Zoë", "pages": 2}


def test_a_file_that_is_not_there_has_no_content(store: Folder) -> None:
    assert read_state(store, NAME, Note) is None


def test_a_file_of_version_0_1_has_no_format_number_and_is_read(store: Folder, path: Path) -> None:
    path.write_text('{"author": "Zoë"}', encoding="utf-8")
    assert read_state(store, NAME, Note) == Note(author="Zoë")


def test_a_file_of_a_newer_format_is_refused_by_name(store: Folder, path: Path) -> None:
    path.write_text('{"format": 3, "author": "Zoë", "pages": "many"}', encoding="utf-8")
    with pytest.raises(StateFileTooNew) as raised:
        read_state(store, NAME, Note)
    assert f"{path} has format 3" in raised.value.message
    assert "the published directory stays" in raised.value.impact
    assert "update opensense_okta" in raised.value.remedy


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is not the JSON of a state file"),
        ('{"author": "Zo', "it is not the JSON of a state file"),
        ('{"format": "new"}', "it is not the JSON of a state file"),
        ('{"format": 2}', "author is missing or wrong"),
        ('{"author": "Zoë", "pages": "Zoë"}', "pages is missing or wrong"),
        ("[1, 2]", "its content is missing or wrong"),
        (f'{{"author": {"[" * 100_000}', "it is not the JSON of a state file"),
    ],
)
def test_a_damaged_file_is_an_error_with_its_path_and_without_its_content(
    store: Folder, path: Path, text: str, reason: str
) -> None:
    path.write_text(text, encoding="utf-8")
    with pytest.raises(StateFileDamaged) as raised:
        read_state(store, NAME, Note)
    assert raised.value.message == f"{path} is damaged: {reason}."
    assert "backup" in raised.value.remedy
    assert "Zoë" not in str(raised.value)


@pytest.mark.parametrize(
    "data",
    [
        b'["\xff"]',
        b'{"id": "\xff"}',
        b'{"author": "\xff"}',
        b"[" * 100_000 + b"]" * 100_000,
        b'{"author": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"pages": ' + b"1" * 10_000 + b"}",
        b"\x00",
    ],
    ids=lambda data: data[:12].decode(errors="backslashreplace"),
)
def test_a_file_with_any_bytes_is_damaged_and_no_other_error(
    store: Folder, path: Path, data: bytes
) -> None:
    path.write_bytes(data)
    with pytest.raises(StateFileDamaged):
        read_state(store, NAME, Note)
    try:
        ids = ids_in(store, NAME)
    except StateFileDamaged:
        return
    assert ids == set()
