"""The simulated Graph: pages, properties, members, permissions, errors."""

from collections import Counter
from uuid import UUID, uuid4

import httpx
import pytest

from opensense_okta.simulator.entra.apps import READS, App
from opensense_okta.simulator.entra.properties import EXTENSION, USER_DEFAULT
from opensense_okta.simulator.entra.server import CLIENT_ID, CLIENT_SECRET, Simulator
from opensense_okta.simulator.entra.tenant import TENANT_ID, Tenant
from tests.support.simulators import LogIn, Read


def allow(entra: Simulator, *permissions: str, known: bool = True) -> None:
    """Sets the permissions of the application."""
    app = App(CLIENT_ID, (CLIENT_SECRET,), permissions=frozenset(permissions), known_to_graph=known)
    entra.access.endpoint.apps[CLIENT_ID] = app


def error(answer: httpx.Response) -> tuple[int, str]:
    inner = answer.json()["error"]["innerError"]
    assert inner["request-id"] == answer.headers["request-id"]
    return answer.status_code, answer.json()["error"]["code"]


def test_all_users_are_listed_with_the_selected_properties(
    tenant: Tenant, read_graph: Read
) -> None:
    names = "id,displayName,accountEnabled,employeeId,businessPhones,proxyAddresses"
    rows = read_graph(f"/v1.0/users?$select={names}&$top=17")
    truth = tenant.truth().users
    assert [row["id"] for row in rows] == [user["id"] for user in truth]
    for row, user in zip(rows, truth, strict=True):
        assert list(row) == names.split(",")
        assert row["employeeId"] == user.get("employeeId")
        assert row["businessPhones"] == user.get("businessPhones", [])


def test_without_select_users_have_eleven_properties(graph: httpx.Client) -> None:
    rows = graph.get("/v1.0/users").json()["value"]
    assert len(rows) == 100
    assert {tuple(row) for row in rows} == {USER_DEFAULT}


def test_managers_can_be_expanded(tenant: Tenant, read_graph: Read) -> None:
    rows = read_graph("/v1.0/users?$select=id&$expand=manager($select=id)&$top=999")
    above = {row["id"]: row["manager"]["id"] for row in rows if "manager" in row}
    assert above == {
        user["id"]: user["manager"] for user in tenant.truth().users if "manager" in user
    }
    assert above
    [shown] = {tuple(row["manager"]) for row in rows if "manager" in row}
    assert shown == ("@odata.type", "id")


def test_extensions_are_listed_if_selected(tenant: Tenant, graph: httpx.Client) -> None:
    user_id = next(user["id"] for user in tenant.truth().users if EXTENSION in user)
    tenant.update_user(
        user_id, {"onPremisesExtensionAttributes": {"extensionAttribute7": "she/her"}}
    )
    url = f"/v1.0/users/{user_id}?$select=onPremisesExtensionAttributes,{EXTENSION}"
    row = graph.get(url).json()
    assert len(row["onPremisesExtensionAttributes"]) == 15
    assert row["onPremisesExtensionAttributes"]["extensionAttribute7"] == "she/her"
    assert row[EXTENSION] == tenant.users[user_id][EXTENSION]


def test_a_next_link_is_absolute_opaque_and_holds_the_query(
    entra: Simulator, graph: httpx.Client
) -> None:
    first = graph.get("/v1.0/users?$select=id,mail&$top=5").json()
    link = first["@odata.nextLink"]
    address, _, token = link.partition("$skiptoken=")
    assert address == f"{entra.url}/v1.0/users?$select=id,mail&$top=5&"
    second = graph.get(link).json()
    assert len(second["value"]) == 5
    percent_encoded = graph.get(f"{entra.url}/v1.0/users?%24skiptoken={token}").json()
    assert percent_encoded["value"] == second["value"]


