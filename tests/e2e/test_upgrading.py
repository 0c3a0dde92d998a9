"""What version 0.1 has written goes on under this version: its lake, its runs, and what people know.

Commit 7745bde made the fixture, with its own code (`tests/fixtures/README.md`).
"""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import time_machine

from opensense_okta.simulator.company.people import dice
from opensense_okta.simulator.entra.server import Simulator as EntraSimulator
from opensense_okta.simulator.okta.server import Simulator as OktaSimulator
from tests.support.lake_0_1 import (
    ACME_ENTRA,
    ACME_OKTA,
    CEDAR_OKTA,
    LAST_DAY,
    NEXT_DAY,
    LeftBehind,
    Rows,
    left_behind,
    write_file,
)
from tests.support.noticeboard import Noticeboard, a_noticeboard

pytestmark = pytest.mark.slow

BERLIN = ZoneInfo("Europe/Berlin")
FIRST_DAY = date(2026, 10, 24)
THAT_NIGHT = datetime(2026, 11, 22, 2, 40, tzinfo=UTC)
NEXT_NIGHT = datetime(2026, 11, 23, 2, 0, tzinfo=BERLIN)


@pytest.fixture
def place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[LeftBehind]:
    """All that 0.1 left behind."""
    with left_behind(tmp_path, monkeypatch, capfd) as place:
        yield place


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Noticeboard]:
    """Where the notifications of all organizations arrive."""
    with a_noticeboard() as board:
        for name in ("ACME", "BIRCH", "DOGWOOD"):
            monkeypatch.setenv(f"{name}_APPRISE_URL", board.url)
        yield board


@contextmanager
def acme(place: LeftBehind) -> Iterator[tuple[OktaSimulator, EntraSimulator]]:
    """The next night: acme's Okta and Entra hold what they held when they were read last."""
    with (
        time_machine.travel(NEXT_NIGHT),
        place.okta("acme", ACME_OKTA, NEXT_DAY) as okta,
        place.entra("acme", ACME_ENTRA, okta.org) as entra,
    ):
        write_file(place.root / "hr" / "acme.csv", (place.root / "hr" / "acme.csv").read_text())
        yield okta, entra


def in_all_directories(place: LeftBehind) -> Rows:
    """Active people of acme who have an account in each directory, and its id there."""
    return place.rows(
        "acme",
        "from people join (pivot accounts on directory in ('okta', 'entra', 'hr') using any_value(id)"
        " group by person_id) using (person_id) where active and title is not null and work_phone is"
        " not null and okta is not null and entra is not null and hr is not null order by person_id",
    )


def read_members_of(okta: OktaSimulator) -> set[str]:
    """The groups whose members were asked for."""
    matches = (re.search(r"/groups/([^/]+)/users", request.target) for request in okta.requests)
    return {match[1] for match in matches if match}


@pytest.mark.usefixtures("board")
def test_the_next_sync_is_incremental_and_finds_only_what_has_changed(place: LeftBehind) -> None:
    phoned, promoted = in_all_directories(place)[:2]
    (contractor,) = place.rows(
        "acme",
        "from accounts where directory = 'entra' and title = 'Contractor' order by id limit 1",
    )
    before = place.people_of_accounts("acme")
    # The export of the last day was switched off, so the file of changes has that day's, too.
    unexported = {row["person_id"] for row in place.resolved("acme", LAST_DAY, "changes")}
    assert unexported
    with acme(place) as (okta, entra):
        group = okta.org.group_ids[-1]
        okta.org.update_profile(phoned["okta"], {"primaryPhone": "+49 30 5550 100"})
        newcomer = okta.org.add_user(dice(1), "ACTIVE", employeeNumber="777777")
        okta.org.add_member(group, newcomer)
        entra.tenant.update_user(contractor["id"], {"jobTitle": "Consultant"})
        promote(place.root / "hr" / "acme.csv", promoted["hr"], "Head of Records")

        ended = place.run("sync", "acme", "--json")

        assert ended.status == 0, ended.err
        assert read_members_of(okta) == {group}
    manifest = place.document("acme", f"snapshots/directory=okta/date={NEXT_DAY}/manifest.json")
    assert manifest["mode"] == "incremental"
    assert manifest["full_read"] == "2026-11-21"
    after = place.people_of_accounts("acme")
    new = after.pop(("okta", newcomer))
    assert after == before
    assert new not in before.values()
    nested = {  # version 0.1 did not read the groups in groups
        (row["person_id"], "added", "membership", None, row["group_id"])
        for row in place.rows("acme", "from memberships where not direct")
    }
    assert nested
    assert changes(place.rows("acme", "from changes")) == nested | {
        (phoned["person_id"], "changed", "work_phone", phoned["work_phone"], "+49 30 5550 100"),
        (promoted["person_id"], "changed", "title", promoted["title"], "Head of Records"),
        (contractor["person_id"], "changed", "title", "Contractor", "Consultant"),
        (new, "added", None, None, None),
        (new, "added", "membership", None, f"okta/{okta.org.everyone}"),
        (new, "added", "membership", None, f"okta/{group}"),
    }
    persons = {phoned["person_id"], promoted["person_id"], contractor["person_id"], *unexported}
    assert exported_changes(place) == {("added", new)} | {("changed", person) for person in persons}


