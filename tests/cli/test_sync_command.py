"""What the command `sync` says and how it ends: real runs, on an instance of their own."""

import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import click
import dagster as dg
import duckdb
import pytest
import time_machine

from opensense_okta.cli.approve import approve_now
from opensense_okta.cli.sync import sync_now
from opensense_okta.publishing.published import published
from opensense_okta.resolution.changes import Difference
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.faults import make_fault
from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.simulator.serving import running
from opensense_okta.storage.lake import Lake
from tests.support.company import DAY, NOON, UNHURRIED, an_org
from tests.support.events import keep_events_in_memory
from tests.support.home import make_home, write_organization
from tests.support.noticeboard import a_noticeboard
from tests.support.stored import group, store, user

YESTERDAY = DAY - timedelta(days=1)


class Ended(NamedTuple):
    """How the command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def document(self) -> Any:  # noqa: ANN401 - whatever the JSON is
        return json.loads(self.out)

    def line(self, begin: str) -> str:
        """The one line of the summary that begins so."""
        (found,) = [line for line in self.out.splitlines() if line.startswith(f"  {begin}")]
        return " ".join(found.split())


class Desk(NamedTuple):
    """Where somebody types the command."""

    home: Path
    okta: Simulator
    lake: Lake
    sync: Callable[..., Ended]

    def run(self, run_id: str) -> dg.DagsterRun:
        """A run, as the UI shows it."""
        with dg.DagsterInstance.get() as instance:
            found = instance.get_run_by_id(run_id)
        assert found
        return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME for all: to make its databases takes longer than a sync."""
    home = make_home(tmp_path_factory.mktemp("home"), "http://127.0.0.1:1")
    keep_events_in_memory(home)
    return home


class Beginning(NamedTuple):
    """A lake, and the port of the Okta that it was read from."""

    data: Path
    port: int


@contextmanager
def environment(home: Path, data: Path, port: int = 0) -> Iterator[Simulator]:
    """Noon of the day, with the variables of the command; Okta is started on a port, 0: any."""
    with (
        pytest.MonkeyPatch.context() as patch,
        time_machine.travel(NOON),
        running(Simulator(an_org(), limits=UNHURRIED), port=port) as okta,
    ):
        write_organization(home, okta.url)
        patch.setenv("DAGSTER_HOME", str(home))
        patch.setenv("ACME_TOKEN", TOKEN)
        patch.setenv("OPENSENSE_DATA", str(data))
        patch.delenv("OPENSENSE_ORGANIZATIONS", raising=False)
        umask = os.umask(0o077)
        yield okta
        os.umask(umask)


@pytest.fixture(scope="module")
def yesterday(home: Path, tmp_path_factory: pytest.TempPathFactory) -> Beginning:
    """The sync of yesterday has published."""
    data = tmp_path_factory.mktemp("yesterday") / "data"
    with environment(home, data) as okta, time_machine.travel(NOON - timedelta(days=1)):
        assert sync_now("acme", None, as_json=True) == 0
        return Beginning(data, int(okta.url.rpartition(":")[2]))


def sit_at(
    home: Path, data: Path, capture: pytest.CaptureFixture[str], port: int = 0
) -> Iterator[Desk]:
    with environment(home, data, port) as okta:

        def sync(day: date | None = None, *, as_json: bool = False) -> Ended:
            capture.readouterr()
            status = sync_now("acme", str(day) if day else None, as_json=as_json)
            return Ended(status, *capture.readouterr())

        yield Desk(home, okta, Lake(data, "acme"), sync)


