"""Reads of an Entra tenant: what comes of them, what is asked for, and what is not taken for less."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import Any
from urllib.parse import unquote

import pytest

from opensense_okta.config.directory_models import EntraDirectory
from opensense_okta.directories import errors
from opensense_okta.directories.checkpoint import ReadCheckpoint
from opensense_okta.directories.checks import TABLES
from opensense_okta.directories.entra import reader as entra
from opensense_okta.directories.http.client import connect
from opensense_okta.directories.protocol import no_progress
from opensense_okta.directories.snapshot import Cost
from opensense_okta.directories.snapshot_checks import CHECKS
from opensense_okta.storage import engine
from tests.support.reads import Row, failure, rows
from tests.support.replay import Reply
from tests.support.tenant import (
    SECRET,
    TENANT,
    Tenant,
    a_tenant,
    group,
    member,
    refusal,
    reply,
    user,
)
from tests.support.virtual_time import Impatience


@dataclass(frozen=True)
class Read:
    """A read: its raw tables, and what is known of it."""

    users: list[Row]
    groups: list[Row]
    memberships: list[tuple[str, str]]
    nested_groups: list[tuple[str, str]]
    member_reads: list[Row]
    cost: Cost
    evidence: dict[str, int]
    slept: list[float]
    types: dict[str, list[tuple[str, str]]]

    def user(self, id_: str) -> Row:
        return next(row for row in self.users if row["id"] == id_)

    @property
    def user_ids(self) -> list[str]:
        return [row["id"] for row in self.users]


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_ENTRA_SECRET", SECRET)


@pytest.fixture
def tenant() -> Iterator[Tenant]:
    with a_tenant() as tenant:
        yield tenant


def read(tenant: Tenant, tmp_path: Path, *, folder: Path | None = None, **settings: object) -> Read:
    """Reads everything; in the folder of an earlier read it goes on there."""
    return read_with(tenant.settings(**settings), folder or Path(mkdtemp(dir=tmp_path)))


def read_with(settings: EntraDirectory, folder: Path) -> Read:
    impatience = Impatience()
    with ReadCheckpoint(folder, entra.FILES) as spool, engine.start(folder) as connection:
        reader = entra.Reader(settings, spool, connection, None, True, no_progress)
        cost = asyncio.run(_read(reader, settings, impatience))
        return Read(
            rows(connection, "raw_users"),
            rows(connection, "raw_groups"),
            sorted((row["group_id"], row["user_id"]) for row in rows(connection, "memberships")),
            [
                (row["group_id"], row["member_group_id"])
                for row in rows(connection, "nested_groups")
            ],
            rows(connection, "member_reads"),
            cost,
            reader.collect_evidence(),
            impatience.slept,
            {
                name: list(zip(table.columns, map(str, table.types), strict=True))
                for name in (*TABLES, "member_reads")
                for table in [connection.table(name)]
            },
        )


async def _read(reader: entra.Reader, settings: EntraDirectory, impatience: Impatience) -> Cost:
    auth = entra.authorization(settings)
    async with connect(entra.graph_root(settings), auth, entra.PROTOCOL) as api:
        api.clock = impatience.clock
        return await reader.read(api)


TRUTH = [
    ("group-1", "user-1"),
    ("group-1", "user-2"),
    ("group-1", "user-3"),
    ("group-2", "user-3"),
]


# -- what comes of it -------------------------------------------------------------------------


def test_users_groups_and_direct_members_are_read(tenant: Tenant, tmp_path: Path) -> None:
    found = read(tenant, tmp_path)
    assert found.user_ids == [f"user-{n}" for n in range(1, 6)]
    assert [row["id"] for row in found.groups] == ["group-1", "group-2", "group-3"]
    assert found.memberships == TRUTH
    assert found.nested_groups == [("group-2", "group-1")]
    assert [(row["group_id"], row["how"]) for row in found.member_reads] == [
        (f"group-{n}", "read") for n in range(1, 4)
    ]


def test_a_user_is_as_graph_gave_it(tenant: Tenant, tmp_path: Path) -> None:
    manager = {"@odata.type": "#microsoft.graph.user", "id": "user-2"}
    tenant.users[0].update(manager=manager, mobilePhone=None)
    row = read(tenant, tmp_path).user("user-1")
    assert row["created"] == datetime(2024, 5, 28, 14, 4, 37, tzinfo=UTC)
    assert (row["status"], row["type_id"]) == ("ENABLED", "Member")
    assert row["profile"]["manager"] == manager
    assert row["profile"]["businessPhones"] == ["+1 555 0101"]
    assert row["profile"]["mobilePhone"] is None
    assert "officeLocation" not in row["profile"]
    assert [name for name, value in row.items() if value is None] == [
        "activated",
        "status_changed",
        "last_login",
        "last_updated",
        "password_changed",
    ]


@pytest.mark.parametrize(
    ("enabled", "status"),
    [(True, "ENABLED"), (False, "DISABLED"), (None, "UNKNOWN"), ("yes", "UNKNOWN")],
)
def test_the_status_says_whether_the_account_is_enabled(
    tenant: Tenant, tmp_path: Path, enabled: object, status: str
) -> None:
    tenant.users[0]["accountEnabled"] = enabled
    found = read(tenant, tmp_path)
    assert found.user("user-1")["status"] == status
    assert found.evidence["statuses_unknown"] == (status == "UNKNOWN")


@pytest.mark.parametrize(
    ("properties", "kind"),
    [
        ({"groupTypes": ["Unified"], "mailEnabled": True}, "MICROSOFT_365"),
        ({"groupTypes": ["DynamicMembership", "Unified"]}, "MICROSOFT_365"),
        ({"groupTypes": ["DynamicMembership"]}, "SECURITY"),
        ({}, "SECURITY"),
        ({"mailEnabled": True}, "MAIL_ENABLED_SECURITY"),
        ({"mailEnabled": True, "securityEnabled": False}, "DISTRIBUTION"),
        ({"groupTypes": None, "securityEnabled": None, "mailEnabled": None}, None),
    ],
)
def test_a_groups_type_follows_from_its_properties(
    tenant: Tenant, tmp_path: Path, properties: dict[str, Any], kind: str | None
) -> None:
    tenant.groups[:] = [group(1, **properties)]
    assert [row["type"] for row in read(tenant, tmp_path).groups] == [kind]


def test_the_tables_are_of_the_same_types_as_every_kinds(tenant: Tenant, tmp_path: Path) -> None:
    moments = ("created", "activated", "status_changed", "last_login", "last_updated")
    assert read(tenant, tmp_path).types == {
        "raw_users": [
            ("id", "VARCHAR"),
            ("status", "VARCHAR"),
            *((name, "TIMESTAMP WITH TIME ZONE") for name in (*moments, "password_changed")),
            ("type_id", "VARCHAR"),
            ("profile", "JSON"),
            ("captured_at", "TIMESTAMP WITH TIME ZONE"),
        ],
        "raw_groups": [
            ("id", "VARCHAR"),
            ("type", "VARCHAR"),
            ("name", "VARCHAR"),
            ("description", "VARCHAR"),
            ("created", "TIMESTAMP WITH TIME ZONE"),
            ("last_updated", "TIMESTAMP WITH TIME ZONE"),
            ("last_membership_updated", "TIMESTAMP WITH TIME ZONE"),
            ("members_count", "BIGINT"),
            ("profile", "JSON"),
            ("captured_at", "TIMESTAMP WITH TIME ZONE"),
        ],
        "memberships": [("group_id", "VARCHAR"), ("user_id", "VARCHAR")],
        "member_reads": [
            ("group_id", "VARCHAR"),
            ("read_at", "TIMESTAMP WITH TIME ZONE"),
            ("how", "VARCHAR"),
        ],
    }


def test_evidence_has_all_that_checks_and_dagster_ask_for(tenant: Tenant, tmp_path: Path) -> None:
    numbers = {**read(tenant, tmp_path).evidence, "users_before": 5, "scope_changed": 0}
    assert {"groups_read", "groups_carried_over", "memberships_drifted"} <= numbers.keys()
    assert (numbers["groups_read"], numbers["users_listed"], numbers["users_counted"]) == (3, 5, 5)
    for check in CHECKS["entra"]:
        assert check.run({**numbers, "rows": 5, "set_aside": 0}).passed, check.name


# -- members that are no users ----------------------------------------------------------------


def test_only_users_are_members_and_the_others_are_counted(tenant: Tenant, tmp_path: Path) -> None:
    tenant.members["group-3"] = [
        member("user-1"),
        member("group-1", "group"),
        member("device-1", "device"),
        member("contact-1", "orgContact"),
        member("something-1", None),
        member("something-2", "directoryObject"),
    ]
    found = read(tenant, tmp_path)
    assert found.memberships == [*TRUTH, ("group-3", "user-1")]
    of = {name: count for name, count in found.evidence.items() if name.startswith("members_")}
    assert of == {
        "members_nested": 2,
        "members_other": 2,
        "members_unreadable": 2,
        "members_unknown": 0,
    }


def test_a_member_without_a_type_is_a_user_when_a_user_of_that_id_was_listed(
    tenant: Tenant, tmp_path: Path
) -> None:
    tenant.members["group-3"] = [member("user-4", None)]
    found = read(tenant, tmp_path)
    assert ("group-3", "user-4") in found.memberships
    assert found.evidence["members_unreadable"] == 0


def test_a_member_whose_properties_cannot_be_read_blanks_nothing(
    tenant: Tenant, tmp_path: Path
) -> None:
    limited = {**member("user-1"), "displayName": None, "mail": None}
    tenant.members["group-1"] = [limited]
    found = read(tenant, tmp_path)
    assert found.user("user-1")["profile"]["mail"] == "person1@acme.com"
    assert ("group-1", "user-1") in found.memberships


def test_a_user_who_came_after_the_listing_is_counted(tenant: Tenant, tmp_path: Path) -> None:
    tenant.members["group-3"] = [member("user-9")]
    found = read(tenant, tmp_path)
    assert ("group-3", "user-9") in found.memberships
    assert found.evidence["members_unknown"] == 1


# -- what is asked for ------------------------------------------------------------------------


def test_exactly_what_is_mapped_is_asked_for(tenant: Tenant) -> None:
    extension = "extension_0123_badge"
    attributes = {
        "pronouns": "onPremisesExtensionAttributes/extensionAttribute1",
        "badge": extension,
        "title": "employeeType",
        "boss": "manager/displayName",
    }
    plain = entra.users_url(tenant.settings())
    assert plain == (
        "/v1.0/users?$select=id,accountEnabled,userType,createdDateTime,userPrincipalName,givenName,"
        "surname,displayName,mail,jobTitle,department,companyName,employeeId,businessPhones,mobilePhone,"
        "streetAddress,city,state,postalCode,country,preferredLanguage,proxyAddresses&$expand=manager($select=id)"
        "&$top=999"
    )
    mapped = entra.users_url(tenant.settings(attributes=attributes))
    select = mapped.partition("&")[0].partition("=")[2].split(",")
    assert {"onPremisesExtensionAttributes", extension, "employeeType"} <= set(select)
    assert "jobTitle" not in select
    assert "$expand=manager($select=id,displayName)" in mapped
    assert "manager" not in entra.users_url(tenant.settings(attributes={"manager": "department"}))


def test_every_request_lets_others_go_first_and_next_links_are_followed_as_they_are(
    tenant: Tenant, tmp_path: Path
) -> None:
    read(tenant, tmp_path)
    graph = [asked for asked in tenant.peer.asked if asked.target.startswith("/v1.0/")]
    assert {asked.headers["x-ms-throttle-priority"] for asked in graph} == {"low"}
    assert {asked.headers["authorization"] for asked in graph} == {"Bearer token-1"}
    assert sum("$skiptoken=place-" in unquote(asked.target) for asked in graph) == 5
    assert tenant.peer.targets.count(f"/{TENANT}/oauth2/v2.0/token") == 1


def test_calls_are_spread_evenly_up_to_the_ceiling(tenant: Tenant, tmp_path: Path) -> None:
    tenant.groups[:] = [group(n) for n in range(60)]
    found = read(tenant, tmp_path)
    calls = found.cost.requests - 1  # the token's
    assert sum(found.slept) >= (calls - entra.WORKERS) / 10 * 0.9


# -- scope ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("groups", "users", "memberships"),
    [
        (["Group 1"], ["user-1", "user-2", "user-3"], TRUTH[:3]),
        (["*2", "group-3"], ["user-1", "user-2", "user-3"], TRUTH),
        (["group-3"], [], []),
    ],
)
def test_only_matching_groups_the_groups_in_them_and_their_users_are_read(
    tenant: Tenant,
    tmp_path: Path,
    groups: list[str],
    users: list[str],
    memberships: list[tuple[str, str]],
) -> None:
    found = read(tenant, tmp_path, scope={"groups": groups})
    assert (found.user_ids, found.memberships) == (users, memberships)
    assert found.evidence["users_listed"] == 5
    assert found.evidence["left_out.scope.groups"] == 5 - len(users)
    read_of = {target.split("/")[3] for target in tenant.asked if "/members" in target}
    assert read_of == {row["id"] for row in found.groups}


def test_without_nesting_a_group_in_a_group_is_not_in_scope(tenant: Tenant, tmp_path: Path) -> None:
    found = read(tenant, tmp_path, scope={"groups": ["group-2"]}, nested=False)
    assert [row["id"] for row in found.groups] == ["group-2"]
    assert (found.user_ids, found.memberships, found.nested_groups) == (["user-3"], TRUTH[3:], [])
    everything = read(tenant, tmp_path, nested=False)
    assert everything.nested_groups == [("group-2", "group-1")]


def test_groups_are_in_scope_at_any_depth_also_in_a_circle(tenant: Tenant, tmp_path: Path) -> None:
    tenant.members["group-1"].append(member("group-3", None))  # recognised by its id
    tenant.members["group-3"] = [member("group-2", "group"), member("user-5")]
    tenant.groups.append(group(4))
    found = read(tenant, tmp_path, scope={"groups": ["group-2"]})
    assert [row["id"] for row in found.groups] == ["group-1", "group-2", "group-3"]
    assert found.user_ids == ["user-1", "user-2", "user-3", "user-5"]
    assert found.nested_groups == [
        ("group-1", "group-3"),
        ("group-2", "group-1"),
        ("group-3", "group-2"),
    ]
    assert [target for target in tenant.asked if "group-4" in target] == []
    assert (found.evidence["members_nested"], found.evidence["members_unreadable"]) == (3, 0)


def test_a_scope_without_any_group_is_an_error(tenant: Tenant, tmp_path: Path) -> None:
    error = failure(lambda: read(tenant, tmp_path, scope={"groups": ["Nobody*"]}))
    assert type(error) is errors.IncompleteListing
    assert "Nobody*" in error.message
    assert "`scope.groups`" in error.remedy


# -- what is not taken for less ---------------------------------------------------------------


def page(**body: object) -> Reply:
    return reply(body)


@pytest.mark.parametrize(
    ("target", "given", "expected", "words"),
    [
        ("/users?$select", page(value=[]), errors.IncompleteListing, "no users at all"),
        ("/users?", page(), errors.ServerTrouble, "`value`"),
        ("/users?", page(value=None), errors.ServerTrouble, "not a JSON array"),
        ("/users?", page(value={"id": "1"}), errors.ServerTrouble, "not a JSON array"),
        ("/members?", page(), errors.ServerTrouble, "`value`"),
        ("/groups?", Reply(200, b'{"value":[{"id":"g'), errors.ServerTrouble, "cut-off"),
        ("/groups?", Reply(200, b"[]"), errors.ServerTrouble, "cut-off"),
        (
            "/users?",
            page(value=[user(1)], **{"@odata.nextLink": 7}),
            errors.ServerTrouble,
            "`@odata.nextLink`",
        ),
        (
            "/users?",
            page(value=[user(1)], **{"@odata.nextLink": ""}),
            errors.ServerTrouble,
            "next link is empty",
        ),
        (
            "/users?",
            page(value=[user(1)], **{"@odata.nextLink": "https://elsewhere.example/v1.0/users?x"}),
            errors.UntrustedLink,
            "https://elsewhere.example",
        ),
        (
            "/users?",
            page(value=[user(1)], **{"@odata.nextLink": "/v1.0/users?$select=circle"}),
            errors.IncompleteListing,
            "circle",
        ),
        ("/users?", Reply(302, b"", (("location", "/x"),)), errors.UntrustedLink, "redirects"),
    ],
)
def test_a_listing_that_cannot_be_proven_whole_is_an_error(
    tenant: Tenant, tmp_path: Path, target: str, given: Reply, expected: type, words: str
) -> None:
    tenant.every_run[target] = given
    error = failure(lambda: read(tenant, tmp_path))
    assert type(error) is expected
    assert words in error.message
    assert error.remedy
    assert SECRET not in str(error)


def test_a_tenant_without_groups_is_whole(tenant: Tenant, tmp_path: Path) -> None:
    tenant.groups.clear()
    found = read(tenant, tmp_path)
    assert (len(found.users), found.groups, found.memberships) == (5, [], [])


def test_rows_that_are_not_understood_are_set_aside(tenant: Tenant, tmp_path: Path) -> None:
    tenant.page = 99
    tenant.every_run["/users?"] = page(value=[user(1), "x", {"id": None}, {"id": "user-2"}])
    tenant.every_run["/group-1/members"] = page(
        value=[member("user-1"), {"id": 3}, member("user-2")]
    )
    folder = Path(mkdtemp(dir=tmp_path))
    found = read(tenant, tmp_path, folder=folder)
    assert found.user_ids == ["user-1", "user-2"]
    assert [of for of in found.memberships if of[0] == "group-1"] == TRUTH[:2]
    with ReadCheckpoint(folder, entra.FILES) as spool:
        assert [spool.set_aside(file) for file in entra.FILES] == [2, 0, 1]


def test_half_an_emoji_loses_nobody(tenant: Tenant, tmp_path: Path) -> None:
    body = json.dumps({"value": [user(1, displayName="\ud83d"), user(2)]}).encode()
    tenant.every_run["/users?"] = Reply(200, body)
    found = read(tenant, tmp_path)
    assert found.user_ids == ["user-1", "user-2"]
    assert found.user("user-1")["profile"]["displayName"] == "\ufffd"


def test_a_user_who_comes_on_two_pages_counts_once(tenant: Tenant, tmp_path: Path) -> None:
    tenant.users.insert(3, {**user(1), "jobTitle": "Chief"})
    found = read(tenant, tmp_path)
    assert found.user("user-1")["profile"]["jobTitle"] == "Chief"
    assert (len(found.users), found.evidence["users_doubled"]) == (5, 0)


def test_a_user_who_comes_twice_on_a_page_is_told(tenant: Tenant, tmp_path: Path) -> None:
    tenant.users.insert(1, user(1))
    assert read(tenant, tmp_path).evidence["users_doubled"] == 1


def test_a_group_deleted_meanwhile_is_gone(tenant: Tenant, tmp_path: Path) -> None:
    tenant.every_run["/group-1/members"] = refusal(404, "Request_ResourceNotFound")
    found = read(tenant, tmp_path)
    assert [row["id"] for row in found.groups] == ["group-2", "group-3"]
    assert (found.memberships, found.evidence["groups_gone"]) == (TRUTH[3:], 1)


@pytest.mark.parametrize(
    "given", [refusal(403, "Authorization_RequestDenied"), Reply(200, b"many"), Reply(500)]
)
def test_a_count_that_does_not_come_is_no_reason_to_fail(
    tenant: Tenant, tmp_path: Path, given: Reply
) -> None:
    tenant.every_run["/users/$count"] = given
    assert read(tenant, tmp_path).evidence["users_counted"] == 0


# -- trouble that passes ----------------------------------------------------------------------


@pytest.mark.parametrize("target", ["/users?$skiptoken", "/group-1/members?$skiptoken"])
@pytest.mark.parametrize(
    "lost",
    [
        refusal(400, "Directory_ExpiredPageToken"),
        refusal(400, "Request_UnsupportedQuery"),
        refusal(410, "resyncRequired"),
    ],
)
def test_a_listing_whose_page_token_is_lost_begins_anew_once(
    tenant: Tenant, tmp_path: Path, target: str, lost: Reply
) -> None:
    tenant.instead.append((target, lost))
    found = read(tenant, tmp_path)
    assert (len(found.users), found.memberships) == (5, TRUTH)
    tenant.every_run[target] = lost
    assert type(failure(lambda: read(tenant, tmp_path))) is errors.CursorLost


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (refusal(429, "TooManyRequests", ("retry-after", "2.128")), 2.128),
        (refusal(429, "TooManyRequests"), 10.0),
        (refusal(503, "serviceNotAvailable", ("retry-after", "5")), 5.0),
        (Reply(504, b"<html>", (("content-type", "text/html"),)), 0.0),
        (refusal(500, "InternalServerError"), 0.0),
    ],
)
def test_trouble_that_passes_is_sat_out_as_long_as_graph_asks(
    tenant: Tenant, tmp_path: Path, given: Reply, seconds: float
) -> None:
    tenant.instead += [("/users?", given), ("/group-2/members", given)]
    found = read(tenant, tmp_path)
    assert (len(found.users), found.memberships) == (5, TRUTH)
    assert found.cost.retries == 2
    assert sum(found.slept) >= seconds - 0.2
    assert found.cost.waits == (2 if given.status == 429 else 0)


def test_a_token_that_is_suddenly_refused_is_renewed_once(tenant: Tenant, tmp_path: Path) -> None:
    tenant.instead.append(("/groups?", refusal(401, "InvalidAuthenticationToken")))
    assert read(tenant, tmp_path).memberships == TRUTH
    assert tenant.peer.targets.count(f"/{TENANT}/oauth2/v2.0/token") == 2
    tenant.every_run["/groups?"] = refusal(401, "InvalidAuthenticationToken")
    assert type(failure(lambda: read(tenant, tmp_path))) is errors.CredentialsRejected


# -- going on where it stopped ----------------------------------------------------------------


def test_a_page_read_once_is_not_read_again(tenant: Tenant, tmp_path: Path) -> None:
    pages = read(tenant, tmp_path).cost.pages
    folder = Path(mkdtemp(dir=tmp_path))
    tenant.every_run["/group-2/members"] = refusal(403, "Authorization_RequestDenied")
    assert type(failure(lambda: read(tenant, tmp_path, folder=folder))) is errors.AccessDenied
    tenant.every_run.clear()
    found = read(tenant, tmp_path, folder=folder)
    assert (len(found.users), found.memberships) == (5, TRUTH)
    assert found.cost.resumed_pages > 0
    assert found.cost.pages == pages - found.cost.resumed_pages


def test_pages_with_other_properties_are_not_gone_on_with(tenant: Tenant, tmp_path: Path) -> None:
    folder = Path(mkdtemp(dir=tmp_path))
    read(tenant, tmp_path, folder=folder)
    found = read(tenant, tmp_path, folder=folder, attributes={"office": "officeLocation"})
    assert {row["profile"]["officeLocation"] for row in found.users} == {"not asked for"}
    assert len(found.users) == 5
