"""What the command `approve` shows, asks, refuses and publishes: real runs, on an instance of their own."""

import io
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import dagster as dg
import duckdb
import pytest
import time_machine

from opensense_okta.cli.main import main
from opensense_okta.publishing.approval import APPROVAL, record_approval
from opensense_okta.publishing.judgement import JUDGEMENT, judge_day
from opensense_okta.publishing.publish import publish
from opensense_okta.publishing.published import resolved_day
from opensense_okta.resolution.resolve import ResolvedManifest, resolve
from opensense_okta.storage.lake import Lake
from tests.support.company import DAY, NOON
from tests.support.events import keep_events_in_memory
from tests.support.home import make_home
from tests.support.lakes import once
from tests.support.stored import group, organization, store, user

YESTERDAY = DAY - timedelta(days=1)
FOUR = ("Ada", "Bob", "Cid\x1b[2J", "[red]Dan[/red]")


class Ended(NamedTuple):
    """How the command ended, and what it said."""

    status: int
    out: str
    err: str

    @property
    def words(self) -> str:
        """What it said, however it was laid out."""
        return " ".join(self.out.split())


class Desk(NamedTuple):
    """Where somebody types the command."""

    home: Path
    lake: Lake
    type: Callable[..., Ended]

    def read(
        self, *names: str, day: date = DAY, title: str | None = "Clerk", **evidence: int
    ) -> None:
        """A day with these people, read and resolved."""
        read(self.lake, *names, day=day, title=title, **evidence)

    def approve(
        self, *options: str, by: str = "Eve", day: date = DAY, answer: str | None = None
    ) -> Ended:
        """Types `approve`, and an answer."""
        return self.type("approve", "acme", "--date", str(day), "--by", by, *options, answer=answer)

    @property
    def people(self) -> list[str]:
        """Who is published."""
        with duckdb.connect(str(self.lake.database), read_only=True) as connection:
            rows = connection.execute("select display_name from people order by all").fetchall()
        return [row[0] for row in rows]

    @property
    def approval(self) -> Path:
        """The record of the day's approval."""
        return self.lake.resolved(DAY).folder / APPROVAL


def read(
    lake: Lake, *names: str, day: date = DAY, title: str | None = "Clerk", **evidence: int
) -> None:
    """A day with these people, read and resolved."""

    def done() -> None:
        store(
            lake,
            [user(name, {"displayName": name, "title": title}) for name in names],
            [group("g1", "Everyone")],
            [("g1", name) for name in names],
            day=day,
            evidence=evidence,
        )
        resolve(organization(), day, lake)

    once(lake, ("read", names, day, title, repr(evidence)), done)


def put_out(lake: Lake, *names: str, day: date = YESTERDAY) -> None:
    """A day with these people, published."""
    read(lake, *names, day=day)
    once(lake, ("publish", day), lambda: publish(organization(), lake, day))