def promote(file: Path, number: str, title: str) -> None:
    """Gives one employee of HR's file another title."""
    with file.open(encoding="utf-8", newline="") as text:
        header, *rows = csv.reader(text)
    lines = [header, *rows]
    for row in rows:
        if row[0] == number:
            row[header.index("Job Title")] = title
    quoted = (",".join(f'"{cell}"' for cell in line) for line in lines)
    write_file(file, "".join(f"{line}\r\n" for line in quoted))


def changes(rows: Rows) -> set[tuple[str | None, ...]]:
    """Rows of the table `changes`."""
    names = ("person_id", "change", "attribute", "before", "after")
    return {tuple(row[name] for name in names) for row in rows}


def exported_changes(place: LeftBehind) -> set[tuple[str, str]]:
    """What the export's file of changes has: the kind of each change, and the person's id."""
    persons = {row["user_name"]: row["person_id"] for row in place.rows("acme", "from people")}
    with (place.lake("acme") / "exports" / "people.changes.csv").open(encoding="utf-8") as file:
        return {(row["change"], persons[row["user_name"]]) for row in csv.DictReader(file)}


def test_all_days_of_the_past_are_there_and_explain_people(place: LeftBehind) -> None:
    (person, *_) = in_all_directories(place)
    with time_machine.travel(NEXT_NIGHT):
        first = place.run(
            "explain", "acme", person["person_id"], "--date", str(FIRST_DAY), "--json"
        )
        last = place.run("explain", "acme", person["person_id"], "--json")
    assert first.status == last.status == 0, first.err + last.err
    for ended in (first, last):
        assert ended.document["person_id"] == person["person_id"]
        assert ended.document["attributes"]["title"]["directory"] == "hr"
    assert last.document["attributes"]["title"]["value"] == person["title"]
    (synced,) = place.rows("acme", "select min(day), max(day), count(*) from syncs")
    assert list(synced.values()) == [FIRST_DAY, LAST_DAY, 30 * 3]


def test_a_day_of_the_past_is_resolved_again_into_the_same_rows(place: LeftBehind) -> None:
    day = LAST_DAY - timedelta(days=10)
    tables = ("accounts", "people", "provenance", "conflicts", "groups", "memberships")
    before = {table: place.resolved("acme", day, table) for table in tables}
    for row in before["provenance"]:
        if row["rule"] == "union":  # version 0.1 lists the winner as a loser
            row["losing"] = []
    for row in before["memberships"]:  # version 0.1 has direct ones only, and does not say it
        row["direct"] = True
    for row in (*before["accounts"], *before["people"]):  # version 0.1 has no dates
        row |= {"start_date": None, "end_date": None}
    folder = place.document("acme", f"resolved/date={day}/manifest.json")["id"]
    published = place.rows("acme", "from people order by person_id")
    with time_machine.travel(NEXT_NIGHT):  # nothing listens: nothing is read
        ended = place.run("sync", "acme", "--date", str(day), "--json")
    assert ended.status == 0, ended.out
    assert place.document("acme", f"resolved/date={day}/manifest.json")["id"] != folder
    assert {table: place.resolved("acme", day, table) for table in tables} == before
    assert place.rows("acme", "from people order by person_id") == published


