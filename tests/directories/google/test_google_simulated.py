"""Reads of a simulated account, of more than one page, whatever goes wrong between."""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import pytest
from joserfc.jwk import ECKey

from opensense_okta.config.directory_models import GoogleDirectory
from opensense_okta.directories import errors
from opensense_okta.directories.checkpoint import ReadCheckpoint
from opensense_okta.directories.google import addresses
from opensense_okta.directories.google import reader as google_reader
from opensense_okta.directories.google.errors import UnknownCustomer
from opensense_okta.directories.google.token_errors import NotDelegated
from opensense_okta.directories.http.client import connect
from opensense_okta.directories.protocol import no_progress
from opensense_okta.directories.snapshot import Cost
from opensense_okta.directories.snapshot_checks import CHECKS
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import ODD_RECORDS, Fault, OddRecord
from opensense_okta.simulator.google.account import Account
from opensense_okta.simulator.google.faults import make_fault
from opensense_okta.simulator.google.groups import EXTERNAL
from opensense_okta.simulator.google.limits import Limits, Quota
from opensense_okta.simulator.google.login import ServiceAccount
from opensense_okta.simulator.google.people import CUSTOMER
from opensense_okta.simulator.google.server import (
    ADMINISTRATOR,
    Simulator,
    default_service_account,
)
from opensense_okta.simulator.serving import running
from opensense_okta.storage import engine
from tests.support.google import google_directory
from tests.support.reads import Row, failure, rows
from tests.support.virtual_time import Impatience

UNHURRIED = Limits(per_minute=1_000_000)  # the reader's clock does not wait, the simulator's would


EC_KEY = ECKey.generate_key("P-256").as_pem(private=True).decode()


@dataclass(frozen=True)
class Read:
    """A read: its raw tables, and what is known of it."""

    users: list[Row]
    groups: list[Row]
    memberships: list[tuple[str, str]]
    nested: list[tuple[str, str]]
    cost: Cost
    evidence: dict[str, int]
    slept: list[float]

    @property
    def user_ids(self) -> list[str]:
        return [row["id"] for row in self.users]

    @property
    def group_names(self) -> set[str]:
        return {row["name"] for row in self.groups}


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    account = Account(Org.create(users=520, groups=12, memberships=300, day=date(2026, 11, 23)))
    with running(Simulator(account, limits=UNHURRIED)) as simulator:
        yield simulator


@pytest.fixture
def google(served: Simulator) -> Simulator:
    """The account, with nothing wrong with it."""
    served.faults.clear()
    served.requests.clear()
    served.quota = Quota(UNHURRIED, served.clock)
    served.api.only_units.clear()
    served.is_enabled = True
    known = default_service_account()
    served.login.service_accounts = {known.email: known}
    served.login.expire_all()
    return served


@pytest.fixture(scope="module")
def whole(served: Simulator, tmp_path_factory: pytest.TempPathFactory) -> Read:
    """A read without anything wrong."""
    return read(served, tmp_path_factory.mktemp("whole"))


def read(google: Simulator, tmp_path: Path, folder: Path | None = None, **more: object) -> Read:
    """Reads everything; in the folder of an earlier read it continues there."""
    settings = google_directory(google, tmp_path, **more)
    return read_with(settings, folder or Path(mkdtemp(dir=tmp_path)))


def read_with(settings: GoogleDirectory, folder: Path) -> Read:
    impatience = Impatience()
    with (
        ReadCheckpoint(folder, google_reader.FILES) as checkpoint,
        engine.start(folder) as connection,
    ):
        reader = google_reader.Reader(settings, checkpoint, connection, None, True, no_progress)
        cost = asyncio.run(_read(reader, settings, impatience))
        nested = rows(connection, "nested_groups")
        return Read(
            rows(connection, "raw_users"),
            rows(connection, "raw_groups"),
            sorted((row["group_id"], row["user_id"]) for row in rows(connection, "memberships")),
            sorted((row["group_id"], row["member_group_id"]) for row in nested),
            cost,
            reader.collect_evidence(),
            impatience.slept,
        )


