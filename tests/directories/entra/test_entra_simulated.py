"""Reads of a simulated tenant, of more than one page, whatever goes wrong between."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from tempfile import mkdtemp
from typing import NamedTuple

import pytest

from opensense_okta.config.directory_models import EntraDirectory
from opensense_okta.directories import errors
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.entra.apps import App
from opensense_okta.simulator.entra.faults import make_fault
from opensense_okta.simulator.entra.limits import Limits
from opensense_okta.simulator.entra.server import CLIENT_ID, CLIENT_SECRET, TENANT_ID, Simulator
from opensense_okta.simulator.entra.tenant import Tenant
from opensense_okta.simulator.faults import ODD_RECORDS, Fault, OddRecord
from opensense_okta.simulator.serving import running
from tests.directories.entra.test_entra_reader import Read, read_with
from tests.directories.http.test_certificates import OWN
from tests.support import app
from tests.support.reads import failure


@pytest.fixture(scope="module")
def served() -> Iterator[Simulator]:
    tenant = Tenant(Org.create(users=1020, groups=6, memberships=300, day=date(2026, 11, 23)))
    unhurried = Limits(units=10_000_000)  # the reader's clock does not wait, the simulator's would
    with running(Simulator(tenant, limits=unhurried)) as simulator:
        yield simulator


@pytest.fixture
def entra(served: Simulator, monkeypatch: pytest.MonkeyPatch) -> Simulator:
    """The tenant, with nothing wrong with it."""
    monkeypatch.setenv("ACME_ENTRA_SECRET", CLIENT_SECRET)
    served.faults.clear()
    served.requests.clear()
    return served


class OddRead(NamedTuple):
    """A read of odd records, the fault of each listing, and what was asked for."""

    found: Read
    odd: dict[str, OddRecord]
    asked: list[str]


def settings(entra: Simulator, **more: object) -> EntraDirectory:
    return EntraDirectory.model_validate(
        {
            "kind": "entra",
            "tenant_id": TENANT_ID,
            "client_id": CLIENT_ID,
            "authority": entra.url,
            "graph": entra.url,
            **({} if "certificate" in more else {"client_secret": {"env": "ACME_ENTRA_SECRET"}}),
            **more,
        }
    )


def read(entra: Simulator, tmp_path: Path, **more: object) -> Read:
    return read_with(settings(entra, **more), Path(mkdtemp(dir=tmp_path)))


def assert_true(found: Read, entra: Simulator) -> None:
    """That a read holds everything that the tenant does, and nothing else."""
    truth = entra.tenant.truth()
    assert found.user_ids == sorted(user["id"] for user in truth.users)
    assert [row["id"] for row in found.groups] == sorted(group["id"] for group in truth.groups)
    assert found.memberships == sorted(truth.memberships)
    assert found.nested_groups == sorted(
        (group, member) for group, kind, member in truth.others if kind == "group"
    )


def test_everything_is_read_as_it_is(entra: Simulator, tmp_path: Path) -> None:
    found = read(entra, tmp_path)
    assert_true(found, entra)
    truth = entra.tenant.truth()
    nested = sum(kind == "group" for _, kind, _ in truth.others)
    counted = {
        "users_counted": len(truth.users),
        "members_nested": nested,
        "members_other": len(truth.others) - nested,
        "members_unreadable": 0,
        "guests": sum(user["userType"] == "Guest" for user in truth.users),
        "mailboxes": sum(
            not user["accountEnabled"] and "givenName" not in user for user in truth.users
        ),
        "statuses_unknown": 0,
    }
    assert {name: found.evidence[name] for name in counted} == counted
    there = {user["id"] for user in truth.users}
    for user in truth.users:
        profile = found.user(user["id"])["profile"]
        manager = profile.pop("manager", None)
        above = user.get("manager")
        assert (manager and manager["id"]) == (above if above in there else None)
        assert {
            name: value
            for name, value in profile.items()
            if value not in (None, []) and not name.startswith("@")
        } == {name: user[name] for name in profile if user.get(name) not in (None, [])}


def test_an_app_signs_in_with_its_certificate(tmp_path: Path) -> None:
    pem = tmp_path / "app.pem"
    pem.write_text(app.pem(app.key()) + OWN)
    registered = App("99999999-9999-9999-9999-999999999999", certificates=(OWN,))
    with running(
        Simulator(Tenant(Org.create(users=30, groups=3, memberships=30)), apps=[registered])
    ) as simulator:
        ours = {"client_id": registered.id, "certificate": {"file": str(pem)}}
        assert_true(read(simulator, tmp_path, **ours), simulator)


@pytest.mark.parametrize(
    "fault",
    [
        make_fault("storm"),
        make_fault("throttled", seconds=30.5, times=3),
        make_fault("throttled-silently", times=2),
        make_fault("unavailable", times=3),
        make_fault("retry-after"),
        make_fault("server-error", times=2),
        make_fault("gateway-html", times=2),
        make_fault("gateway-timeout"),
        make_fault("reset", times=2),
        make_fault("truncated", times=2),
        make_fault("malformed", times=2),
        make_fault("expired-page"),
        make_fault("lost-value", times=2),
        make_fault("empty-page"),
        make_fault("unreadable-members"),
        make_fault("unreadable-members", of_type="device"),
        make_fault("lost-members", of_type="device"),
        make_fault("strange-records"),
        make_fault("row-moves"),
        make_fault("tokens-expire"),
        make_fault("tokens-expire", match="skiptoken="),
        make_fault("login-busy"),
    ],
    ids=str,
)
def test_whatever_passes_loses_nobody(entra: Simulator, tmp_path: Path, fault: Fault) -> None:
    entra.faults.append(fault)
    assert_true(read(entra, tmp_path), entra)


ODD_IN = (r"/users\?", r"/groups\?", "/members")


@pytest.fixture(scope="module")
def odd_reads() -> dict[str, OddRead]:
    """The reads of tenants of which each listing has an odd record once, by the record."""
    return {}


@pytest.mark.parametrize("record", ODD_RECORDS)
@pytest.mark.parametrize("match", ODD_IN)
def test_one_odd_record_costs_no_other(
    entra: Simulator, tmp_path: Path, odd_reads: dict[str, OddRead], match: str, record: str
) -> None:
    if record not in odd_reads:
        odd = {place: OddRecord(match=place, record=record) for place in ODD_IN}
        entra.faults.extend(odd.values())
        found = read(entra, tmp_path)
        odd_reads[record] = OddRead(found, odd, [served.target for served in entra.requests])
    found, odd, asked = odd_reads[record]
    assert_true(found, entra)
    assert odd[match].struck == 1
    assert not [target for target in asked if "odd" in target]


@pytest.mark.parametrize(
    ("fault", "kind", "transient"),
    [
        (make_fault("foreign-next", match="/users"), errors.UntrustedLink, False),
        (make_fault("repeated-next", times=None), errors.IncompleteListing, True),
        (make_fault("empty"), errors.IncompleteListing, False),
        (make_fault("lost-value", times=None), errors.ServerTrouble, True),
        (make_fault("expired-page", times=None), errors.CursorLost, True),
        (make_fault("denied"), errors.AccessDenied, False),
        (make_fault("unreadable-users"), errors.AccessDenied, False),
        (make_fault("redirect", times=None), errors.UntrustedLink, False),
        (make_fault("throttled", seconds=900.0, times=None), errors.RateLimited, True),
        (make_fault("unavailable", times=None), errors.ServerTrouble, True),
        (make_fault("tokens-expire", times=None), errors.CredentialsRejected, False),
        (make_fault("login-html", times=None), errors.WrongAddress, False),
        (make_fault("login-busy", times=None), errors.ServerTrouble, True),
    ],
    ids=str,
)
def test_whatever_stays_is_an_error_with_a_remedy(
    entra: Simulator, tmp_path: Path, fault: Fault, kind: type, transient: bool
) -> None:
    entra.access.endpoint.expire_all()  # so that the read begins with a new token
    entra.faults.append(fault)
    error = failure(lambda: read(entra, tmp_path))
    assert (type(error), error.transient) == (kind, transient)
    assert error.remedy
    assert CLIENT_SECRET not in str(error)


def test_a_link_that_is_missing_shows_in_the_evidence(entra: Simulator, tmp_path: Path) -> None:
    entra.faults.append(make_fault("lost-next", match=r"GET /v1\.0/users\?"))
    evidence = read(entra, tmp_path).evidence
    assert evidence["users_listed"] == 999
    assert evidence["users_counted"] == len(entra.tenant.users)
    assert evidence["members_unknown"] > 0


@pytest.mark.parametrize(
    ("wrong", "kind"),
    [
        ({"client_id": "99999999-9999-9999-9999-999999999998"}, errors.CredentialsRejected),
        ({"tenant_id": "99999999-9999-9999-9999-999999999998"}, errors.WrongAddress),
    ],
    ids=str,
)
def test_a_wrong_id_is_told(
    entra: Simulator, tmp_path: Path, wrong: dict[str, str], kind: type
) -> None:
    assert type(failure(lambda: read(entra, tmp_path, **wrong))) is kind


def test_a_wrong_secret_is_told_and_not_shown(
    entra: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACME_ENTRA_SECRET", "recognisable-secret")
    error = failure(lambda: read(entra, tmp_path))
    assert type(error) is errors.CredentialsRejected
    assert "AADSTS7000215" in error.message
    assert "recognisable" not in str(error)


@pytest.mark.parametrize(
    "registered",
    [
        App(CLIENT_ID, secrets=(CLIENT_SECRET,), permissions=frozenset()),
        App(CLIENT_ID, secrets=(CLIENT_SECRET,), permissions=frozenset({"User.Read.All"})),
        App(CLIENT_ID, secrets=(CLIENT_SECRET,), known_to_graph=False),
    ],
    ids=["no permission", "no groups", "no consent"],
)
def test_a_missing_permission_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, registered: App
) -> None:
    monkeypatch.setenv("ACME_ENTRA_SECRET", CLIENT_SECRET)
    tenant = Tenant(Org.create(users=20, groups=2, memberships=20))
    with running(Simulator(tenant, apps=[registered])) as simulator:
        error = failure(lambda: read(simulator, tmp_path))
    assert type(error) is errors.AccessDenied
    assert "GroupMember.Read.All" in error.remedy


def test_a_group_deleted_meanwhile_is_gone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_ENTRA_SECRET", CLIENT_SECRET)
    tenant = Tenant(Org.create(users=50, groups=5, memberships=60))
    with running(Simulator(tenant, faults=[make_fault("group-vanishes")])) as simulator:
        found = read(simulator, tmp_path)
        assert_true(found, simulator)
    assert found.evidence["groups_gone"] == 1
