"""What the command `explain` says and how it ends."""

import json
import os
import pty
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest
import time_machine
from click.testing import CliRunner, Result

from opensense_okta.cli.main import main
from opensense_okta.config.load import load_organization
from opensense_okta.publishing.explain.find_person import current_day, find
from opensense_okta.publishing.publish import publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.support.csv_snapshots import account, store
from tests.support.stored import DAY

YESTERDAY = DAY - timedelta(days=1)
NOON = "2026-11-23T12:00+00:00"

ORGANIZATION = """\
timezone: UTC
first_day: 2026-11-01
directories:
  hr: {kind: csv, users: /srv/hr.csv}
  shop: {kind: csv, users: /srv/shop.csv}
resolution:
  match: [employee_number, email]
  attributes:
    title: {precedence: [shop, hr]}
    mobile_phone: {blank: wins}
  stale_after_days: 3
"""

Accounts = Mapping[str, Mapping[str, str]]

ANA = {
    "email": "ana@acme.test",
    "employee_number": "E7",
    "display_name": "Ána Lovelace",
    "title": "Clerk",
    "manager": "bob@acme.test",
}
BOB = {"email": "bob@acme.test", "display_name": "Bob Ray"}
CAT = {
    "email": "cat@acme.test",
    "display_name": "Cat Ray",
    "start_date": "soon",
    "end_date": "9999-12-31",
}
DAN = {"email": "dan@acme.test", "display_name": "Dan \x1b[31mRed\x1b[0m"}
HR: Accounts = {"1": ANA, "2": BOB, "3": CAT, "4": DAN}
SHOP: Accounts = {
    "s1": {
        "employee_number": "E7",
        "email": "a@acme.test",
        "title": "Boss",
        "mobile_phone": "+1 555 0100",
    },
    "s2": {"email": "cat@acme.test"},
    "s3": {"email": "cat@acme.test"},
}


def read(lake: Lake, directory: str, accounts: Accounts, *days_ago: int, staff: str = "") -> None:
    """Stores what a directory held so many days ago."""
    groups = [{"id": "g1", "name": "Staff"}] if staff else []
    rows = [account(id_, values) for id_, values in accounts.items()]
    for days in days_ago:
        day = DAY - timedelta(days=days)
        store(lake, directory, day, rows, groups, [("g1", staff)] if staff else [])


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two published days of acme; Eve has left before the second; the shop was read long ago.

    Ana became Boss and joined Staff on the second day, when the shop's file was first read.
    """
    folder = tmp_path_factory.mktemp("home")
    (folder / "organizations").mkdir()
    for name in ("acme", "empty"):
        (folder / "organizations" / f"{name}.yaml").write_text(ORGANIZATION)
    organization = load_organization(folder / "organizations" / "acme.yaml")
    lake = Lake(folder / "data", "acme")
    read(lake, "shop", {}, 9)
    read(lake, "hr", {**HR, "5": {"display_name": "Eve Left", "email": "eve@acme.test"}}, 1)
    resolve(organization, YESTERDAY, lake)
    publish(organization, lake, YESTERDAY)
    read(lake, "shop", SHOP, 8)
    read(lake, "hr", HR, 0, staff="1")
    resolve(organization, DAY, lake)
    publish(organization, lake, DAY)
    return folder


@pytest.fixture(autouse=True)
def environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    umask = os.umask(0o077)  # the command changes it for its process, which here is the tests'
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("OPENSENSE_DATA", str(home / "data"))
    monkeypatch.delenv("OPENSENSE_ORGANIZATIONS", raising=False)
    yield
    os.umask(umask)


def run(*arguments: str) -> Result:
    with time_machine.travel(NOON):
        return CliRunner().invoke(main, ["explain", *arguments])


def id_of(home: Path, who: str) -> str:
    lake = Lake(home / "data", "acme")
    day = current_day(lake)
    assert day
    (one,) = find(lake, [day], who)
    return one.person_id


# Words.


def test_everything_about_a_person_in_words(home: Path) -> None:
    result = run("acme", "ana@acme.test")
    assert (result.exit_code, result.stderr) == (0, "")
    assert (
        result.stdout
        == f"""\
Ána Lovelace: active on 2026-11-23 (published)
Person id  {id_of(home, "E7")}
Manager    Bob Ray

attribute        value          from     rule                since       as of               other values
active           true           hr/1     default precedence  2026-11-22  2026-11-23          the same in shop
display_name     Ána Lovelace   hr/1     only value          2026-11-22  2026-11-23
email            ana@acme.test  hr/1     default precedence  2026-11-22  2026-11-23          shop: a@acme.test
title            Boss           shop/s1  precedence          2026-11-23  2026-11-15 (stale)  hr: Clerk
employee_number  E7             hr/1     default precedence  2026-11-22  2026-11-23          the same in shop
manager          bob@acme.test  hr/1     only value          2026-11-22  2026-11-23
mobile_phone                             set aside                                           shop: +1 555 0100