async def _read(
    reader: google_reader.Reader, settings: GoogleDirectory, impatience: Impatience
) -> Cost:
    auth = google_reader.authorization(settings)
    async with connect(addresses.api_root(settings), auth, google_reader.PROTOCOL) as api:
        api.clock = impatience.clock
        return await reader.read(api)


def assert_true(found: Read, google: Simulator) -> None:
    """That a read has everything that the account has, and nothing else."""
    truth = google.account.truth()
    users = sorted(user["id"] for user in truth.users)
    groups = sorted(group["id"] for group in truth.groups)
    everybody = [group for group, kind, _ in truth.others if kind == "CUSTOMER"]
    assert found.user_ids == users
    assert [row["id"] for row in found.groups] == groups
    assert found.memberships == sorted(
        [*truth.memberships, *((group, user) for group in everybody for user in users)]
    )
    assert found.nested == sorted(
        (group, id_) for group, kind, id_ in truth.others if kind == "GROUP" and id_ in groups
    )


# -- what comes of it -------------------------------------------------------------------------


def test_everything_is_read_as_it_is(google: Simulator, whole: Read) -> None:
    found = whole
    assert_true(found, google)
    truth = {user["id"]: user for user in google.account.truth().users}
    asked = {*found.users[0]["profile"]} | {"aliases", "phones", "organizations"}
    assert "emails" not in asked
    for row in found.users:
        user = truth[row["id"]]
        assert row["profile"] == {name: user[name] for name in row["profile"]}
        assert row["profile"].get("organizations") == user.get("organizations")
        status = "archived" if user["archived"] else "suspended" if user["suspended"] else "active"
        assert row["status"] == status
        assert (row["last_login"] is None) == user["lastLoginTime"].startswith("1970")
    for row in found.groups:
        assert row["type"] == "google"
        assert str(row["members_count"]) == row["profile"]["directMembersCount"]


def test_evidence_has_all_that_checks_and_dagster_ask_for(google: Simulator, whole: Read) -> None:
    found = whole
    numbers = {**found.evidence, "users_before": 5, "scope_changed": 0, "groups_listed_before": 3}
    assert {"groups_read", "groups_carried_over", "memberships_drifted"} <= numbers.keys()
    for check in CHECKS["google"]:
        assert check.run({**numbers, "rows": 5, "set_aside": 0}).passed, check.name
    truth = google.account.truth()
    kinds = [kind for _, kind, _ in truth.others]
    counted = {
        "members_outside": kinds.count("USER") + kinds.count("EXTERNAL"),
        "groups_foreign": 1,
        "groups_of_everybody": 1,
        "members_nested": kinds.count("GROUP") - 1,
        "members_other": 0,
        "guests": 1,
        "statuses_unknown": 0,
        "pages_out_of_order": 0,
        "groups_miscounted": 0,
    }
    assert {name: found.evidence[name] for name in counted} == counted


def test_requests_are_few_at_once_spread_compressed_and_of_the_least_fields(
    google: Simulator, tmp_path: Path
) -> None:
    google.most_at_once = 0
    found = read(google, tmp_path)
    assert google.most_at_once <= google_reader.AT_ONCE
    assert sum(found.slept) >= (found.cost.requests - 1 - google_reader.AT_ONCE) / 20 * 0.9
    assert found.cost.headroom is None
    targets = [served.target for served in google.requests if served.method == "GET"]
    assert all("prettyPrint=false" in target and "fields=" in target for target in targets)
    assert all("maxResults=500" in target for target in targets if "/users?" in target)


# -- scope ------------------------------------------------------------------------------------


