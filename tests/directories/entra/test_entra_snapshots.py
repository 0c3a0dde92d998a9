"""Snapshots of an Entra tenant, taken as those of every kind, and what the doctor says of the tenant."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import duckdb
import pytest
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.directories import errors
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.doctor import examine
from opensense_okta.directories.protocol import no_progress
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.directories.snapshot import NESTED_GROUPS, SnapshotManifest
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.publishing.publish import publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake
from tests.directories.http.test_certificates import certificate
from tests.support import app
from tests.support.reads import failure
from tests.support.replay import Reply
from tests.support.stored import rows_of
from tests.support.tenant import (
    APP,
    SECRET,
    TENANT,
    Tenant,
    a_tenant,
    member,
    refusal,
    reply,
    user,
)

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TODAY = NOON.date()
WELL = ["dns", "tls", "clock", "credentials", "sample", "role", "rate limit", "last snapshot"]

Take = Callable[..., SnapshotManifest]


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch) -> Iterator[Tenant]:
    monkeypatch.setenv("ACME_ENTRA_SECRET", SECRET)
    with a_tenant(Tenant(page=99)) as tenant:  # few requests, since they are spread in real time
        yield tenant


def acme(tenant: Tenant, **settings: object) -> Organization:
    """A company whose one directory is the tenant."""
    directory = {
        "kind": "entra",
        "tenant_id": TENANT,
        "client_id": APP,
        "authority": tenant.url,
        "graph": tenant.url,
        "requests_per_second": 1000.0,
        **({} if "certificate" in settings else {"client_secret": {"env": "ACME_ENTRA_SECRET"}}),
        **settings,
    }
    return Organization.model_validate(
        {
            "name": "acme",
            "timezone": "UTC",
            "first_day": "2026-11-01",
            "directories": {"entra": directory},
        }
    )


@pytest.fixture
def take(tenant: Tenant, lake: Lake) -> Take:
    """Takes the snapshot of a day at its noon."""

    def take_it(
        later: int = 0, *, chain: str | None = None, minutes: int = 0, **settings: object
    ) -> SnapshotManifest:
        moment = NOON + timedelta(days=later, minutes=minutes)
        with time_machine.travel(moment, tick=True):
            run = Run("run", chain or uuid4().hex)
            return take_snapshot(
                acme(tenant, **settings), "entra", moment.date(), lake, run, no_progress
            )

    return take_it


def complaints(manifest: SnapshotManifest) -> set[str]:
    return {found.name for found in check_snapshot(manifest) if not found.passed}


def test_a_snapshot_is_committed_with_what_proves_it(take: Take, lake: Lake) -> None:
    manifest = take()
    assert lake.snapshot("entra", TODAY).manifest(SnapshotManifest) == manifest
    assert (manifest.kind, manifest.mode) == ("entra", "full")
    assert manifest.rows == {"raw_users": 5, "raw_groups": 3, "memberships": 4}
    assert manifest.set_aside == {"raw_users": 0, "raw_groups": 0, "memberships": 0}
    assert complaints(manifest) == set()
    assert manifest.cost.headroom is None


def test_everything_is_read_every_day(take: Take, tenant: Tenant) -> None:
    take()
    tenant.users.append(user(6))
    tenant.members["group-1"].pop()
    second = take(1)
    assert (second.mode, second.full_read) == ("full", TODAY + timedelta(days=1))
    assert second.rows == {"raw_users": 6, "raw_groups": 3, "memberships": 3}
    assert complaints(second) == set()


def test_a_read_that_fails_goes_on_where_it_stopped(take: Take, tenant: Tenant) -> None:
    tenant.page = 2
    tenant.every_run["/groups?$skiptoken"] = refusal(429, "TooManyRequests", ("retry-after", "900"))
    assert type(failure(lambda: take(chain="first"))) is errors.RateLimited
    tenant.every_run.clear()
    tenant.peer.asked.clear()
    manifest = take(chain="first", minutes=20)
    assert manifest.cost.resumed_pages > 0
    assert not any(target.startswith("/v1.0/groups?$select") for target in tenant.asked)
    assert manifest.rows == {"raw_users": 5, "raw_groups": 3, "memberships": 4}


def test_zero_users_leave_the_snapshot_before_as_it_was(
    take: Take, tenant: Tenant, lake: Lake
) -> None:
    before = take()
    tenant.users.clear()
    error = failure(take)
    assert type(error) is errors.IncompleteListing
    assert error.subject == "acme/entra"
    assert "User.Read.All" in error.remedy
    assert lake.snapshot("entra", TODAY).manifest(SnapshotManifest) == before


@pytest.mark.parametrize(
    ("users", "complaint"),
    [
        ([user(n, accountEnabled=None if n < 2 else True) for n in range(5)], {"statuses_known"}),
        ([user(1, mail=None), user(2, mail="nobody")], {"emails_well_formed", "size_stable"}),
        ([user(n, accountEnabled=False, mail=None) for n in range(5)], set()),
        ([user(n, userPrincipalName="") for n in range(5)], {"logins_present"}),
    ],
    ids=["no status", "no e-mail", "rooms", "no login"],
)
def test_what_is_odd_about_users_is_told(
    take: Take, tenant: Tenant, users: list[dict[str, object]], complaint: set[str]
) -> None:
    take()
    tenant.users[:] = users
    tenant.members.clear()
    assert complaints(take(1)) == complaint


def test_guests_and_shared_mailboxes_are_counted(take: Take, tenant: Tenant) -> None:
    nameless = {"accountEnabled": False, "givenName": None, "surname": " "}
    tenant.users[:] = [
        user(1),
        user(2, userType="Guest"),
        user(3, userType="guest", **nameless),
        user(4, **nameless),
        user(5, **nameless),
        user(6, **{**nameless, "mail": None}),  # a service account
        user(7, accountEnabled=False),  # somebody who left
    ]
    tenant.members.clear()
    manifest = take()
    assert (manifest.evidence["guests"], manifest.evidence["mailboxes"]) == (2, 2)
    says = {result.name: result.message for result in check_snapshot(manifest)}
    assert says["guests_and_mailboxes_counted"] == (
        "2 guests and 2 shared mailboxes or rooms are among 7 users."
    )
    assert complaints(manifest) == set()


def test_a_listing_without_the_permission_is_refused_at_the_first_sync(
    take: Take, tenant: Tenant, lake: Lake
) -> None:
    for record in tenant.users:
        record.update({name: None for name in record if name != "id"})
    error = failure(take)
    assert type(error) is errors.AccessDenied
    assert error.subject == "acme/entra"
    assert "5 of 5 do not say whether the account is enabled" in error.message
    assert "User.Read.All" in error.remedy
    assert "user-1" not in str(error)
    assert lake.snapshot("entra", TODAY).manifest(SnapshotManifest) is None


def test_a_count_far_from_the_listing_is_told(take: Take, tenant: Tenant) -> None:
    tenant.every_run["/users/$count"] = Reply(200, b"893")
    assert complaints(take()) == {"users_counted"}


def test_groups_in_groups_are_stored_and_the_unknown_ones_counted(
    take: Take, tenant: Tenant, lake: Lake
) -> None:
    manifest = take()
    assert complaints(manifest) == set()
    stored = lake.snapshot("entra", TODAY).table(manifest, NESTED_GROUPS)
    assert rows_of(stored) == [{"group_id": "group-2", "member_group_id": "group-1"}]

    tenant.members["group-2"].append(member("group-9", "group"))  # came after the listing of groups
    manifest = take(1)
    assert complaints(manifest) == {"nested_groups_known"}
    (check,) = (check for check in check_snapshot(manifest) if not check.passed)
    assert check.message == (
        "2 memberships are those of a group in a group; 1 of these groups were not listed."
    )

    del tenant.members["group-2"][1:]
    manifest = take(2)
    assert complaints(manifest) == set()
    assert NESTED_GROUPS not in manifest.tables


def test_whether_nested_groups_count_is_decided_when_the_day_is_resolved(
    take: Take, tenant: Tenant, lake: Lake
) -> None:
    take()
    for settings, indirect in ((acme(tenant), 2), (acme(tenant, nested=False), 0)):
        resolved = resolve(settings, TODAY, lake)
        assert resolved.evidence["memberships_nested"] == indirect
        publish(settings, lake, TODAY)
        with duckdb.connect(str(lake.database), read_only=True) as connection:
            assert connection.execute(
                "select count(*) filter (direct), count(*) filter (not direct) from memberships"
            ).fetchall() == [(4, indirect)]
            assert connection.execute("from entra.nested_groups").fetchall() == [
                ("group-2", "group-1")
            ]
            assert len(connection.execute("from entra.memberships").fetchall()) == 4


def test_a_group_that_hides_its_members_and_shows_none_is_told(take: Take, tenant: Tenant) -> None:
    tenant.groups[0]["visibility"] = "HiddenMembership"
    assert complaints(take()) == set()
    del tenant.members["group-1"]
    assert complaints(take(1)) == {"hidden_members_read"}


def test_store_groups_keeps_all_users_these_groups_and_the_groups_in_them(
    take: Take, lake: Lake
) -> None:
    def groups_of(manifest: SnapshotManifest) -> list[object]:
        stored = lake.snapshot("entra", manifest.day).table(manifest, "raw_groups")
        return [row["id"] for row in rows_of(stored)]

    second = take(store_groups=["Group 2"])
    assert (second.rows["raw_users"], second.rows["memberships"]) == (5, 4)
    assert groups_of(second) == ["group-1", "group-2"]
    third = take(1, store_groups=["Group 3"])
    assert (third.rows["raw_users"], third.rows["memberships"]) == (5, 0)
    assert groups_of(third) == ["group-3"]
    assert third.evidence["matched.store_groups.1"] == 1


def test_a_change_of_scope_is_told(take: Take) -> None:
    take()
    assert "scope_stable" in complaints(take(1, scope={"groups": ["Group 1"]}))


# -- the doctor -------------------------------------------------------------------------------


def findings(tenant: Tenant, lake: Lake, **settings: object) -> list[CheckResult]:
    """What is found of the tenant an hour after noon; its server's clock stands at noon."""
    with time_machine.travel(NOON + timedelta(seconds=20), tick=True):
        return examine(acme(tenant, **settings), lake)["entra"]