Accounts
  hr/1  ACTIVE (active)
  shop/s1  ACTIVE (active)

Groups
  Staff  hr/g1

Conflicts
  email: hr/1 has “ana@acme.test”, shop/s1 has “a@acme.test”
  title: hr/1 has “Clerk”, shop/s1 has “Boss”

What changed
  2026-11-23  joined the group Staff
  2026-11-23  accounts: ["hr/1"] → ["hr/1","shop/s1"]
  2026-11-23  title: Clerk → Boss
  2026-11-22  was added to the directory
"""
    )


def test_a_match_that_was_not_made_says_why_with_the_evidence_and_what_to_do() -> None:
    words = run("acme", "Cat Ray").stdout
    key = "(email cat@acme.test)"
    assert (
        "  ambiguous match: the email matches several accounts of one directory, so it joined no accounts:"
        f" hr/3 {key}, shop/s2 {key}, shop/s3 {key}\n"
        "  To decide which accounts are one person, use `resolution.always_same` and `resolution.never_same`"
        " in the organization's file.\n"
    ) in words


def test_a_date_that_counts_as_none_is_shown_with_the_reason() -> None:
    lines = [" ".join(line.split()) for line in run("acme", "hr/3").stdout.splitlines()]
    assert "start_date not a date hr: soon" in lines
    assert "end_date placeholder date hr: 9999-12-31" in lines
    assert json.loads(run("acme", "hr/3", "--json").stdout)["unused_dates"] == [
        {"attribute": "start_date", "directory": "hr", "text": "soon", "is_placeholder": False},
        {
            "attribute": "end_date",
            "directory": "hr",
            "text": "9999-12-31",
            "is_placeholder": True,
        },
    ]
    assert json.loads(run("acme", "E7", "--json").stdout)["unused_dates"] == []


@pytest.fixture
def narrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other rules of scope and export for the same days."""
    excluded = ORGANIZATION.replace("hr.csv}", "hr.csv, scope: {exclude: {title: [Robot]}}}")
    exported = "{groups: [Sales, S*f], exclude: {email: [ana@*]}, include: {title: [Poet]}}"
    publish = f"publish: {{csv: {{path: people.csv}}, people: {exported}}}\n"
    (tmp_path / "acme.yaml").write_text(excluded + publish)
    monkeypatch.setenv("OPENSENSE_ORGANIZATIONS", str(tmp_path))


@pytest.mark.usefixtures("narrow")
def test_the_rules_that_leave_a_person_out_of_the_export_are_named() -> None:
    ana = ["publish.people.exclude.email", "publish.people.include.title"]
    assert (
        f"\nExport     not exported: left out by {' and '.join(ana)}\n" in run("acme", "E7").stdout
    )
    assert json.loads(run("acme", "E7", "--json").stdout)["not_exported"] == ana
    bob = json.loads(run("acme", "bob@acme.test", "--json").stdout)["not_exported"]
    assert bob == ["publish.people.groups", "publish.people.include.title"]


@pytest.mark.usefixtures("narrow")
def test_a_rule_of_scope_is_named_where_nobody_is_found() -> None:
    assert run("acme", "robot@acme.test").stderr.endswith(
        "Users who are out of scope are not stored. Look at directories.hr.scope.exclude in the organization"
        " file.\n"
    )


def test_a_past_day_is_explained_as_it_was() -> None:
    words = run("acme", "E7", "--date", "2026-11-22").stdout
    assert words.startswith("Ána Lovelace: active on 2026-11-22 (published)\n")
    assert "Boss" not in words


def test_a_name_cannot_steer_the_terminal() -> None:
    words = run("acme", "dan@acme.test").stdout
    assert "\x1b" not in words
    assert words.startswith("Dan �[31mRed�[0m: active")


# JSON.


def test_json_is_the_contracts_document_and_nothing_else(home: Path) -> None:
    result = run("acme", "a@acme.test", "--json")
    assert (result.exit_code, result.stderr) == (0, "")
    document = json.loads(result.stdout)
    assert {key: document[key] for key in ("day", "person_id", "accounts", "groups")} == {
        "day": "2026-11-23",
        "person_id": id_of(home, "E7"),
        "accounts": [
            {"directory": "hr", "id": "1", "status": "ACTIVE"},
            {"directory": "shop", "id": "s1", "status": "ACTIVE"},
        ],
        "groups": [
            {
                "group_id": "hr/g1",
                "name": "Staff",
                "directory": "hr",
                "id": "g1",
                "sources": ["hr/g1"],
                "direct": True,
                "through": [],
            }
        ],
    }
    assert document["attributes"]["title"] == {
        "value": "Boss",
        "directory": "shop",
        "account_id": "s1",
        "rule": "precedence",
        "losing": [{"directory": "hr", "value": "Clerk"}],
        "since": "2026-11-23",
        "as_of": "2026-11-15",
    }
    assert document["attributes"]["active"]["value"] is True
    assert {
        "day": "2026-11-23",
        "change": "changed",
        "attribute": "title",
        "before": "Clerk",
        "after": "Boss",
        "before_name": None,
        "after_name": None,
    } in document["changes"]
    assert {
        "kind": "value",
        "attribute": "title",
        "detail": {"values": {"hr/1": "Clerk", "shop/s1": "Boss"}},
    } in document["conflicts"]