def test_a_scope_of_groups_reaches_the_groups_in_them_unless_they_do_not_count(
    google: Simulator, tmp_path: Path
) -> None:
    found = read(google, tmp_path, scope={"groups": ["Company"]})
    truth = google.account.truth()
    names = {group["id"]: group["name"] for group in truth.groups}
    team = next(id_ for id_, name in names.items() if name == "Team")
    below = [id_ for group, kind, id_ in truth.others if (group, kind) == (team, "GROUP")]
    assert found.group_names == {"Company", "Region", "Team", *(names[id_] for id_ in below)}
    assert found.user_ids == sorted({user for group, user in truth.memberships if group in below})
    alone = read(google, tmp_path, scope={"groups": ["Company"]}, nested=False)
    assert (alone.group_names, alone.user_ids) == ({"Company"}, [])


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        (["/Staff"], lambda path: path == "/Staff" or path.startswith("/Staff/")),
        (["/Staff/*", "/left"], lambda path: path.startswith("/Staff/") or path == "/Left"),
        (["/"], lambda _path: True),
        (["/*"], lambda path: path != "/"),
    ],
)
def test_a_scope_of_units_reads_their_users_and_these_alone(
    google: Simulator, tmp_path: Path, units: list[str], expected: Callable[[str], bool]
) -> None:
    truth = google.account.truth()
    found = read(google, tmp_path, scope={"org_units": units})
    chosen = {user["id"] for user in truth.users if expected(user["orgUnitPath"])}
    assert found.user_ids == sorted(chosen)
    evidence = found.evidence
    assert evidence["left_out.scope.org_units"] == len(truth.users) - len(chosen)
    assert evidence["matched.scope.org_units.1"] > 0
    assert {user for _, user in found.memberships} <= chosen
    assert len(found.groups) == len(truth.groups)


def test_groups_and_units_choose_users_together(google: Simulator, tmp_path: Path) -> None:
    truth = google.account.truth()
    group = max(truth.groups, key=lambda group: int(group["directMembersCount"]))
    found = read(google, tmp_path, scope={"groups": [group["id"]], "org_units": ["/Left"]})
    members = {user for owner, user in truth.memberships if owner == group["id"]}
    left = {user["id"] for user in truth.users if user["orgUnitPath"] == "/Left"}
    assert found.user_ids == sorted(members | left)
    assert found.group_names == {group["name"]}


def test_a_scope_with_a_group_of_everybody_reads_everybody(
    google: Simulator, tmp_path: Path
) -> None:
    found = read(google, tmp_path, scope={"groups": ["Everybody"]})
    assert len(found.users) == len(google.account.users)
    assert len(found.memberships) == len(found.users)


@pytest.mark.parametrize("scope", [{"groups": ["Nobody*"]}, {"org_units": ["/Nowhere"]}])
def test_a_scope_that_fits_nothing_is_an_error(
    google: Simulator, tmp_path: Path, scope: dict[str, list[str]]
) -> None:
    error = failure(lambda: read(google, tmp_path, scope=scope))
    assert type(error) is errors.IncompleteListing
    assert f"`scope.{next(iter(scope))}`" in error.remedy


# -- what is not taken for less ---------------------------------------------------------------


PASSING = {
    "refusals": (
        make_fault("storm", match="/users"),
        make_fault("throttled", times=3, match=r"/groups\?"),
        make_fault("user-throttled", times=2, match="/members"),
        make_fault("crowded", after=4, match="/members"),
        make_fault("too-many", after=7, match="/members"),
        make_fault("throttled-plainly", after=10, match="/members"),
    ),
    "trouble": (
        make_fault("unavailable", times=3, match="/users"),
        make_fault("server-error", times=2, match=r"/groups\?"),
        make_fault("gateway-html", match="/members"),
        make_fault("gateway-timeout", after=2, match="/members"),
        make_fault("reset", after=4, match="/members"),
        make_fault("truncated", after=6, match="/members"),
        make_fault("malformed", after=8, match="/members"),
        make_fault("login-busy"),
    ),
    "listings that begin again": (
        make_fault("expired-page", match="/users.*pageToken"),
        make_fault("empty", match=r"/users", after=2),
    ),
    "pages": (
        make_fault("lost-rows", times=2, match="/users"),
        make_fault("empty-token"),
        make_fault("strange-records", match=r"/users|/groups\?"),
        make_fault("tokens-expire", match="/members"),
    ),
    "rows that move": (make_fault("row-moves"), make_fault("tokens-expire", match="pageToken=")),
    "odd records": tuple(
        OddRecord(match=place, record=record)
        for record in ODD_RECORDS
        for place in (r"/users\?", r"/groups\?")
    ),
}


