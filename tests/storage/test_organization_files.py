"""The last valid version of an organization file counts while the file has mistakes."""

import logging
from pathlib import Path

import pytest

from opensense_okta.config.load import load_organizations
from opensense_okta.config.models import Organization
from opensense_okta.storage.folder import Folder
from opensense_okta.storage.organization_files import keep_valid_files, last_valid_files
from opensense_okta.storage.store import StoreDenied, StoreTrouble

VALID = """\
timezone: Europe/Berlin
first_day: 2026-11-01
directories:
  hr: {kind: csv, users: hr/people.csv}
"""
MISTAKEN = VALID.replace("Europe/Berlin", "UTCC")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The organizations' folder, with acme's valid file."""
    folder = tmp_path / "organizations"
    folder.mkdir()
    (folder / "acme.yaml").write_text(VALID)
    return folder


def load(folder: Path) -> dict[str, Organization]:
    """Loads the files as the entry point does; returns the organizations of files with mistakes."""
    organizations, root = load_organizations(folder), folder.parent / "data"
    keep_valid_files(organizations, folder, root)
    return last_valid_files(organizations, folder, root)


def test_a_valid_file_counts_itself(folder: Path) -> None:
    assert load(folder) == {}


def test_the_last_valid_version_counts_while_the_file_has_mistakes(folder: Path) -> None:
    valid = load_organizations(folder)
    load(folder)
    (folder / "acme.yaml").write_text(MISTAKEN)
    assert load(folder) == load(folder) == valid  # also relative paths start at the same folder


def test_the_newest_valid_version_counts(folder: Path) -> None:
    load(folder)
    (folder / "acme.yaml").write_text(VALID + "enabled: false\n")
    load(folder)
    (folder / "acme.yaml").write_text("no: [yaml")
    assert not load(folder)["acme"].enabled


def test_without_a_valid_version_nothing_counts(folder: Path) -> None:
    (folder / "acme.yaml").write_text(MISTAKEN)
    assert load(folder) == {}


def test_a_removed_file_has_no_valid_version(folder: Path) -> None:
    load(folder)
    (folder / "acme.yaml").unlink()
    assert load(folder) == {}


def test_a_copy_that_this_version_cannot_use_does_not_count(folder: Path) -> None:
    load(folder)
    (folder / "acme.yaml").write_text(MISTAKEN)
    (folder.parent / "data" / ".organization_files" / "acme.yaml").write_text(MISTAKEN)
    assert load(folder) == {}


def test_copies_are_private(folder: Path) -> None:
    load(folder)
    copies = folder.parent / "data" / ".organization_files"
    assert [path.name for path in copies.iterdir()] == ["acme.yaml"]
    assert copies.stat().st_mode & 0o777 == 0o700
    assert (copies / "acme.yaml").stat().st_mode & 0o777 == 0o600


def test_a_file_that_was_edited_after_it_was_loaded_is_no_valid_version(folder: Path) -> None:
    organizations, root = load_organizations(folder), folder.parent / "data"
    (folder / "acme.yaml").write_text(MISTAKEN)
    keep_valid_files(organizations, folder, root)
    assert list((root / ".organization_files").iterdir()) == []


def test_a_copy_that_cannot_be_written_is_a_warning(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder.parent / "data").write_text("a file where the folder should be")
    with caplog.at_level(logging.WARNING):
        assert load(folder) == {}
    assert "acme: its valid file cannot be copied" in caplog.text


def test_a_store_that_does_not_answer_is_asked_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each request is repeated for half a minute, so that of 50 organizations would take 25."""
    (folder / "globex.yaml").write_text(VALID)
    asked = []

    def read(_store: Folder, name: str) -> None:
        asked.append(name)
        raise StoreTrouble("no answer")

    monkeypatch.setattr(Folder, "read", read)
    with pytest.raises(StoreTrouble):
        load(folder)
    assert asked == [".organization_files/acme.yaml"]


def test_a_store_that_only_lets_read_is_a_warning_for_each(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "globex.yaml").write_text(VALID)

    def keep(*_of: object) -> None:
        raise StoreDenied("no right to write")

    monkeypatch.setattr(Folder, "keep", keep)
    assert load(folder) == {}
    warned = [record.getMessage().partition(":")[0] for record in caplog.records]
    assert warned == ["acme", "globex"]
