"""The commands, as far as they go before anything is read."""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest
import time_machine
from click.testing import CliRunner, Result

from opensense_okta.cli.main import main
from tests.support.home import make_home

NOON = "2026-11-23T12:00+00:00"


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """The commands change it for their process, which here is the tests'."""
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    made = make_home(tmp_path, "https://acme.okta.com")
    monkeypatch.setenv("DAGSTER_HOME", str(made))
    monkeypatch.delenv("OPENSENSE_DATA", raising=False)
    monkeypatch.delenv("OPENSENSE_ORGANIZATIONS", raising=False)
    return made


def run(*arguments: str) -> Result:
    with time_machine.travel(NOON):
        return CliRunner().invoke(main, arguments)


# Help.


def test_help_lists_every_command_with_what_it_does() -> None:
    shown = run("--help")
    assert shown.exit_code == 0
    commands = shown.output.partition("Commands:\n")[2]
    listed = dict(re.findall(r"^  ([\w-]+)  +(\S.*)$", commands, re.MULTILINE))
    assert " ".join(sorted(listed)) == (
        "approve copy-lake doctor explain forget init preview simulate sync ui ui-password"
    )
    assert listed["sync"] == "Read, resolve, check and publish ORGANIZATION's day, now."
    assert listed["simulate"].startswith("Run a local Okta org")


def test_help_says_what_an_exit_status_means() -> None:
    words = " ".join(run("--help").output.split())
    assert (
        "Exit status: 0 done, 1 the sync failed, 2 wrong use or configuration, 3 held back by a check."
    ) in words


@pytest.mark.parametrize("name", sorted(main.commands))
def test_every_option_of_a_command_has_help(name: str) -> None:
    options = [each for each in main.commands[name].params if isinstance(each, click.Option)]
    assert [option.name for option in options if not option.help] == []
    assert run(name, "-h").exit_code == 0


# Usage errors: status 2, the message on standard error, nothing on standard output.


class Wrong(NamedTuple):
    arguments: tuple[str, ...]
    words: str
    environment: tuple[tuple[str, str], ...] = ()


WRONG = {
    "an organization that is not there": Wrong(
        ("sync", "globex"), "There is no organization file {home}/organizations/globex.yaml.\n"
    ),
    "an organization that is nearly there": Wrong(
        ("sync", "amce"),
        "There is no organization file {home}/organizations/amce.yaml. Did you mean acme?\n",
    ),
    "a day that is none": Wrong(
        ("sync", "acme", "--date", "yesterday"), "--date yesterday: write the day as 2026-11-23.\n"
    ),
    "a day that has not come yet": Wrong(
        ("sync", "acme", "--date", "2026-11-24"),
        "--date 2026-11-24: that day is in the future; in UTC it is 2026-11-23.\n",
    ),
    "a day before the organization's first": Wrong(
        ("sync", "acme", "--date", "2019-12-31"),
        "2019-12-31 is before acme's first day, which is 2020-01-01 (`first_day` in its file).\n",
    ),
    "a DAGSTER_HOME that is not absolute": Wrong(
        ("sync", "acme"),
        "DAGSTER_HOME must be an absolute path; it is dagster_home. What to do: set it to the"
        " absolute path of the project's dagster_home.\n",
        (("DAGSTER_HOME", "dagster_home"),),
    ),
    "a DAGSTER_HOME that is not there": Wrong(
        ("sync", "acme"),
        "There is no folder {home}/nowhere. What to do: set DAGSTER_HOME to the project's"
        " dagster_home, such as `export DAGSTER_HOME=$PWD/dagster_home`.\n",
        (("DAGSTER_HOME", "{home}/nowhere"),),
    ),
    "no folder of organizations": Wrong(
        ("sync", "acme"),
        "{home}/nowhere is not a folder; it should hold one YAML file for each organization."
        " What to do: make it, or name another folder in OPENSENSE_ORGANIZATIONS.\n",
        (("OPENSENSE_ORGANIZATIONS", "{home}/nowhere"),),
    ),
    "a lake where no object store is": Wrong(
        ("sync", "acme"),
        "OPENSENSE_DATA=ftp://…: there can be no lake at this URL. Nothing was read or written. What to do:"
        " name a folder, or a URL such as s3://bucket/folder, gs://bucket/folder or"
        " abfss://container@account.dfs.core.windows.net/folder. Credentials come from the environment,"
        " never from the URL.\n",
        (("OPENSENSE_DATA", "ftp://bucket"),),
    ),
    "a lake where none can be": Wrong(
        ("sync", "acme"),
        "Nothing can be stored in {home}/dagster.yaml: File exists. Name a folder of yours in"
        " OPENSENSE_DATA, or let its owner run this.\n",
        (("OPENSENSE_DATA", "{home}/dagster.yaml"),),
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_usage_error_is_reported_in_words(
    home: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    arguments, words, environment = WRONG[name]
    for variable, value in environment:
        monkeypatch.setenv(variable, value.format(home=home))
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == words.format(home=home)


def test_all_mistakes_of_a_file_are_reported(home: Path) -> None:
    (home / "organizations" / "acme.yaml").write_text("timezone: Mars\nfirst_day: 2026-11-01\n")
    result = run("sync", "acme")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "acme.yaml:1: timezone must be an IANA time zone such as America/New_York\n"
        "acme.yaml:1: directories is missing; it is required\n"
    )


def test_the_default_dagster_home_is_the_one_in_the_current_folder(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.chdir(home.parent)
    assert f"{home}/organizations/globex.yaml" in run("sync", "globex").stderr
    monkeypatch.delenv("DAGSTER_HOME")
    monkeypatch.chdir(home)
    assert f"There is no folder {home}/dagster_home." in run("sync", "globex").stderr