@pytest.mark.parametrize("faults", PASSING.values(), ids=PASSING)
def test_whatever_passes_loses_nobody(
    google: Simulator, tmp_path: Path, faults: tuple[Fault, ...]
) -> None:
    google.faults.extend(faults)
    assert_true(read(google, tmp_path), google)
    assert all(fault.struck for fault in faults)
    assert not [served for served in google.requests if "odd" in served.target]


@pytest.mark.parametrize(
    ("fault", "kind", "transient"),
    [
        (make_fault("repeated-token", times=None, match="/users"), errors.IncompleteListing, True),
        (make_fault("empty", times=None), errors.IncompleteListing, True),
        (make_fault("lost-token", match="/users"), errors.IncompleteListing, False),
        (make_fault("expired-page", times=None), errors.CursorLost, True),
        (make_fault("denied"), errors.AccessDenied, False),
        (
            make_fault("failure", match="/members", status=404, body="Not Found"),
            errors.WrongAddress,
            False,
        ),
        (make_fault("not-enabled"), errors.AccessDenied, False),
        (make_fault("without-fields"), errors.AccessDenied, False),
        (make_fault("without-fields", names=("archived",)), errors.AccessDenied, False),
        (make_fault("without-fields", names=("isAdmin",)), errors.IncompleteListing, False),
        (make_fault("redirect", times=None), errors.UntrustedLink, False),
        (make_fault("throttled", times=None), errors.RateLimited, True),
        (make_fault("unavailable", times=None), errors.ServerTrouble, True),
        (make_fault("tokens-expire", times=None), errors.CredentialsRejected, False),
        (make_fault("login-html", times=None), errors.WrongAddress, False),
    ],
    ids=str,
)
def test_whatever_stays_is_an_error_with_a_remedy(
    google: Simulator, tmp_path: Path, fault: Fault, kind: type, transient: bool
) -> None:
    google.account.update_user(  # so that the administrator is on the last page
        google.account.user_by_address(ADMINISTRATOR)["id"],  # type: ignore[index]  # it is there
        {"primaryEmail": "zz-sync@acme.example", "aliases": [ADMINISTRATOR]},
    )
    google.faults.append(fault)
    error = failure(lambda: read(google, tmp_path))
    assert (type(error), error.transient) == (kind, transient)
    assert error.remedy
    assert "PRIVATE KEY" not in str(error)


def test_waits_grow_as_google_recommends(google: Simulator, tmp_path: Path) -> None:
    google.faults.append(make_fault("throttled", times=5, match="/users"))
    waits = [wait for wait in read(google, tmp_path).slept if wait >= 1]
    for wait, usual in zip(waits, (1, 2, 4, 8, 16), strict=True):
        assert usual <= wait <= usual + 1


def test_members_that_google_counts_but_does_not_list_are_read_again_and_then_an_error(
    google: Simulator, tmp_path: Path
) -> None:
    largest = max(google.account.groups, key=lambda group: int(group["directMembersCount"]))
    google.faults.append(make_fault("empty", match=f"{largest['id']}/members"))
    assert_true(read(google, tmp_path), google)
    google.faults.append(make_fault("empty", match="/members", times=None))
    error = failure(lambda: read(google, tmp_path))
    assert (type(error), error.transient) == (errors.IncompleteListing, True)
    assert "lists no members" in error.message