def test_an_exact_multiple_ends_with_an_empty_page(tenant: Tenant, graph: httpx.Client) -> None:
    while len(tenant.users) % 5:
        tenant.add_user(f"one.more.{len(tenant.users)}@acme.example")
    url, sizes = "/v1.0/users?$top=5", []
    while url:
        page = graph.get(url).json()
        sizes.append(len(page["value"]))
        url = page.get("@odata.nextLink", "")
    assert sizes == [5] * (len(tenant.users) // 5) + [0]


def test_a_row_deleted_between_pages_moves_no_other_row(
    tenant: Tenant, graph: httpx.Client
) -> None:
    first = graph.get("/v1.0/users?$top=10").json()
    tenant.remove_user(first["value"][9]["id"])
    second = graph.get(first["@odata.nextLink"]).json()
    assert second["value"][0]["id"] == tenant.user_ids[9]


def test_all_groups_and_direct_members_are_listed(tenant: Tenant, read_graph: Read) -> None:
    truth = tenant.truth()
    groups = [row["id"] for row in read_graph("/v1.0/groups?$select=id&$top=3")]
    assert groups == [group["id"] for group in truth.groups]
    memberships, others = [], []
    for group in groups:
        for row in read_graph(f"/v1.0/groups/{group}/members?$select=id&$top=7"):
            kind = row["@odata.type"].removeprefix("#microsoft.graph.")
            if kind == "user":
                memberships.append((group, row["id"]))
            else:
                others.append((group, kind, row["id"]))
    assert memberships == truth.memberships
    assert others == truth.others
    assert {kind for _, kind, _ in others} == {"group", "device", "orgContact"}


def test_members_can_be_cast_to_users(tenant: Tenant, graph: httpx.Client) -> None:
    [(group, count), *_] = Counter(group for group, _ in tenant.truth().memberships).most_common(1)
    url = f"/v1.0/groups/{group}/members/microsoft.graph.user?$count=true&$top=999"
    assert error(graph.get(url)) == (400, "Request_UnsupportedQuery")
    page = graph.get(url, headers={"ConsistencyLevel": "eventual"}).json()
    assert page["@odata.count"] == len(page["value"]) == count
    assert not any("@odata.type" in row for row in page["value"])


@pytest.mark.parametrize("what", ["users", "groups"])
def test_only_advanced_queries_count(tenant: Tenant, graph: httpx.Client, what: str) -> None:
    total = len(getattr(tenant, what))
    eventual = {"ConsistencyLevel": "eventual"}
    answer = graph.get(f"/v1.0/{what}/$count", headers=eventual)
    assert (answer.text, answer.headers["content-type"]) == (str(total), "text/plain")
    assert graph.get(f"/v1.0/{what}/$count").status_code == 400
    listing = f"/v1.0/{what}?$count=true&$top=2"
    assert "@odata.count" not in graph.get(listing).json()
    assert graph.get(listing, headers=eventual).json()["@odata.count"] == total


def test_the_organization_is_the_tenant(graph: httpx.Client) -> None:
    [organization] = graph.get("/v1.0/organization").json()["value"]
    assert organization["id"] == TENANT_ID
    assert organization["verifiedDomains"][0]["name"] == "acme.example"


@pytest.mark.parametrize(
    ("url", "expected", "message"),
    [
        (
            "/v1.0/users?$top=0",
            (400, "Request_UnsupportedQuery"),
            "Invalid page size specified: '0'",
        ),
        ("/v1.0/users?$top=1000", (400, "Request_UnsupportedQuery"), "between 1 and 999"),
        ("/v1.0/groups?$top=x", (400, "Request_UnsupportedQuery"), "Invalid page size"),
        ("/v1.0/users?$skip=10", (400, "Request_BadRequest"), "$skip"),
        ("/v1.0/users?$orderby=mail", (400, "Request_UnsupportedQuery"), "$orderby"),
        ("/v1.0/users?$skiptoken=x", (400, "Request_UnsupportedQuery"), "page token"),
        ("/v1.0/users?$select=id,shoeSize", (400, "BadRequest"), "property named 'shoeSize'"),
        ("/v1.0/users?$select=skills", (501, "NotImplemented"), "not yet supported"),
        ("/v1.0/users?$expand=memberOf", (400, "BadRequest"), "Expand"),
        ("/v1.0/userz", (400, "BadRequest"), "segment 'userz'"),
        ("/v1.0/groups/x/members", (400, "Request_BadRequest"), "identifier 'x'"),
        (f"/v1.0/groups/{UUID(int=7)}", (404, "Request_ResourceNotFound"), "does not exist"),
        (f"/v1.0/groups/{UUID(int=7)}/members", (404, "Request_ResourceNotFound"), "-000000000007"),
        ("/v1.0/users/nobody@acme.example", (404, "Request_ResourceNotFound"), "nobody@"),
    ],
    ids=str,
)
def test_wrong_requests_are_errors(
    graph: httpx.Client, url: str, expected: tuple[int, str], message: str
) -> None:
    answer = graph.get(url)
    assert error(answer) == expected
    assert message in answer.json()["error"]["message"]


def test_a_page_token_belongs_to_its_listing(graph: httpx.Client) -> None:
    link = graph.get("/v1.0/users?$top=1").json()["@odata.nextLink"]
    assert error(graph.get(link.replace("users", "groups"))) == (400, "Request_UnsupportedQuery")


@pytest.mark.parametrize(
    ("authorization", "message"),
    [
        ("", "Access token is empty."),
        ("Basic x", "Access token is empty."),
        ("Bearer nodots", "IDX14100"),
        ("Bearer a.b.c", "CompactToken parsing failed"),
    ],
)
def test_without_a_valid_token_nothing_is_returned(
    anonymous: httpx.Client, authorization: str, message: str
) -> None:
    answer = anonymous.get("/v1.0/users", headers={"Authorization": authorization})
    assert error(answer) == (401, "InvalidAuthenticationToken")
    assert message in answer.json()["error"]["message"]
    assert answer.headers["www-authenticate"].startswith('Bearer realm=""')


def test_an_expired_token_has_its_own_message(
    entra: Simulator, log_in: LogIn, graph: httpx.Client
) -> None:
    entra.access.endpoint.expire_all()
    revoked = graph.get("/v1.0/users")
    entra.access.endpoint.lifetime = -1
    old = log_in().json()["access_token"]
    expired = graph.get("/v1.0/users", headers={"Authorization": f"Bearer {old}"})
    for answer in (revoked, expired):
        assert error(answer) == (401, "InvalidAuthenticationToken")
        assert "the token is expired" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("permissions", "open_paths"),
    [
        (READS, {"users", "groups", "organization"}),
        ({"User.Read.All"}, {"users", "organization"}),
        ({"GroupMember.Read.All"}, {"groups"}),
        ({"Organization.Read.All"}, {"organization"}),
        ({"Directory.Read.All"}, {"users", "groups", "organization"}),
        ({"Mail.Read"}, set()),
    ],
    ids=lambda names: ",".join(sorted(names)) or "none",
)
def test_each_permission_allows_its_objects_only(
    entra: Simulator, graph: httpx.Client, permissions: set[str], open_paths: set[str]
) -> None:
    allow(entra, *permissions)
    answers = {what: graph.get(f"/v1.0/{what}") for what in ("users", "groups", "organization")}
    assert {what for what, answer in answers.items() if answer.status_code == 200} == open_paths
    for what in answers.keys() - open_paths:
        assert error(answers[what]) == (403, "Authorization_RequestDenied")