# Nobody, several, and days that are not there: status 2, words on standard error.


class Wrong(NamedTuple):
    arguments: tuple[str, ...]
    words: str


WRONG = {
    "a typing mistake": Wrong(
        ("acme", "bob@acme.tst"),
        "Nobody in acme's directory of 2026-11-23 matches “bob@acme.tst”.\n"
        "Did you mean bob@acme.test?\n",
    ),
    "nobody": Wrong(
        ("acme", "zzz"),
        "Nobody in acme's directory of 2026-11-23 matches “zzz”.\n"
        "Nobody on another stored day matches either. Give an e-mail address, a login, an employee number,"
        " a part of a name, a person id, or an account id such as okta/00u1.\n",
    ),
    "no question": Wrong(
        ("acme", " \u200b, "),
        "WHO is “ �, ”, which names nobody. Give an e-mail address, a login, an employee number, a part of a"
        " name, a person id, or an account id such as okta/00u1.\n",
    ),
    "a day that is not stored": Wrong(
        ("acme", "E7", "--date", "2026-11-03"),
        "--date 2026-11-03: no people are stored for that day. 2 days are stored, from 2026-11-22 to"
        " 2026-11-23; the nearest is 2026-11-22.\n",
    ),
    "a day that is none": Wrong(
        ("acme", "E7", "--date", "monday"), "--date monday: write the day as 2026-11-23.\n"
    ),
    "an organization without a day": Wrong(
        ("empty", "E7"),
        "Nothing of empty is stored yet. Start with `opensense-okta sync empty`.\n",
    ),
    "an organization that is not there": Wrong(
        ("acne", "E7"),
        "There is no organization file {home}/organizations/acne.yaml. Did you mean acme?\n",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_cannot_be_explained_is_a_usage_error(home: Path, name: str) -> None:
    arguments, words = WRONG[name]
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == words.format(home=home)


def test_invisible_characters_around_copied_text_are_ignored(home: Path) -> None:
    result = run("acme", "\u200bana@acme.test\u202c\n", "--json")
    assert json.loads(result.stdout)["person_id"] == id_of(home, "E7")


def test_a_person_of_another_day_is_named_with_the_day_and_the_command() -> None:
    result = run("acme", "eve")
    assert (result.exit_code, result.stdout) == (2, "")
    first, second = result.stderr.splitlines()
    assert first == "Nobody in acme's directory of 2026-11-23 matches “eve”."
    assert second.startswith(
        "Eve Left <eve@acme.test> does, last on 2026-11-22: opensense-okta explain acme "
    )
    # And the command is right.
    arguments = second.partition("opensense-okta explain ")[2].split()
    assert run(*arguments).stdout.startswith("Eve Left: active on 2026-11-22")


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_several_matches_are_listed_where_no_question_can_be_asked(
    home: Path, options: tuple[str, ...]
) -> None:
    result = run("acme", "ray", *options)
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr == (
        "2 people match “ray”:\n"
        f"   1  Bob Ray <bob@acme.test>  {id_of(home, 'bob@acme.test')}\n"
        f"   2  Cat Ray <cat@acme.test>  {id_of(home, 'Cat Ray')}\n"
        "Give the person id at the end of the line.\n"
    )


def test_on_a_terminal_one_of_several_is_chosen_by_number() -> None:
    shown, behind = pty.openpty()
    command = [sys.executable, "-m", "opensense_okta.cli.main", "explain", "acme", "ray"]
    with (
        os.fdopen(shown, "r+b", buffering=0) as terminal,
        subprocess.Popen(command, stdin=behind, stdout=behind, stderr=behind) as process,
    ):
        os.close(behind)
        seen = b""
        while b"Which one?" not in seen:
            seen += terminal.read(1000)
        terminal.write(b"2\n")
        seen += _rest(terminal.fileno())
    assert process.returncode == 0
    assert "1  Bob Ray" in seen.decode()
    assert "Cat Ray: active on 2026-11-23 (published)" in seen.decode()


def _rest(terminal: int) -> bytes:
    """What the terminal shows until whoever writes to it has ended, which Linux calls an error."""
    seen = b""
    try:
        while more := os.read(terminal, 1000):
            seen += more
    except OSError:
        pass
    return seen