@pytest.mark.parametrize("outsiders", [0, 120])
def test_a_group_with_fewer_users_than_google_counts_is_read_once_more(
    tmp_path: Path, outsiders: int
) -> None:
    account = Account(Org.create(users=220 - outsiders // 2, groups=2, memberships=2))
    group = account.groups[0]["id"]
    for user in account.users:
        account.add_member(group, user["id"])
    for number in range(outsiders):  # not counted by Google; first in the listing
        account.add_member(group, f"9{number:020}", EXTERNAL)
    with running(Simulator(account, limits=UNHURRIED)) as simulator:
        simulator.faults.append(make_fault("lost-token", match=f"{group}/members"))
        found = read(simulator, tmp_path)
        assert_true(found, simulator)
        assert simulator.faults[0].struck == 1
    assert found.evidence["groups_miscounted"] == 0


def test_no_groups_after_some_is_found_by_a_check(google: Simulator, tmp_path: Path) -> None:
    google.faults.append(make_fault("empty", match=r"/groups\?"))
    evidence = read(google, tmp_path).evidence
    (check,) = [check for check in CHECKS["google"] if check.name == "groups_not_lost"]
    assert check.blocks_publishing
    assert not check.run({**evidence, "groups_listed_before": 3}).passed
    assert check.run({**evidence, "groups_listed_before": 0}).passed


@pytest.mark.parametrize("name", ["suspended", "archived"])
def test_users_without_a_flag_block_publication(
    google: Simulator, tmp_path: Path, name: str
) -> None:
    google.faults.append(make_fault("without-fields", match="/users.*pageToken", names=(name,)))
    evidence = read(google, tmp_path).evidence
    (check,) = [check for check in CHECKS["google"] if check.name == "statuses_known"]
    assert check.blocks_publishing
    assert not check.run(evidence).passed


def test_groups_out_of_order_are_read_once_more(tmp_path: Path) -> None:
    account = Account(Org.create(users=20, groups=210, memberships=20))
    with running(Simulator(account, limits=UNHURRIED)) as simulator:
        simulator.faults.append(make_fault("row-moves", match=r"/groups\?", times=2))
        found = read(simulator, tmp_path)
        assert_true(found, simulator)
    assert found.evidence["pages_out_of_order"] == 0


def test_a_group_with_fewer_users_than_google_counts_is_found_by_a_check(
    google: Simulator, whole: Read
) -> None:
    del google
    (check,) = [check for check in CHECKS["google"] if check.name == "members_counted"]
    assert check.run({**whole.evidence, "groups_miscounted": 0}).passed
    assert not check.run({**whole.evidence, "groups_miscounted": 1}).passed


def test_an_administrator_of_one_unit_is_not_taken_for_one_of_all(
    google: Simulator, tmp_path: Path
) -> None:
    administrator = google.account.user_by_address(ADMINISTRATOR)
    assert administrator
    google.api.only_units[administrator["id"]] = "/Staff"
    error = failure(lambda: read(google, tmp_path))
    assert type(error) is errors.IncompleteListing
    assert "organizational unit" in error.remedy


def test_a_group_that_is_deleted_meanwhile_is_gone(tmp_path: Path) -> None:
    account = Account(Org.create(users=50, groups=8, memberships=60))
    with running(Simulator(account, faults=[make_fault("group-vanishes")])) as simulator:
        found = read(simulator, tmp_path)
        assert_true(found, simulator)
    assert found.evidence["groups_gone"] == 1
    (check,) = [check for check in CHECKS["google"] if check.name == "groups_gone_few"]
    assert check.blocks_publishing
    assert [check.run({"groups_gone": gone, "groups_read": 8}).passed for gone in (0, 1, 4, 5)] == [
        True,
        True,
        True,
        False,
    ]
    assert not check.run({"groups_gone": 11, "groups_read": 100}).passed


# -- credentials ------------------------------------------------------------------------------


def test_a_service_account_with_a_role_of_its_own_reads_by_the_customers_id(
    google: Simulator, tmp_path: Path
) -> None:
    with_role = ServiceAccount.with_key_of(default_service_account(), has_role=True, delegated=None)
    google.login.service_accounts = {with_role.email: with_role}
    found = read(google, tmp_path, administrator=None, customer=CUSTOMER)
    assert_true(found, google)
    assert type(failure(lambda: read(google, tmp_path))) is NotDelegated


@pytest.mark.parametrize(
    ("account", "settings", "kind"),
    [
        ({"delegated": None}, {}, NotDelegated),
        ({"delegated": frozenset({google_reader.SCOPES[0]})}, {}, NotDelegated),
        ({}, {"administrator": "nobody@acme.example"}, errors.CredentialsRejected),
        ({}, {"administrator": None, "customer": CUSTOMER}, errors.AccessDenied),
        ({}, {"customer": "C0elsewhere"}, UnknownCustomer),
    ],
    ids=str,
)
def test_missing_rights_are_reported(
    google: Simulator,
    tmp_path: Path,
    account: dict[str, Any],
    settings: dict[str, object],
    kind: type,
) -> None:
    known = ServiceAccount.with_key_of(default_service_account(), **account)
    google.login.service_accounts = {known.email: known}
    error = failure(lambda: read(google, tmp_path, None, **settings))
    assert type(error) is kind
    assert error.remedy


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"private_key": None}, "private_key"),
        ({"private_key": "-----BEGIN PRIVATE KEY-----\nno key"}, "no private key"),
        # A new key in each process: it is not in the name of the test.
        pytest.param({"private_key": EC_KEY}, "no RSA key", id="a key of another kind"),
        ({"private_key": 7, "client_email": None}, "no `client_email` and no `private_key`"),
        ({"type": "authorized_user"}, "something else"),
        ({"installed": {"client_secret": "recognizable"}}, "an OAuth client"),
        ({"token_uri": "https://elsewhere.example/token"}, "https://elsewhere.example"),
        ({"token_uri": "https://recognizable:secret@elsewhere.example/t"}, "elsewhere.example"),
        ({"token_uri": "https://oauth2.googleapis.com/token"}, "not at `endpoint`"),
        ({"client_email": " "}, "no `client_email`"),
        ({"client_email": "a@b\nrecognizable"}, "`client_email` is no address"),
        (None, "no JSON"),
    ],
    ids=str,
)
def test_a_key_that_cannot_be_used_is_reported_and_not_shown(
    google: Simulator,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any] | None,
    words: str,
) -> None:
    content = {**json.loads(google.key), **(changes or {})}
    text = json.dumps(content) if changes else "recognizable text"
    monkeypatch.setenv("ACME_GOOGLE_KEY", text)
    settings = google_directory(google, tmp_path, service_account={"env": "ACME_GOOGLE_KEY"})
    error = failure(lambda: google_reader.authorization(settings))
    assert type(error) is errors.CredentialsRejected
    assert words in error.message
    assert "recognizable" not in str(error)
    assert "BEGIN" not in str(error)
    assert not google.requests


