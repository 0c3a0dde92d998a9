"""The simulator's answers, compared with recorded and documented ones of Graph and the login endpoint."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from opensense_okta.simulator.entra.apps import App
from opensense_okta.simulator.entra.faults import make_fault
from opensense_okta.simulator.entra.server import CLIENT_ID, CLIENT_SECRET, TENANT_ID, Simulator
from opensense_okta.simulator.entra.tenant import Tenant
from tests.support.simulators import LogIn, Read

Row = dict[str, Any]
Exchange = dict[str, Any]
Recording = Callable[[str], Exchange]

DELIVERY = {"content-length", "transfer-encoding", "x-xss-protection", "vary", "cache-control"}
"""Headers that depend on how an answer was sent."""

TOO_MUCH = {"x-ms-clitelem", "x-ms-srs"}
"""Headers that only some of the recordings have."""


@pytest.fixture
def recording(shared: Path) -> Recording:
    def find(name: str) -> Exchange:
        [path] = (shared / "fixtures" / "entra").glob(f"*/{name}.json")
        exchange: Exchange = json.loads(path.read_text())
        return exchange

    return find


def types(row: Row) -> dict[str, str]:
    """The type of each property; nullable ones are checked elsewhere."""
    return {name: type(value).__name__ for name, value in row.items()}


def shapes(rows: list[Row]) -> dict[str, set[str]]:
    """The types that each property has in some row."""
    kinds: dict[str, set[str]] = {}
    for row in rows:
        for name, kind in types(row).items():
            kinds.setdefault(name, set()).add(kind)
    return kinds


def agree(own: list[Row], recorded: list[Row]) -> None:
    """Same properties in the same order, of the types that were recorded.

    A text may be null though none was; of what was always null nothing is known.
    """
    assert {tuple(row) for row in own} == {tuple(row) for row in recorded}
    seen = shapes(recorded)
    for name, kinds in shapes(own).items():
        known = seen[name] - {"NoneType"}
        allowed = seen[name] | {"NoneType"} if "str" in known else seen[name]
        assert not known or kinds <= allowed, name


def headers_agree(answer: httpx.Response, exchange: Exchange) -> None:
    expected = {name.lower() for name in exchange["response"]["headers"]} - DELIVERY - TOO_MUCH
    assert expected <= set(answer.headers)
    kind = exchange["response"]["headers"]["content-type"]
    assert answer.headers["content-type"] == kind


@pytest.mark.parametrize("name", ["users_default_select", "users_select_38_users"])
def test_users_are_as_recorded(graph: httpx.Client, recording: Recording, name: str) -> None:
    exchange = recording(name)
    path = exchange["request"]["url"].removeprefix("https://graph.microsoft.com")
    answer = graph.get(path)
    recorded, own = exchange["response"]["body"], answer.json()
    agree(own["value"], recorded["value"])
    assert own["@odata.context"].partition("#")[2] == recorded["@odata.context"].partition("#")[2]
    headers_agree(answer, exchange)
    assert answer.headers["x-ms-resource-unit"] == "2"


def test_groups_are_as_recorded(graph: httpx.Client, recording: Recording) -> None:
    exchange = recording("groups_list_2024")
    answer = graph.get("/v1.0/groups")
    agree(answer.json()["value"], exchange["response"]["body"]["value"])
    headers_agree(answer, exchange)


def test_members_are_as_recorded(
    tenant: Tenant, graph: httpx.Client, read_graph: Read, recording: Recording
) -> None:
    exchanges = [
        recording(f"group_members_{name}")
        for name in ("users", "mixed_user_group", "two_guests", "one_user_2021")
    ]
    recorded = [row for exchange in exchanges for row in exchange["response"]["body"]["value"]]
    group = tenant.truth().memberships[0][0]
    answer = graph.get(f"/v1.0/groups/{group}/members")
    headers_agree(answer, exchanges[0])
    context = answer.json()["@odata.context"].partition("/v1.0/")[2]
    assert context == "$metadata#directoryObjects"
    users = [row for row in recorded if row["@odata.type"].endswith("user")]
    agree(answer.json()["value"], users)
    [nested, *_] = read_graph(f"/v1.0/groups/{tenant.group('Circle A')['id']}/members")
    listed = recording("groups_list_2024")["response"]["body"]["value"]
    assert nested.pop("@odata.type") == "#microsoft.graph.group"
    agree([nested], listed)
    empty = graph.get(f"/v1.0/groups/{tenant.group('Reserved')['id']}/members").json()
    assert empty["value"] == recording("group_members_empty")["response"]["body"]["value"]


def test_the_organization_is_as_recorded(graph: httpx.Client, recording: Recording) -> None:
    exchange = recording("organization")
    answer = graph.get("/v1.0/organization")
    [own], [recorded] = answer.json()["value"], exchange["response"]["body"]["value"]
    del recorded["@odata.id"]  # of 2021
    assert list(own) == list(recorded)
    assert list(own["verifiedDomains"][0]) == list(recorded["verifiedDomains"][0])
    headers_agree(answer, exchange)


def test_pages_are_as_recorded(graph: httpx.Client, recording: Recording) -> None:
    exchange = recording("paging_page1_nextlink")
    page = graph.get("/v1.0/users").json()
    assert list(page) == list(exchange["response"]["body"])
    link = exchange["response"]["body"]["@odata.nextLink"]
    start = link.partition("$skiptoken=")[2][:4]
    assert page["@odata.nextLink"].partition("$skiptoken=")[2].startswith(start)


def test_a_token_is_as_recorded(log_in: LogIn, recording: Recording) -> None:
    exchange = recording("token_ok")
    answer = log_in()
    assert types(answer.json()) == types(exchange["response"]["body"])
    assert list(answer.json()) == list(exchange["response"]["body"])
    assert answer.json()["expires_in"] == exchange["response"]["body"]["expires_in"]
    headers_agree(answer, exchange)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("token_7000215_invalid_secret", {"client_secret": "wrong"}),
        ("token_401_expired_secret", {"client_secret": "old"}),
        ("token_700016_unknown_app", {"client_id": "clientId"}),
        ("token_900023_bad_tenant_identifier", {"tenant_id": "directoryid"}),
        (
            "token_90002_unknown_tenant_guid",
            {"tenant_id": "00000000-0000-0000-0000-000000000001"},
        ),
        ("token_400_invalid_scope", {"scope": "https://foo.microsoft.com/default"}),
    ],
)
def test_token_errors_are_as_recorded(
    entra: Simulator, log_in: LogIn, recording: Recording, name: str, fields: dict[str, str]
) -> None:
    entra.access.endpoint.apps[CLIENT_ID] = App(CLIENT_ID, (CLIENT_SECRET,), ("old",))
    expected = recording(name)["response"]
    answer = log_in(**fields)
    assert answer.status_code == expected["status"]
    assert types(expected["body"]).items() <= types(answer.json()).items()
    for key in ("error", "error_codes"):
        assert answer.json()[key] == expected["body"][key]
    recorded_at = expected["headers"].get("content-type")
    assert recorded_at in (None, answer.headers["content-type"])


@pytest.mark.parametrize(
    ("name", "path", "app", "token"),
    [
        ("graph_401_invalid_token_idx14100", "users", None, "nodots"),
        ("graph_401_invalid_token_compact", "organization", None, "a.b.c"),
        (
            "graph_401_identity_not_found",
            "organization",
            App(CLIENT_ID, known_to_graph=False),
            "",
        ),
        ("graph_403_request_denied", "organization", App(CLIENT_ID, permissions=frozenset()), ""),
    ],
)
def test_refusals_are_as_recorded(
    entra: Simulator,
    graph: httpx.Client,
    recording: Recording,
    name: str,
    path: str,
    app: App | None,
    token: str,
) -> None:
    exchange = recording(name)
    if app:
        entra.access.endpoint.apps[CLIENT_ID] = app
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = graph.get(f"/v1.0/{path}", headers=headers)
    expected = exchange["response"]["body"]["error"]
    assert answer.status_code == exchange["response"]["status"]
    own = answer.json()["error"]
    assert own["message"] == expected["message"]
    assert own["code"] == expected["code"]
    assert list(own) == list(expected)
    assert types(own["innerError"]) == types(expected["innerError"])
    recorded = set(exchange["response"]["headers"]) - DELIVERY - {"x-ms-resource-unit"}
    assert recorded <= set(answer.headers)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("throttled_429_directory", "throttled"),
        ("throttled_429_documented", "throttled"),
        ("service_503_unavailable", "retry-after"),
        ("paging_400_expired_page_token", "expired-page"),
    ],
)
def test_injected_errors_are_as_documented(
    entra: Simulator, graph: httpx.Client, recording: Recording, name: str, fault: str
) -> None:
    expected = recording(name)["response"]
    url = graph.get("/v1.0/users").json()["@odata.nextLink"]
    entra.faults.append(make_fault(fault))
    answer = graph.get(url)
    assert answer.status_code == expected["status"]
    assert answer.json()["error"]["code"] == expected["body"]["error"]["code"]
    assert {name.lower() for name in expected["headers"]} <= set(answer.headers)


def test_properties_that_listings_lack_are_refused_as_documented(
    graph: httpx.Client, recording: Recording
) -> None:
    expected = recording("users_501_not_in_collection")["response"]
    answer = graph.get("/v1.0/users/?$select=skills")
    assert answer.status_code == expected["status"]
    for key in ("code", "message"):
        assert answer.json()["error"][key] == expected["body"]["error"][key]


def test_the_tenants_id_is_of_the_recorded_form(recording: Recording) -> None:
    [row] = recording("organization")["response"]["body"]["value"]
    assert [len(part) for part in TENANT_ID.split("-")] == [len(p) for p in row["id"].split("-")]