def test_an_application_without_consent_is_not_known_to_graph(
    entra: Simulator, graph: httpx.Client
) -> None:
    allow(entra, known=False)
    assert error(graph.get("/v1.0/users")) == (401, "Authorization_IdentityNotFound")


def test_members_of_unreadable_types_have_only_type_and_id(
    entra: Simulator, tenant: Tenant, read_graph: Read
) -> None:
    tablets = tenant.group("Shared Tablets")["id"]
    url = f"/v1.0/groups/{tablets}/members"
    for row in read_graph(url):
        assert row.pop("@odata.type") == "#microsoft.graph.device"
        assert row.pop("id") in tenant.devices
        assert set(row.values()) == {None}
    allow(entra, *READS, "Device.Read.All")
    assert all(row["displayName"].startswith("iPad") for row in read_graph(url))
    allow(entra, "GroupMember.Read.All")
    group = tenant.truth().memberships[0][0]
    row = read_graph(f"/v1.0/groups/{group}/members?$select=id,displayName,mail")[0]
    assert (row["displayName"], row["mail"]) == (None, None)


def test_a_request_id_of_the_caller_is_returned(graph: httpx.Client) -> None:
    name = str(uuid4())
    answer = graph.get("/v1.0/userz", headers={"client-request-id": name})
    assert answer.headers["client-request-id"] == name
    assert answer.json()["error"]["innerError"]["client-request-id"] == name


@pytest.mark.parametrize(
    ("url", "units"),
    [
        ("/v1.0/users?$select=id", "2"),
        ("/v1.0/users?$expand=manager", "3"),
        ("/v1.0/groups", "1"),
        ("/v1.0/organization", "1"),
    ],
)
def test_every_answer_has_its_resource_units(graph: httpx.Client, url: str, units: str) -> None:
    assert graph.get(url).headers["x-ms-resource-unit"] == units


def test_nothing_can_be_written(graph: httpx.Client) -> None:
    assert graph.post("/v1.0/users", json={}).status_code == 405
    assert graph.get(f"/{TENANT_ID}/oauth2/v2.0/token").status_code == 405


def test_another_process_reads_truth_and_requests_of_the_tenant(
    entra: Simulator, tenant: Tenant, graph: httpx.Client
) -> None:
    graph.get("/v1.0/groups")
    assert graph.get("/_simulator/requests").json()[-1]["target"] == "/v1.0/groups"
    truth = graph.get("/_simulator/truth").json()
    assert truth["memberships"] == [list(pair) for pair in tenant.truth().memberships]
    day = {"day": "2026-11-25"}
    assert graph.post("/_simulator/day", json=day).json() == day
    assert str(tenant.org.day) == day["day"]
    assert graph.post("/_simulator/faults", json={"name": "storm"}).json()[0]["times"] == 5
    assert graph.get("/v1.0/users").status_code == 429
    graph.delete("/_simulator/faults")
    assert not entra.faults