def bad(found: list[CheckResult]) -> dict[str, str]:
    for one in found:
        assert "\n" not in one.message + one.hint
        assert one.outcome == "passed" or one.hint or one.name == "proof", one
        assert SECRET not in one.message + one.hint
    return {one.name: one.outcome for one in found if one.outcome != "passed"}


def test_when_all_is_well_every_line_says_so(take: Take, tenant: Tenant, lake: Lake) -> None:
    take()
    found = findings(tenant, lake)
    assert bad(found) == {}
    assert [one.name for one in found] == [*WELL, "proof", "attributes"]
    attributes = found[-1].message
    assert "mail 100%" in attributes
    assert "department 0%" in attributes


def test_a_mapped_field_that_nobody_has_is_told(take: Take, tenant: Tenant, lake: Lake) -> None:
    mapped = {"pronouns": "onPremisesExtensionAttributes/extensionAttribute1", "boss": "manager/id"}
    tenant.users[0]["manager"] = {"id": "user-2"}
    take(attributes=mapped)
    found = findings(tenant, lake, attributes=mapped)
    assert bad(found) == {"attributes": "warning"}
    assert "pronouns (onPremisesExtensionAttributes/extensionAttribute1)" in found[-1].message
    assert "boss" not in found[-1].message


def test_the_doctor_counts_guests_and_shared_mailboxes(
    take: Take, tenant: Tenant, lake: Lake
) -> None:
    take()
    tenant.users[0].update(accountEnabled=False, givenName=None, surname=None)
    tenant.users[1].update(userType="Guest", mail=None, userPrincipalName="b_x.com#EXT#@acme.com")
    tenant.users[2].update(mail=None, userPrincipalName="c@acme.onmicrosoft.com")
    found = findings(tenant, lake)
    assert bad(found) == {}
    (listed,) = [one.message for one in found if one.name == "sample"]
    assert listed == ("5 users on the first page; 1 are guests and 1 shared mailboxes or rooms.")


