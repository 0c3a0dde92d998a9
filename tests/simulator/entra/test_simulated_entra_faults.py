"""Every fault of the Entra simulator, as a reader meets it."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from opensense_okta.simulator.entra.faults import KINDS, PRESETS, make_fault
from opensense_okta.simulator.entra.server import Simulator
from opensense_okta.simulator.entra.tenant import Tenant
from tests.support.simulators import LogIn

USERS = "/v1.0/users?$top=10"


def error(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["code"]


def first_page(tenant: Tenant) -> list[str]:
    return tenant.user_ids[:10]


def ids(answer: httpx.Response) -> list[str]:
    return [row["id"] for row in answer.json()["value"]]


@pytest.mark.parametrize(
    ("name", "expected", "retry_after"),
    [
        ("throttled", (429, "TooManyRequests"), "0.128"),
        ("throttled-silently", (429, "TooManyRequests"), None),
        ("unavailable", (503, "serviceNotAvailable"), None),
        ("retry-after", (503, "serviceNotAvailable"), "1"),
        ("server-error", (500, "InternalServerError"), None),
        ("denied", (403, "Authorization_RequestDenied"), None),
    ],
)
def test_an_error_is_returned_once_and_then_the_page(
    entra: Simulator,
    tenant: Tenant,
    graph: httpx.Client,
    name: str,
    expected: tuple[int, str],
    retry_after: str | None,
) -> None:
    entra.faults.append(make_fault(name, times=1))
    answer = graph.get(USERS)
    assert (error(answer), answer.headers.get("retry-after")) == (expected, retry_after)
    assert ids(graph.get(USERS)) == first_page(tenant)


def test_a_storm_throttles_five_calls(entra: Simulator, graph: httpx.Client) -> None:
    entra.faults.append(make_fault("storm"))
    statuses = [graph.get(USERS).status_code for _ in range(6)]
    assert statuses == [429] * 5 + [200]


@pytest.mark.parametrize(
    ("name", "status", "content"),
    [("gateway-html", 504, "<html>"), ("gateway-timeout", 504, "")],
)
def test_a_gateway_returns_no_json(
    entra: Simulator, graph: httpx.Client, name: str, status: int, content: str
) -> None:
    entra.faults.append(make_fault(name))
    answer = graph.get(USERS)
    assert (answer.status_code, answer.text[:6]) == (status, content)


def test_a_page_token_expires_in_the_middle(
    entra: Simulator, tenant: Tenant, graph: httpx.Client
) -> None:
    entra.faults.append(make_fault("expired-page"))
    link = graph.get(USERS).json()["@odata.nextLink"]
    assert error(graph.get(link)) == (400, "Directory_ExpiredPageToken")
    assert ids(graph.get(USERS)) == first_page(tenant)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("lost-value", lambda page: "value" not in page),
        ("empty", lambda page: page["value"] == [] and "@odata.nextLink" not in page),
        ("lost-next", lambda page: page["value"] and "@odata.nextLink" not in page),
        ("foreign-next", lambda page: page["@odata.nextLink"].startswith("https://elsewhere.")),
        ("repeated-next", lambda page: page["@odata.nextLink"].endswith(USERS)),
        ("strange-records", lambda page: page["value"][0] is None),
    ],
)
def test_a_fault_changes_one_page(
    entra: Simulator, graph: httpx.Client, name: str, change: Callable[[Any], bool]
) -> None:
    entra.faults.append(make_fault(name))
    broken, whole = graph.get(USERS).json(), graph.get(USERS).json()
    assert change(broken)
    assert not change(whole)


def test_a_page_can_be_empty_with_a_next_link(
    entra: Simulator, tenant: Tenant, graph: httpx.Client
) -> None:
    entra.faults.append(make_fault("empty-page"))
    page = graph.get(USERS).json()
    assert page["value"] == []
    assert ids(graph.get(page["@odata.nextLink"])) == first_page(tenant)


def test_the_last_row_is_also_on_the_next_page(
    entra: Simulator, tenant: Tenant, graph: httpx.Client
) -> None:
    entra.faults.append(make_fault("row-moves"))
    link = graph.get(USERS).json()["@odata.nextLink"]
    assert ids(graph.get(link)) == tenant.user_ids[9:20]


@pytest.mark.parametrize(
    ("name", "error_type"),
    [
        ("truncated", httpx.RemoteProtocolError),
        ("reset", httpx.TransportError),
    ],
)
def test_a_connection_breaks(
    entra: Simulator, graph: httpx.Client, name: str, error_type: type[Exception]
) -> None:
    entra.faults.append(make_fault(name))
    with pytest.raises(error_type):
        graph.get(USERS)
    assert graph.get(USERS).status_code == 200


@pytest.mark.parametrize("name", ["slow", "delay"])
def test_an_answer_is_slow_or_late(entra: Simulator, graph: httpx.Client, name: str) -> None:
    entra.faults.append(make_fault(name, seconds=0.05))
    answer = graph.get(USERS)
    assert len(answer.json()["value"]) == 10
    assert entra.faults[0].struck == 1


def test_a_body_is_not_valid_json(entra: Simulator, graph: httpx.Client) -> None:
    entra.faults.append(make_fault("malformed"))
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
        graph.get(USERS).json()


def test_a_redirect_leads_to_a_foreign_host(entra: Simulator, graph: httpx.Client) -> None:
    entra.faults.append(make_fault("redirect"))
    answer = graph.get("/v1.0/groups")
    assert answer.status_code == 302
    assert answer.headers["location"] == "https://elsewhere.example/v1.0/groups"


def test_tokens_expire_during_a_read(entra: Simulator, graph: httpx.Client, log_in: LogIn) -> None:
    entra.faults.append(make_fault("tokens-expire", after=1))
    link = graph.get(USERS).json()["@odata.nextLink"]
    assert error(graph.get(link)) == (401, "InvalidAuthenticationToken")
    graph.headers["Authorization"] = f"Bearer {log_in().json()['access_token']}"
    assert graph.get(link).status_code == 200


def test_a_group_is_deleted_before_its_members_are_read(
    entra: Simulator, tenant: Tenant, graph: httpx.Client
) -> None:
    entra.faults.append(make_fault("group-vanishes"))
    group = graph.get("/v1.0/groups").json()["value"][0]["id"]
    answer = graph.get(f"/v1.0/groups/{group}/members")
    assert error(answer) == (404, "Request_ResourceNotFound")
    assert group not in tenant.groups


def test_members_of_a_type_become_unreadable_or_get_lost(
    entra: Simulator, tenant: Tenant, graph: httpx.Client
) -> None:
    url = f"/v1.0/groups/{tenant.group('All Departments')['id']}/members"
    whole = graph.get(url).json()["value"]
    entra.faults.append(make_fault("unreadable-members", of_type="group"))
    unreadable = graph.get(url).json()["value"]
    assert [row["id"] for row in unreadable] == [row["id"] for row in whole]
    assert {row["displayName"] for row in unreadable} == {None}
    entra.faults[:] = [make_fault("lost-members")]
    assert graph.get(url).json()["value"] == []


@pytest.mark.parametrize(("name", "status"), [("login-html", 200), ("login-busy", 503)])
def test_the_login_endpoint_fails(entra: Simulator, log_in: LogIn, name: str, status: int) -> None:
    entra.faults.append(make_fault(name))
    answer = log_in()
    assert answer.status_code == status
    assert "access_token" not in answer.text
    assert log_in().status_code == 200


@pytest.mark.parametrize("name", sorted({*KINDS, *PRESETS}))
def test_no_fault_applies_to_the_simulators_own_endpoints(
    entra: Simulator, graph: httpx.Client, name: str
) -> None:
    entra.faults.append(make_fault(name, times=None))
    assert graph.get("/_simulator/day").status_code == 200
    assert entra.faults[0].struck == 0


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("gremlins", {}, "no fault 'gremlins'; there are delay, denied"),
        ("empty", {"speed": 3}, "fault 'empty' knows only match, times, after"),
    ],
)
def test_an_unknown_fault_or_option_is_an_error(
    name: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_fault(name, **options)
