"""What the command `copy-lake` says and refuses."""

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from opensense_okta.cli.main import main
from opensense_okta.storage.lake import Lake
from tests.support.stored import organization, store, user


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake with a snapshot of acme."""
    (tmp_path / "dagster_home").mkdir()
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster_home"))
    monkeypatch.setenv("OPENSENSE_DATA", str(tmp_path / "data"))
    lake = Lake(tmp_path / "data", organization().name)
    store(lake, [user("a")])
    return lake


def copy_lake(place: object) -> Result:
    return CliRunner().invoke(main, ["copy-lake", str(place)])


def test_it_says_what_was_copied_and_what_to_do(lake: Lake, tmp_path: Path) -> None:
    ended = copy_lake(tmp_path / "copy")
    assert ended.exit_code == 0, ended.output
    assert "acme: 4 files" in ended.output
    assert f"Copied 1 organization to {tmp_path}/copy: 4 files, 0.0 MB." in ended.output
    assert f"set OPENSENSE_DATA={tmp_path}/copy for each of them" in ended.output
    assert len(list(Lake(tmp_path / "copy", "acme").store.entries("snapshots"))) == 4
    assert (tmp_path / "copy" / "acme").stat().st_mode & 0o777 == 0o700
    assert lake.directories() == ["okta"]


def test_wrong_places_are_refused(lake: Lake, tmp_path: Path) -> None:
    for place, words in (
        ("", "URL is empty: name a folder"),
        (tmp_path / "data", "is the lake that is to be copied"),
        (tmp_path / "data/acme/backup", "is inside the other"),
        (tmp_path, "is inside the other"),
        ("ftp://acme.test/lake", "there can be no lake at this URL"),
        (shutil.copytree(tmp_path / "data", tmp_path / "full"), "other files, such as acme"),
    ):
        ended = copy_lake(place)
        assert ended.exit_code == 2, ended.output
        assert words in ended.output
    assert lake.store.children("") == ["locks", "snapshots"]
