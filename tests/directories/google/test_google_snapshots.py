"""Snapshots of a Google account day after day, whatever is killed, and what the doctor says of it."""

import json
import os
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.directories import errors
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.doctor import examine
from opensense_okta.directories.google.reader import AT_ONCE
from opensense_okta.directories.protocol import no_progress
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import Answer, Fault
from opensense_okta.simulator.google.account import Account, Truth
from opensense_okta.simulator.google.faults import FaultContext, make_fault
from opensense_okta.simulator.google.login import PREFIX, READS, ServiceAccount
from opensense_okta.simulator.google.server import (
    ADMINISTRATOR,
    Simulator,
    default_service_account,
)
from opensense_okta.simulator.messages import Call, Reply
from opensense_okta.simulator.serving import running
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import PUBLISHED
from tests.support.google import google_settings
from tests.support.killed_reads import start_read
from tests.support.reads import failure, rows
from tests.support.scratch import scratch

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
WELL = ["dns", "tls", "clock", "credentials", "sample", "scopes", "role", "rate limit"]

Take = Callable[..., SnapshotManifest]


@pytest.fixture
def google() -> Iterator[Simulator]:
    account = Account(Org.create(users=40, groups=10, memberships=90, day=DAY))
    with running(Simulator(account)) as simulator:
        yield simulator


def acme(google: Simulator, folder: Path, **settings: object) -> Organization:
    """A company whose one directory is the account."""
    directory = google_settings(google, folder, requests_per_second=10_000.0, **settings)
    return Organization.model_validate(
        {
            "name": "acme",
            "timezone": "UTC",
            "first_day": "2026-11-01",
            "directories": {"google": directory},
        }
    )


@pytest.fixture
def take(google: Simulator, lake: Lake, tmp_path: Path) -> Take:
    """Takes the snapshot of a day at its noon."""

    def take_it(later: int = 0, *, chain: str | None = None, minutes: int = 0) -> SnapshotManifest:
        moment = NOON + timedelta(days=later, minutes=minutes)
        with time_machine.travel(moment, tick=True):
            run = Run("run", chain or uuid4().hex)
            company = acme(google, tmp_path)
            return take_snapshot(company, "google", moment.date(), lake, run, no_progress)

    return take_it


def status_of(user: Mapping[str, object]) -> str:
    if user["archived"]:
        return "archived"
    return "suspended" if user["suspended"] else "active"


def assert_stored(lake: Lake, manifest: SnapshotManifest, truth: Truth) -> None:
    """That the tables of a snapshot have what the account had."""
    shelf = lake.snapshot("google", manifest.day)
    with scratch() as connection:
        for table in manifest.tables:
            connection.read_parquet(str(shelf.table(manifest, table))).create_view(table)
        stored = {table: rows(connection, table) for table in manifest.tables}
    users = {user["id"]: user for user in truth.users}
    assert [row["id"] for row in stored["raw_users"]] == sorted(users)
    for row in stored["raw_users"]:
        assert row["status"] == status_of(users[row["id"]])
        assert row["profile"] == {name: users[row["id"]][name] for name in row["profile"]}
    assert {(row["id"], row["name"]) for row in stored["raw_groups"]} == {
        (group["id"], group["name"]) for group in truth.groups
    }
    everybody = [group for group, kind, _ in truth.others if kind == "CUSTOMER"]
    assert sorted((row["group_id"], row["user_id"]) for row in stored["memberships"]) == sorted(
        [*truth.memberships, *((group, user) for group in everybody for user in users)]
    )
    known = {group["id"] for group in truth.groups}
    nested = {(group, id_) for group, kind, id_ in truth.others if kind == "GROUP" and id_ in known}
    assert {(row["group_id"], row["member_group_id"]) for row in stored["nested_groups"]} == nested


def approve(lake: Lake, manifest: SnapshotManifest) -> None:
    """Publishes the day of a snapshot, as a person's approval does."""
    mark = {"id": "0" * 16, "resolved": {"snapshots": [{"id": manifest.id}]}}
    document = lake.scratch / lake.resolved(manifest.day).document(PUBLISHED)
    document.parent.mkdir(parents=True)
    document.write_text(json.dumps(mark))


def complaints(manifest: SnapshotManifest) -> set[str]:
    return {found.name for found in check_snapshot(manifest) if not found.passed}