def test_the_doctor_hints_at_addresses_that_are_only_in_the_sign_in_name(
    take: Take, tenant: Tenant, lake: Lake
) -> None:
    take()
    for record in tenant.users[:2]:
        record["mail"] = None
    found = findings(tenant, lake)
    assert bad(found) == {"addresses": "warning"}
    (hint,) = [one for one in found if one.name == "addresses"]
    assert "2 of 5 users" in hint.message
    assert "`email: userPrincipalName`" in hint.hint
    assert "acme.com" not in hint.text
    mapped = {"attributes": {"email": "userPrincipalName"}}
    assert "addresses" not in bad(findings(tenant, lake, **mapped))


def test_the_doctor_misses_the_permission_to_read_users(
    take: Take, tenant: Tenant, lake: Lake
) -> None:
    take()
    for record in tenant.users:
        record.update({name: None for name in record if name != "id"})
    found = findings(tenant, lake)
    assert [(one.name, one.outcome) for one in found if "User.Read.All" in one.hint] == [
        ("role", "error")
    ]


NO_TOKEN = {"error": "invalid_client", "error_codes": [7000222], "error_description": "AADSTS"}
PAGE = Reply(200, b"<html>", (("content-type", "text/html"),))


@pytest.mark.parametrize(
    ("target", "given", "expected"),
    [
        ("/token", reply(NO_TOKEN, 401), {"credentials": "error"}),
        ("/token", PAGE, {"endpoint": "error"}),
        ("/users?", refusal(401, "Authorization_IdentityNotFound"), {"role": "error"}),
        ("/users?", refusal(403, "Authorization_RequestDenied"), {"role": "error"}),
        ("/groups?", refusal(403, "Authorization_RequestDenied"), {"role": "error"}),
        ("/members", refusal(403, "Authorization_RequestDenied"), {"role": "error"}),
        ("/users?", reply({"value": []}), {"sample": "error"}),
        (
            "/users?",
            refusal(429, "TooManyRequests", ("retry-after", "100")),
            {"rate limit": "warning"},
        ),
        ("/users?", refusal(401, "InvalidAuthenticationToken"), {"credentials": "error"}),
        ("/users?", Reply(302, b"", (("location", "/login"),)), {"endpoint": "error"}),
        ("/users?", refusal(400, "BadRequest"), {"request": "error"}),
        ("/users?", reply({}), {"connection": "error"}),
        ("/members", refusal(404, "Request_ResourceNotFound"), {}),
    ],
)
def test_what_microsoft_answers_is_understood(
    take: Take, tenant: Tenant, lake: Lake, target: str, given: Reply, expected: dict[str, str]
) -> None:
    take()
    tenant.every_run[target] = given
    assert bad(findings(tenant, lake)) == expected