def test_an_approval_counts_and_what_was_told_of_the_held_day_is_over(
    place: LeftBehind, board: Noticeboard
) -> None:
    with time_machine.travel(THAT_NIGHT):
        place.evaluate("notices")
        assert board.news() == []  # that the day is held is known
        ended = place.run("approve", "birch", "--date", str(LAST_DAY), "--by", "Somebody Else")
        assert ended.status == 0, ended.out + ended.err
        assert "Grace Hopper approved it at 2026-11-22 02:10 UTC." in ended.out
        assert board.news() == ["birch: back to normal"]
    (people,) = place.rows("birch", "select count(*) as active from people where active")
    assert people["active"] == 27
    assert place.document("birch", "published.json")["newest_first"][0]["day"] == str(LAST_DAY)
    assert len(place.document("birch", f"resolved/date={LAST_DAY}/approval.json")) == 1


def test_an_approval_of_the_past_stays_on_record(place: LeftBehind) -> None:
    with time_machine.travel(THAT_NIGHT):
        ended = place.run("explain", "birch", "person1@birch.example", "--json")
    assert ended.status == 0, ended.err
    (approval,) = place.document("birch", "resolved/date=2026-11-20/approval.json")
    assert approval["by"] == "Ada Lovelace"


def test_a_failed_run_that_waits_is_retried_and_its_open_read_goes_on(place: LeftBehind) -> None:
    with time_machine.travel(THAT_NIGHT) as clock, place.instance() as instance:
        (waiting, first) = instance.get_runs(
            dg.RunsFilter(
                tags={"opensense/organization": "cedar", "dagster/partition": str(LAST_DAY)}
            )
        )
        retry_at = datetime.fromisoformat(waiting.tags["opensense/retry_at"])
        clock.move_to(retry_at - timedelta(seconds=1))
        requests, words = place.evaluate("retries")
        assert list(requests) == []
        assert "2026-11-22" in words

        clock.move_to(retry_at + timedelta(seconds=1))
        ((request,), _) = place.evaluate("retries")
        with place.okta("cedar", CEDAR_OKTA, LAST_DAY) as okta:
            ended = place.launch(request)

    assert ended.status is dg.DagsterRunStatus.SUCCESS
    assert waiting.tags["opensense/chain"] == first.run_id
    assert ended.tags["opensense/attempt_group"] == first.run_id
    assert ended.tags["opensense/attempt"] == "3"
    groups = set(okta.org.group_ids) - {okta.org.everyone}
    targets = [request.target for request in okta.requests]
    assert all("/users?" in target and "/groups/" in target for target in targets), targets
    asked = read_members_of(okta)
    assert asked < groups
    assert len(asked) == len(groups) - 4  # two groups of each of the two tries before
    (rows,) = place.rows("cedar", "select count(*) as members from okta.memberships")
    assert rows["members"] == sum(len(okta.org.members(group)) for group in okta.org.group_ids)
    assert place.document("cedar", "published.json")["newest_first"][0]["day"] == str(LAST_DAY)


def test_a_failure_that_people_know_of_is_not_told_again_but_that_it_is_over_is(
    place: LeftBehind, board: Noticeboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    with time_machine.travel(THAT_NIGHT):
        place.evaluate("notices")
        assert board.news() == []
    with time_machine.travel(NEXT_NIGHT), place.okta("cedar", CEDAR_OKTA, NEXT_DAY):
        monkeypatch.setenv("DOGWOOD_OKTA_API_TOKEN", "revoked-token")
        assert place.run("sync", "dogwood", "--json").status == 1
        assert board.news() == []
        monkeypatch.setenv("DOGWOOD_OKTA_API_TOKEN", "simulator-token")
        assert place.run("sync", "dogwood", "--json").status == 0
        assert board.news() == ["dogwood: back to normal"]
