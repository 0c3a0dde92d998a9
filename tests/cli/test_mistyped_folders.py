"""Variables that name another folder by mistake: nothing is written there, and no rights are changed."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from opensense_okta.cli.main import main
from tests.support.home import make_home


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = make_home(tmp_path, "https://acme.okta.com")
    monkeypatch.setenv("DAGSTER_HOME", str(made))
    monkeypatch.setenv("OPENSENSE_ORGANIZATIONS", str(made / "organizations"))
    monkeypatch.setenv("OPENSENSE_DATA", str(tmp_path / "mistyped"))
    monkeypatch.setenv("ACME_TOKEN", "token")
    monkeypatch.delenv("DAGSTER_DISABLE_TELEMETRY", raising=False)
    return made


@pytest.mark.parametrize("command", [("explain", "acme", "ada"), ("preview", "acme")])
def test_a_command_that_reads_makes_no_folder_and_says_that_nothing_is_stored(
    home: Path, command: tuple[str, ...]
) -> None:
    result = run(*command)
    assert result.exit_code == 2
    assert "no snapshot" in result.output or "nothing" in result.output.lower()
    assert not (home.parent / "mistyped").exists()


@pytest.mark.parametrize(
    "command", [("sync", "acme"), ("approve", "acme", "--date", "2026-11-23", "--by", "Ada")]
)
def test_a_folder_with_other_files_is_no_home_of_dagster(
    home: Path, command: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    photos = home.parent / "photos"
    photos.mkdir()
    (photos / "summer.jpg").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(photos))
    result = run(*command)
    assert result.exit_code == 2
    assert f"{photos} is no home of Dagster" in result.output
    assert [file.name for file in photos.iterdir()] == ["summer.jpg"]


@pytest.mark.usefixtures("home")
def test_each_command_switches_dagsters_telemetry_off() -> None:
    run("preview", "acme")
    assert os.environ["DAGSTER_DISABLE_TELEMETRY"] == "yes"