@pytest.fixture(scope="module")
def half_gone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The lake's folder of a company half of whose people are gone today."""
    lake = Lake(tmp_path_factory.mktemp("data"), "acme")
    put_out(lake, *FOUR)
    read(lake, "Ada", "Bob")
    judge_day(organization(), lake, resolved_day(lake, DAY))
    return lake.scratch


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME for all: to make its databases takes longer than an approval."""
    home = make_home(tmp_path_factory.mktemp("home"), "http://127.0.0.1:1")
    keep_events_in_memory(home)
    return home


@pytest.fixture
def desk(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Desk]:
    umask = os.umask(0o077)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    monkeypatch.setenv("OPENSENSE_DATA", str(tmp_path / "data"))
    monkeypatch.delenv("OPENSENSE_ORGANIZATIONS", raising=False)

    def typed(*arguments: str, answer: str | None = None) -> Ended:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{answer}\n" if answer else ""))
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(list(arguments))
        status = ended.value.code
        assert isinstance(status, int)
        return Ended(status, *capfd.readouterr())

    with time_machine.travel(NOON):
        yield Desk(home, Lake(tmp_path / "data", "acme"), typed)
    os.umask(umask)


@pytest.fixture
def held(half_gone: Path, desk: Desk) -> Desk:
    """Half of the people are gone today."""
    shutil.copytree(half_gone, desk.lake.scratch, dirs_exist_ok=True)
    return desk


# What is shown, and asked.


def test_agreeing_after_the_examples_publishes_the_day(held: Desk) -> None:
    ended = held.approve(answer="y")
    assert ended.status == 0
    assert "Compared with the directory of 2026-11-22, which it would replace:" in ended.words
    assert "0 people added, 2 removed, 0 changed." in ended.words
    assert ended.words.count("2 of 4 active") == 1
    assert "okta: 2 of 4 active people (50.0 %) are gone (2) or inactive (0)" in ended.words
    assert "Likely cause:" in ended.words
    # Nobody's name moves the cursor, or colours the terminal.
    assert re.search(r"^    Cid\ufffd\[2J +okta +gone$", ended.out, re.MULTILINE)
    assert re.search(r"^    \[red\]Dan\[/red\] +okta +gone$", ended.out, re.MULTILINE)
    assert "Publish the directory of 2026-11-23 all the same?" in ended.words
    assert "acme, 2026-11-23: published, approved by Eve:" in ended.words
    assert held.people == ["Ada", "Bob"]

    # The run shows in the UI, without anybody's name but who approved.
    run_id = re.findall(r"Run ([-0-9a-f]+) in Dagster", ended.out)[0]
    with dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(run_id)
        assert run
        assert run.job_name == "acme__approve"
        assert run.status is dg.DagsterRunStatus.SUCCESS
        event = instance.get_latest_materialization_event(
            dg.AssetKey(["acme", "resolved_directory"])
        )
        assert event
        assert event.asset_materialization
        assert event.asset_materialization.partition == "2026-11-23"
        assert event.asset_materialization.metadata["approved_by"].value == "Eve"
        written = "".join(dg.serialize_value(entry) for entry in instance.all_logs(run_id))
    assert "Eve" in written
    assert "Cid" not in written


@pytest.mark.parametrize("answer", ["n", "perhaps", None])
def test_not_agreeing_changes_nothing(held: Desk, answer: str | None) -> None:
    ended = held.approve(answer=answer)
    assert ended.status == 3
    assert (
        "2026-11-23 was not approved. The directory of 2026-11-22 stays published." in ended.words
    )
    assert held.people == list(FOUR)
    assert not held.approval.exists()


# For scripts.

WRONG = {
    "another number": (["--removed", "1", "--removed-memberships", "2"], "removed 1"),
    "not all of them": (["--removed", "2"], "removed 2"),
    "none at all": ([], "given were none"),
    "one too many": (
        ["--removed", "2", "--removed-memberships", "2", "--blanked", "0"],
        "blanked 0",
    ),
}


def test_a_script_gives_the_current_numbers(held: Desk) -> None:
    ended = held.approve("--yes", "--removed", "2", "--removed-memberships", "2")
    assert ended.status == 0
    assert "all the same?" not in ended.out
    assert held.people == ["Ada", "Bob"]


@pytest.mark.parametrize("given", WRONG)
def test_wrong_or_missing_numbers_approve_nothing(held: Desk, given: str) -> None:
    options, named = WRONG[given]
    ended = held.approve("--yes", *options)
    assert ended.status == 3
    assert named in ended.err
    assert "the numbers that hold it back are removed 2, removed_memberships 2" in ended.err
    assert (
        "opensense-okta approve acme --date 2026-11-23 --by Eve --yes --removed 2 --removed-memberships 2"
    ) in ended.err
    assert not held.approval.exists()
    assert held.people == list(FOUR)


def test_an_unproven_snapshot_is_approved_with_the_number_of_its_failed_checks(desk: Desk) -> None:
    desk.read("Ada", "Bob", users_doubled=1)
    ended = desk.approve("--yes")
    assert ended.status == 3
    assert "unproven 1" in ended.err
    assert desk.approve("--yes", "--unproven", "1").status == 0
    assert desk.people == ["Ada", "Bob"]


def test_an_approval_does_not_hold_for_a_day_resolved_with_other_rules(held: Desk) -> None:
    file = held.home / "organizations" / "acme.yaml"
    rules = file.read_text()
    file.write_text(f"{rules}resolution: {{match: [employee_number]}}\n")
    try:
        ended = held.approve(answer="y")
    finally:
        file.write_text(rules)
    assert ended.status == 2  # as of any day that is not resolved
    assert "was resolved under other rules than the organization file has now" in ended.err
    assert "Start the job acme__resolve for 2026-11-23" in ended.err
    assert held.people == list(FOUR)


# What there is nothing to approve of.


def test_a_day_that_is_not_held_back_is_published_without_an_approval(held: Desk) -> None:
    held.read(*FOUR, "Eli")
    ended = held.approve()
    assert ended.status == 0
    assert "is not held back, so it needs no approval" in ended.words
    assert held.people == sorted([*FOUR, "Eli"])
    assert not held.approval.exists()
    again = held.approve()
    assert again.status == 0
    assert "It is published." in again.out


def test_an_approval_is_valid_until_something_changes(held: Desk) -> None:
    held.approve(answer="y")
    again = held.approve()
    assert again.status == 0
    assert "Eve approved it at 2026-11-23 12:00 UTC. It is published." in again.words
    held.read("Cid")
    ended = held.approve()
    assert ended.status == 3
    assert (
        "Compared with the directory of 2026-11-23 as it was published before, which it would replace:"
        " 1 people added, 2 removed"
    ) in ended.words
    assert held.people == ["Ada", "Bob"]


def test_an_approved_day_that_was_not_published_is_published(held: Desk) -> None:
    record_approval(
        held.lake, judge_day(organization(), held.lake, resolved_day(held.lake, DAY)), "Eve"
    )
    ended = held.approve(by="Zoe")
    assert ended.status == 0
    assert "published, approved by Eve" in ended.words
    assert held.people == ["Ada", "Bob"]


def test_an_approved_day_whose_export_failed_is_exported(
    held: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = (held.home / "organizations" / "acme.yaml").read_text()
    (tmp_path / "acme.yaml").write_text(f"{own}publish: {{csv: {{path: out/people.csv}}}}\n")
    monkeypatch.setenv("OPENSENSE_ORGANIZATIONS", str(tmp_path))
    in_the_way = held.lake.scratch / "out"
    in_the_way.touch()
    ended = held.approve(answer="y")
    assert ended.status == 1
    assert "published, approved by Eve" in ended.words
    assert "for a day that was approved, `opensense-okta approve` does" in ended.words
    in_the_way.unlink()
    again = held.approve()
    assert again.status == 0
    assert "It is published. Its export has not been delivered; it is delivered now." in again.words
    assert (in_the_way / "people.csv").exists()


def test_a_day_that_is_not_resolved_cannot_be_approved(desk: Desk) -> None:
    ended = desk.approve()
    assert ended.status == 2
    assert "2026-11-23 has not been resolved" in ended.err


def test_a_day_whose_snapshot_was_replaced_cannot_be_approved(held: Desk) -> None:
    store(held.lake, [user("Ada")], [group("g1", "Everyone")], [("g1", "Ada")])
    ended = held.approve(answer="y")
    assert ended.status == 2
    assert "was resolved from has been replaced" in ended.err
    assert held.people == list(FOUR)


def test_a_day_older_than_the_published_one_is_refused(held: Desk) -> None:
    ended = held.approve(day=YESTERDAY - timedelta(days=1))
    assert ended.status == 2
    assert "`even_if_older: true`" in ended.err


@pytest.mark.parametrize("by", ["", "  ", "E" * 201])
def test_the_approver_must_be_named(held: Desk, by: str) -> None:
    ended = held.approve(by=by)
    assert ended.status == 2
    assert "--by" in ended.err


def test_damage_cannot_be_approved(held: Desk) -> None:
    shelf = held.lake.resolved(DAY)
    manifest = shelf.manifest(ResolvedManifest)
    assert manifest
    damaged = manifest.model_copy(update={"evidence": {**manifest.evidence, "accounts_of_two": 1}})
    (shelf.folder / "manifest.json").write_text(damaged.model_dump_json())
    (shelf.folder / JUDGEMENT).unlink()
    seen = ("--unproven", "1", "--removed", "2", "--removed-memberships", "2")
    for ended in (held.approve(answer="y"), held.approve("--yes", *seen)):
        assert ended.status == 3
        assert "2026-11-23 cannot be approved, because the database would be wrong" in ended.err
        assert "accounts_of_one_person" in ended.err
    assert not held.approval.exists()
    assert held.people == list(FOUR)