def test_what_was_found_before_a_request_failed_is_told_too(
    take: Take, tenant: Tenant, lake: Lake
) -> None:
    take()
    tenant.every_run["/groups?"] = Reply(500)
    found = findings(tenant, lake)
    names = [one.name for one in found]
    assert names[:6] == ["dns", "tls", "clock", "credentials", "sample", "connection"]


@pytest.mark.parametrize(
    ("days", "level", "words"),
    [(365, "passed", "good until"), (29, "warning", "good until"), (-1, "error", "expired on")],
)
def test_a_certificate_tells_how_long_it_is_good(
    tenant: Tenant, lake: Lake, tmp_path: Path, days: int, level: str, words: str
) -> None:
    pem = tmp_path / "app.pem"
    pem.write_text(app.pem(app.key()) + certificate(app.key(), NOON + timedelta(days=days)))
    found = findings(tenant, lake, certificate={"file": str(pem)})
    (credentials,) = [one for one in found if one.name == "credentials"]
    assert credentials.outcome == level
    assert words in credentials.message


def test_a_missing_secret_is_told_by_its_place(
    tenant: Tenant, lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ACME_ENTRA_SECRET")
    found = findings(tenant, lake)
    assert bad(found)["credentials"] == "error"
    assert any("ACME_ENTRA_SECRET" in one.message for one in found)


def test_the_records_of_users_are_not_held_in_memory(take: Take, held: list[str]) -> None:
    take()
    assert held
    assert not [plan for plan in held if "record" in plan]