@pytest.fixture
def desk(home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Iterator[Desk]:
    """Nothing was synced yet."""
    yield from sit_at(home, tmp_path / "data", capfd)


@pytest.fixture
def a_day_later(
    yesterday: Beginning, home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    """Yesterday was synced and published."""
    shutil.copytree(yesterday.data, tmp_path / "data")
    yield from sit_at(home, tmp_path / "data", capfd, yesterday.port)


def people(org: Org) -> str:
    """The beginning of what is said to have been read."""
    truth = org.truth()
    return f"{len(truth.users)} users, {len(truth.groups)} groups, {len(truth.memberships)} memberships"


def test_a_good_sync_says_what_was_read_what_changed_where_it_lies_and_what_is_next(
    a_day_later: Desk,
) -> None:
    desk = a_day_later
    for number, user_id in enumerate(desk.okta.org.user_ids[-3:]):
        desk.okta.org.update_profile(user_id, {"title": f"Chief {number}"})
    desk.okta.requests.clear()
    ended = desk.sync()
    read = people(desk.okta.org)
    requests = len(desk.okta.requests)
    assert ended.status == 0
    assert ended.out.startswith("acme, 2026-11-23: done.\n")
    assert re.match(rf"Read okta: {read} \({requests} requests, \d\.\d s\)", ended.line("Read"))
    assert ended.line("Resolved") == f"Resolved {read.replace('users', 'people')}"
    assert ended.line("Changed") == (
        "Changed 0 people added, 0 removed, 3 changed since the directory of 2026-11-22"
    )
    assert ended.line("Published") == (
        f"Published the directory of 2026-11-23: {desk.lake.database}"
    )
    assert ended.line("Next") == (
        "Next 2026-11-24 02:00 UTC by the schedule while Dagster runs; by hand: opensense-okta sync acme"
    )
    run_id = ended.line("Run").split()[1]
    assert desk.run(run_id).status is dg.DagsterRunStatus.SUCCESS
    assert ended.err.startswith("acme: syncing 2026-11-23\n")
    copies_of_the_output = [*desk.home.rglob("*.out"), *desk.home.rglob("*.err")]
    assert copies_of_the_output == []


def test_a_warning_is_something_to_look_at_and_no_failure(desk: Desk) -> None:
    desk.okta.org.update_profile(desk.okta.org.user_ids[0], {"email": "nowhere"})
    write_organization(desk.home, desk.okta.url, enabled=False)
    ended = desk.sync()
    assert ended.status == 0
    assert ended.line("Look at") == (
        "Look at okta: 1 users have no e-mail address or a malformed one. Their signatures cannot be"
        " addressed; correct the profiles in the directory."
    )
    # And whose schedule is off is told how to go on by hand.
    assert ended.line("Next") == (
        "Next by hand: opensense-okta sync acme (the schedule is off: `enabled: false`)"
    )


def test_what_the_export_leaves_out_is_something_to_look_at(desk: Desk) -> None:
    export = "publish: {csv: {path: exports/people.csv, groups: [Everyone, Board]}}\n"
    write_organization(desk.home, desk.okta.url, more=export)
    ended = desk.sync()
    assert ended.status == 0
    assert (
        "Look at No group of the day matches these entries of publish.csv.groups: Board."
        in ended.line("Look at")
    )
    document = desk.sync(as_json=True).document
    assert [*document["export_warnings"]] == ["unmatched_patterns"]


def test_json_is_one_document_and_nothing_else(desk: Desk) -> None:
    ended = desk.sync(as_json=True)
    document = ended.document
    truth = desk.okta.org.truth()
    assert ended.status == 0
    assert list(document) == [
        "organization",
        "day",
        "status",
        "run_id",
        "resolve_run_id",
        "failures",
        "held_because",
        "directories",
        "resolved",
        "resolved_checks",
        "published",
        "database",
        "export_warnings",
        "notices",
        "next_sync",
    ]
    okta = document["directories"]["okta"]
    assert okta["rows"] == {
        "raw_users": len(truth.users),
        "raw_groups": len(truth.groups),
        "memberships": len(truth.memberships),
    }
    assert okta["read_now"] is True
    assert okta["cost"]["requests"] == len(desk.okta.requests)
    assert all(check["passed"] for check in okta["checks"])
    assert (document["status"], document["failures"]) == ("done", [])
    assert document["held_because"] == []
    assert {check["table"] for check in document["resolved_checks"]} >= {"people", "accounts"}
    assert all(check["passed"] for check in document["resolved_checks"])
    assert document["published"]["day"] == "2026-11-23"
    assert document["database"] == str(desk.lake.database)
    assert document["next_sync"] == "2026-11-24T02:00:00+00:00"
    assert desk.run(document["run_id"]).status is dg.DagsterRunStatus.SUCCESS
    with duckdb.connect(document["database"], read_only=True) as connection:
        assert connection.execute("select count(*) from people").fetchall() == [(len(truth.users),)]


def test_a_sync_that_is_held_ends_with_3_says_why_and_notifies_of_it_and_of_its_approval(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    desk.okta.faults.append(make_fault("restricted-admin", times=None))
    write_organization(desk.home, desk.okta.url, more="notify: [{env: ACME_PAGER}]\n")
    # A day of its own: how a day stands is read from all of its runs in this DAGSTER_HOME.
    week = timedelta(days=7)
    with a_noticeboard() as board, time_machine.travel(NOON + week):
        monkeypatch.setenv("ACME_PAGER", board.url)
        ended = desk.sync()
        assert ended.status == 3
        assert ended.out.startswith(
            "acme, 2026-11-30: held back.\n  acme: 2026-11-30 is held back. Nothing is published yet.\n"
            "  okta: everyone_group_listed:"
        )
        assert ended.line("Published") == "Published nothing yet"
        assert desk.run(ended.line("Run").split()[1]).status is dg.DagsterRunStatus.FAILURE
        assert not desk.lake.database.exists()
        assert board.news() == ["acme: 2026-11-30 is held back"]
        assert ended.line("Notices") == (
            "Notices sent to target 1 of `notify`: acme: 2026-11-30 is held back"
        )
        assert approve_now("acme", str(DAY + week), "Eve", yes=True, seen={"unproven": 1}) == 0
        assert board.news() == ["acme: back to normal"]
    assert "  sent to target 1 of `notify`: acme: back to normal" in capfd.readouterr().out


def test_a_sync_that_a_guard_holds_keeps_what_is_published_and_says_how_to_go_on(
    a_day_later: Desk,
) -> None:
    desk = a_day_later
    before = desk.lake.database.read_bytes()
    for user_id in desk.okta.org.user_ids[:30]:
        desk.okta.org.remove_user(user_id)
    ended = desk.sync(as_json=True)
    assert (ended.status, ended.document["status"]) == (3, "held")
    (failure,) = ended.document["failures"]
    headline, reason, remedy = failure.splitlines()
    assert re.match(r"okta: \d+ of \d+ active people .* are gone", reason)
    assert "memberships" in reason
    assert ended.document["held_because"] == [reason]
    assert "The directory of 2026-11-22, which it was compared with, stays published." in headline
    assert "`opensense-okta approve acme --date 2026-11-23 --by YOUR_NAME`" in remedy
    assert ended.document["published"]["day"] == "2026-11-22"
    assert ended.document["resolve_run_id"] is None  # there is nothing to be mended by itself
    assert desk.lake.database.read_bytes() == before


HR = """\
  hr:
    kind: csv
    users: {path}
    id: employee_number
resolution:
  match: [employee_number]
"""


def test_several_directories_are_one_and_their_conflicts_are_counted(
    desk: Desk, tmp_path: Path
) -> None:
    number = next(iter(desk.okta.org.users.values()))["profile"]["employeeNumber"]
    people = tmp_path / "people.csv"
    people.write_text(f"employee_number,title\n{number},Queen\nE-0,Founder\n")
    write_organization(desk.home, desk.okta.url, more=HR.format(path=people))
    ended = desk.sync()
    users = len(desk.okta.org.truth().users)
    assert ended.status == 0
    assert " hr: 2 users, 0 groups, 0 memberships (" in ended.out
    resolved = ended.line("Resolved")
    assert resolved.startswith(f"Resolved {users + 1} people from {users + 2} accounts, ")
    assert ended.line("Conflicts").startswith("Conflicts 1: directories disagree on a value")


def difference(lake: Lake) -> Difference:
    """What the published day changed."""
    now = published(lake)
    assert now is not None
    assert now.difference is not None
    return now.difference


def test_checks_of_the_resolved_day_and_merged_and_split_people_are_reported(
    desk: Desk, tmp_path: Path
) -> None:
    (first, second, *_), file = desk.okta.org.users.values(), tmp_path / "people.csv"
    numbers = [user["profile"]["employeeNumber"] for user in (first, second)]
    address = first["profile"]["email"]
    desk.okta.org.update_profile(second["id"], {"email": address})
    write_organization(desk.home, desk.okta.url, more=HR.format(path=file))
    with time_machine.travel(NOON - timedelta(days=1)):
        file.write_text(f"employee_number,title\n{numbers[0]},Queen\nE-0,Founder\n")
        document = desk.sync(as_json=True).document
    checks = {check["name"]: check for check in document["resolved_checks"]}
    assert not checks["emails_unique"]["passed"]
    assert checks["emails_unique"]["numbers"]["emails_shared"] == 2
    assert document["published"]["difference"] == difference(desk.lake).model_dump(mode="json")
    file.write_text(f"employee_number,title\n{numbers[0]},Queen\nE-0,Founder\n{numbers[1]},King\n")
    desk.okta.org.update_profile(first["id"], {"employeeNumber": "E-0"})
    ended = desk.sync()
    assert re.search(
        r"^  Look at +people: Of .*, 2 share their e-mail address", ended.out, re.MULTILINE
    )
    merged, split = difference(desk.lake).merged, difference(desk.lake).split
    assert merged + split > 0
    changed = ended.line("Changed")
    assert f"{merged} merged" in changed or f"{split} split" in changed


def test_records_that_were_set_aside_are_counted(desk: Desk) -> None:
    desk.okta.faults.append(make_fault("strange-records", times=1))
    ended = desk.sync()
    line = ended.line("Set aside")
    assert re.search(r"^Set aside okta: \d+ of \w+ \w+ \(the first: page 1, record \d+\)", line)
    assert line.endswith(
        ": no object with a usable id, a key twice, too large, or nested too deeply"
    )


def test_one_directory_that_fails_does_not_keep_the_others_from_being_resolved(
    desk: Desk, tmp_path: Path
) -> None:
    missing = tmp_path / "nowhere" / "people.csv"
    write_organization(desk.home, desk.okta.url, more=HR.format(path=missing))
    ended = desk.sync()
    assert ended.status == 1
    assert (
        ended.err.splitlines()[-1] == "acme: the sync failed, continuing with the stored snapshots"
    )
    users = len(desk.okta.org.truth().users)
    assert ended.line("Resolved").startswith(f"Resolved {users} people")
    # A directory that is in the organization file and was never read is for a person to look at.
    assert (
        "acme: 2026-11-23 is held back. Nothing is published yet.\n"
        "  hr is in the organization file, and has never been read." in ended.out
    )
    assert ended.line("Published") == "Published nothing yet"


def test_a_first_sync_that_fails_says_what_to_do_and_resolves_nothing(desk: Desk) -> None:
    desk.okta.faults.append(make_fault("forbidden"))
    ended = desk.sync()
    assert ended.status == 1
    first, failure, *_ = ended.out.splitlines()
    assert first == "acme, 2026-11-23: the sync failed."
    assert failure.startswith(
        "  acme/okta: Okta refuses access: an administrator role is missing (403 E0000006"
    )
    assert (
        "What to do: Give the administrator who made the token the Read-Only Administrator role"
        " (Security > Administrators); for an API Services app grant the scopes okta.users.read and"
        " okta.groups.read (Okta API Scopes tab) and the same role (Admin roles tab). Then start the"
        " sync again."
    ) in failure
    assert ended.line("Published") == "Published nothing yet"
    assert "by hand: opensense-okta sync acme" in ended.line("Next")
    with dg.DagsterInstance.get() as instance:
        (newest,) = instance.get_runs(limit=1)
    assert newest.job_name == "acme__sync"


def test_a_failing_read_goes_on_with_what_is_stored_and_ends_with_1(
    a_day_later: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = a_day_later
    monkeypatch.setenv("ACME_TOKEN", "expired")
    ended = desk.sync()
    assert ended.status == 1
    first, failure, *_ = ended.out.splitlines()
    assert first == "acme, 2026-11-23: the sync failed."
    assert failure.startswith(
        "  acme/okta: Okta does not accept the API token: it is invalid, expired or revoked"
        " (401 E0000011, Invalid token provided"
    )
    assert (
        ended.err.splitlines()[-1] == "acme: the sync failed, continuing with the stored snapshots"
    )
    # Nothing was read on the day: the directory of the day before stays published.
    assert ended.line("Resolved").endswith("memberships, with okta as it was on 2026-11-22")
    assert ended.line("Published") == (
        f"Published the directory of 2026-11-22, as before: {desk.lake.database}"
    )
    with dg.DagsterInstance.get() as instance:
        resolve, sync = instance.get_runs(limit=2)
    assert (sync.job_name, sync.status) == ("acme__sync", dg.DagsterRunStatus.FAILURE)
    assert (resolve.job_name, resolve.status) == ("acme__resolve", dg.DagsterRunStatus.SUCCESS)
    assert resolve.tags["opensense/attempt_group"] == sync.run_id


def test_a_past_day_is_resolved_again_and_replaces_no_newer_one(
    a_day_later: Desk,
) -> None:
    desk, day = a_day_later, YESTERDAY - timedelta(days=1)
    everyone = group("g1", "Everyone")
    store(desk.lake, [user("a"), user("b")], [everyone], [("g1", "a")], day=day)
    ended = desk.sync(day)
    assert ended.status == 0
    assert ended.line("Kept") == (
        "Kept okta: 2 users, 1 groups, 1 memberships, as read at 02:05 UTC"
    )
    assert ended.line("Resolved") == "Resolved 2 people, 1 groups, 1 memberships"
    assert ended.line("Published") == (
        f"Published the directory of 2026-11-22, as before: {desk.lake.database}"
    )
    assert desk.okta.requests == []


def test_a_past_day_without_a_snapshot_says_what_can_be_done(desk: Desk) -> None:
    ended = desk.sync(YESTERDAY)
    assert ended.status == 1
    assert (
        "There is no snapshot of 2026-11-22, and an API only returns the data of today" in ended.out
    )
    assert desk.okta.requests == []


def test_memory_that_is_not_enough_says_whose_sync_and_what_to_set(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(desk.lake, [user("a")], day=YESTERDAY)
    monkeypatch.setenv("OPENSENSE_MEMORY_LIMIT", "3MB")
    ended = desk.sync(YESTERDAY)
    assert ended.status == 1
    assert "acme: 3 MB of memory were not enough." in ended.out
    assert "What to do: set OPENSENSE_MEMORY_LIMIT" in ended.out
    assert "not expected" not in ended.out


def test_what_nobody_foresaw_is_named_with_its_step(desk: Desk) -> None:
    manifest = store(desk.lake, [user("a")], day=YESTERDAY)
    desk.lake.snapshot("okta", YESTERDAY).table(manifest, "raw_users").write_bytes(
        b"not a Parquet file"
    )
    ended = desk.sync(YESTERDAY)
    assert ended.status == 1
    assert "\n  acme__read__okta: " in ended.out
    assert "No magic bytes found" in ended.out
    assert "This error was not expected: the run in Dagster's UI has all of it." in ended.out


def test_dagsters_storage_that_refuses_is_reported_in_words_and_notified(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = make_home(tmp_path / "other", desk.okta.url)
    write_organization(home, desk.okta.url, more="notify: [{env: ACME_PAGER}]\n")
    (home / "history").mkdir()
    (home / "history" / "runs.db").mkdir()  # SQLite cannot open it, whoever runs this
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with a_noticeboard() as board:
        monkeypatch.setenv("ACME_PAGER", board.url)
        with pytest.raises(click.ClickException) as ended:
            sync_now("acme", None, as_json=False)
        assert "unable to open database file" in board.posts[-1]["message"]
        assert board.news() == ["acme: the sync of 2026-11-23 failed"]
    assert ended.value.exit_code == 1
    words = ended.value.format_message()
    assert "(unable to open database file). Nothing was published by this" in words
    assert "What to do: run this as" in words
    assert "sent to target 1 of `notify`: acme: the sync of 2026-11-23 failed" in words
    assert "Traceback" not in words