def test_each_day_is_as_the_account_was_then(google: Simulator, take: Take, lake: Lake) -> None:
    account = google.account
    for later in range(6):
        account.advance(DAY + timedelta(days=later))
        if later == 1:
            former = account.users[5]
            account.remove_user(former["id"])
            assert account.add_user(former["primaryEmail"]) != former["id"]
        if later == 2:
            renamed, group = account.users[7]["id"], account.groups[0]["id"]
            account.update_user(renamed, {"primaryEmail": "zz.renamed@acme.example"})
            account.update_group(group, {"name": "Renamed", "email": "aa-renamed@acme.example"})
            account.add_member(group, renamed)
        if later == 3:
            account.remove_group(account.groups[-1]["id"])
            account.update_user(account.users[1]["id"], {"suspended": True})
            account.update_user(account.users[2]["id"], {"archived": True})
        if later == 4:
            account.remove_member(group, renamed)
            new = account.add_group("New", "new@acme.example")
            account.add_member(new, renamed)
            account.add_member(group, new, "GROUP")
        if later == 5:
            account.remove_member(group, new, "GROUP")
            account.update_user(account.users[1]["id"], {"suspended": False})
        manifest = take(later)
        assert (manifest.kind, manifest.mode) == ("google", "full")
        assert complaints(manifest) == set()
        assert_stored(lake, manifest, account.truth())


def test_a_group_that_google_does_not_count_is_not_emptied_by_an_empty_answer(
    google: Simulator, take: Take, lake: Lake
) -> None:
    names = ("Everybody", "Company")
    groups = [group for group in google.account.groups if group["name"] in names]
    assert [group["directMembersCount"] for group in groups] == ["0", "0"]
    take()
    places = [f"{group['id']}/members" for group in groups]
    google.faults.extend(make_fault("empty", match=place) for place in places)
    manifest = take(1)
    assert complaints(manifest) == set()
    assert_stored(lake, manifest, google.account.truth())
    google.faults.extend(make_fault("empty", match=place, times=None) for place in places)
    assert complaints(take(2)) == {"groups_not_emptied"}
    emptied = take(3)  # compared with the last snapshot that was proven
    assert complaints(emptied) == {"groups_not_emptied"}
    assert emptied.evidence["groups_emptied"] == 2
    assert emptied.before == DAY + timedelta(days=1)
    approve(lake, emptied)
    assert complaints(take(4)) == set()


def test_a_listing_without_groups_is_not_believed_on_the_second_day(
    google: Simulator, take: Take
) -> None:
    take()
    google.faults.append(make_fault("empty", match=r"/v1/groups\?", times=None))
    assert "groups_not_lost" in complaints(take(1))
    assert "groups_not_lost" in complaints(take(2))


def test_a_read_that_fails_goes_on_where_it_stopped(
    google: Simulator, take: Take, lake: Lake
) -> None:
    google.faults.append(make_fault("denied", match="/members", after=5))
    assert type(failure(lambda: take(chain="first"))) is errors.AccessDenied
    assert list(lake.scratch.glob("snapshots/*/*/*/pages")) == []  # a person must act first
    google.faults.clear()
    google.faults.append(make_fault("reset", match="/members", after=5, times=40))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("opensense_okta.directories.http.client.TRIES", 1)
        assert type(failure(lambda: take(chain="first"))) is errors.Unreachable
    google.faults.clear()
    google.requests.clear()
    manifest = take(chain="first", minutes=20)
    assert manifest.cost.resumed_pages > 0
    assert not any("/v1/users?" in served.target for served in google.requests)
    assert_stored(lake, manifest, google.account.truth())