def test_a_key_of_google_is_sent_to_google_alone(
    google: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = google_directory(google, tmp_path, endpoint=None)
    error = failure(lambda: google_reader.authorization(settings))
    assert "which is not Google's" in error.message
    content = json.loads(google.key)
    for address in (
        "https://oauth2.googleapis.com/token",
        "https://accounts.google.com/o/oauth2/token",
    ):
        monkeypatch.setenv("ACME_GOOGLE_KEY", json.dumps({**content, "token_uri": address}))
        given = google_directory(
            google, tmp_path, endpoint=None, service_account={"env": "ACME_GOOGLE_KEY"}
        )
        assert google_reader.authorization(given)
        assert addresses.token_url(given) == "https://oauth2.googleapis.com/token"


# -- going on where it stopped ----------------------------------------------------------------


def test_a_page_read_once_is_not_read_again(google: Simulator, tmp_path: Path, whole: Read) -> None:
    pages = whole.cost.pages
    folder = Path(mkdtemp(dir=tmp_path))
    google.faults.append(make_fault("denied", match="/members", after=4))
    assert type(failure(lambda: read(google, tmp_path, folder))) is errors.AccessDenied
    google.faults.clear()
    found = read(google, tmp_path, folder)
    assert_true(found, google)
    assert found.cost.resumed_pages > 0
    assert found.cost.pages == pages - found.cost.resumed_pages


def test_a_listing_that_google_would_not_continue_is_read_again(
    google: Simulator, tmp_path: Path
) -> None:
    folder = Path(mkdtemp(dir=tmp_path))
    google.faults.append(make_fault("denied", match="/users.*pageToken"))
    assert type(failure(lambda: read(google, tmp_path, folder))) is errors.AccessDenied
    google.faults.clear()
    journal = folder / "journal.jsonl"
    lines = [json.loads(line) for line in journal.read_text().splitlines()]
    for line in lines:
        if line["file"] == "users":
            line["read_at"] = (datetime.now(UTC) - timedelta(minutes=56)).isoformat()
    journal.write_text("".join(json.dumps(line) + "\n" for line in lines))
    google.requests.clear()
    found = read(google, tmp_path, folder)
    assert_true(found, google)
    users = [served.target for served in google.requests if "/v1/users?" in served.target]
    assert len(users) == 2