@pytest.mark.parametrize("moment", [3, 12, "tables", "commit"])
def test_killed_it_reads_no_page_twice_but_those_in_flight(
    google: Simulator,
    lake: Lake,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    moment: int | str,
) -> None:
    monkeypatch.setenv("ACME_GOOGLE_KEY", google.key)
    company = acme(google, tmp_path, service_account={"env": "ACME_GOOGLE_KEY"})
    now = datetime.now(UTC)
    google.latency = 0.02
    dies_at = moment if isinstance(moment, str) else ""
    with start_read(company, lake.scratch.parent, now.date(), dies_at) as process:
        while isinstance(moment, int) and len(google.requests) < moment:
            assert process.poll() is None
            time.sleep(0.001)
        if isinstance(moment, int):
            os.kill(process.pid, signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    while google.at_once:
        time.sleep(0.001)
    google.latency, before = 0.0, list(google.requests)
    manifest = take_snapshot(company, "google", now.date(), lake, Run("run", "chain"), no_progress)
    assert_stored(lake, manifest, google.account.truth())
    again = {served.target for served in before if served.method == "GET"} & {
        served.target for served in google.requests[len(before) :]
    }
    assert len(again) <= (AT_ONCE if isinstance(moment, int) else 0)
    assert list(lake.scratch.rglob("pages")) == []


# -- secrets ----------------------------------------------------------------------------------


@dataclass(kw_only=True)
class Overheard(Fault):
    """Nothing goes wrong; what is sent and issued as a secret is kept."""

    match: str = ""
    times: int | None = None
    secrets: set[str] = field(default_factory=set)

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        del context
        self.secrets.add(call.headers.get("authorization", "").partition(" ")[2])
        for assertion in parse_qs(call.body.decode()).get("assertion", ()):
            self.secrets.update(assertion.split(".")[1:])
        reply = await answer(call)
        if call.path == "/token" and reply.status == 200 and reply.body.startswith(b"{"):
            self.secrets.add(json.loads(reply.body)["access_token"])
        self.secrets.discard("")
        return reply


@pytest.mark.parametrize(
    "fault",
    [
        None,
        make_fault("tokens-expire", times=None),
        make_fault("redirect", times=None),
        make_fault("login-html", times=None),
        make_fault(
            "failure", match="POST", status=400, body='{"error": "invalid_grant"}', times=None
        ),
    ],
    ids=str,
)
def test_no_secret_is_in_an_error_its_traceback_the_log_or_the_files(
    google: Simulator,
    take: Take,
    lake: Lake,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    fault: Fault | None,
) -> None:
    caplog.set_level("DEBUG")
    overheard = Overheard()
    google.faults.extend([overheard, *([fault] if fault else [])])
    if fault:
        error = failure(take)
        text = "".join(traceback.format_exception(error)) + str(error) + repr(error)
    else:
        text = str(take())
    with time_machine.travel(NOON, tick=True):
        text += str(examine(acme(google, tmp_path), lake))
    stored = [path.read_bytes() for path in lake.scratch.parent.rglob("*") if path.is_file()]
    key = [line for line in json.loads(google.key)["private_key"].splitlines() if "---" not in line]
    assert overheard.secrets
    for secret in (*key, *overheard.secrets):
        half = secret[: max(len(secret) // 2, 12)]
        assert half not in text + caplog.text
        assert not any(half.encode() in content for content in stored)


# -- doctor -----------------------------------------------------------------------------------


def findings(google: Simulator, lake: Lake, folder: Path, **settings: object) -> list[CheckResult]:
    with time_machine.travel(NOON + timedelta(seconds=20), tick=True):
        found = examine(acme(google, folder, **settings), lake)["google"]
    for result in found:
        assert "\n" not in result.message + result.hint
        assert result.outcome == "passed" or result.hint
        assert "PRIVATE" not in result.message + result.hint
    return found


def bad(found: list[CheckResult]) -> dict[str, str]:
    return {result.name: result.outcome for result in found if result.outcome != "passed"}


def test_when_all_is_well_every_line_says_so(
    google: Simulator, take: Take, lake: Lake, tmp_path: Path
) -> None:
    take()
    found = findings(google, lake, tmp_path, attributes={"pronouns": "customSchemas.HR.pronouns"})
    assert [result.name for result in found if result.name in WELL] == WELL
    assert set(bad(found)) <= {"attributes"}  # pronouns were not read before
    (credentials,) = [result for result in found if result.name == "credentials"]
    assert f"acts as {ADMINISTRATOR}" in credentials.message


@pytest.mark.parametrize("missing", sorted(READS))
def test_a_scope_that_is_not_granted_is_named_and_the_other_is_not(
    google: Simulator, lake: Lake, tmp_path: Path, missing: str
) -> None:
    known = ServiceAccount.with_key_of(default_service_account(), delegated=READS - {missing})
    google.login.service_accounts = {known.email: known}
    (scopes,) = [result for result in findings(google, lake, tmp_path) if result.name == "scopes"]
    assert scopes.outcome == "error"
    named = scopes.message.partition(". ")[0]
    assert [scope for scope in READS if f"{PREFIX}{scope.removeprefix(PREFIX)}" in named] == [
        missing
    ]
    assert "Domain Wide Delegation" in scopes.hint


def test_other_failures_are_named(google: Simulator, lake: Lake, tmp_path: Path) -> None:
    look = partial(findings, google, lake, tmp_path)
    nobody = bad(look(administrator="nobody@acme.example"))
    assert nobody["credentials"] == "error"
    plain = next(user for user in google.account.users if user["orgUnitPath"].startswith("/Staff"))
    assert bad(look(administrator=plain["primaryEmail"]))["role"] == "error"
    administrator = google.account.user_by_address(ADMINISTRATOR)
    assert administrator
    google.api.only_units[administrator["id"]] = "/Staff"
    (role,) = [result for result in look() if result.name == "role"]
    assert role.outcome == "error"
    assert "no super administrator" in role.message
    google.api.only_units.clear()
    google.account.update_user(administrator["id"], {"agreedToTerms": False})
    (refused,) = [result for result in look() if result.name == "scopes"]
    assert "never signed in" in refused.message
    assert "signed in once" in refused.hint
    assert "not granted" not in refused.message
    google.account.update_user(administrator["id"], {"agreedToTerms": True})
    assert bad(look(customer="C00000000")) == {"customer": "error", "last snapshot": "warning"}
    google.is_enabled = False
    (role,) = [result for result in look() if result.name == "role"]
    assert "not enabled" in role.message
    google.is_enabled = True
    missing = look(service_account={"env": "ACME_NO_KEY"})
    assert any("ACME_NO_KEY" in result.message for result in missing)
    google.faults.append(make_fault("throttled", times=None))
    assert bad(look())["rate limit"] == "warning"


def test_the_records_of_users_are_not_held_in_memory(take: Take, held: list[str]) -> None:
    take()
    assert held
    assert not [plan for plan in held if "record" in plan]
