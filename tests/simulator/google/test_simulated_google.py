"""The simulated token endpoint and Directory API answer as Google's do."""

import json
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.google.account import Account
from opensense_okta.simulator.google.faults import make_fault
from opensense_okta.simulator.google.groups import FOREIGN_GROUP
from opensense_okta.simulator.google.limits import Limits, Quota
from opensense_okta.simulator.google.listing import LONGEST_LISTING, TOKEN_LIFE
from opensense_okta.simulator.google.login import (
    AUDIENCE,
    GRANT_TYPE,
    PREFIX,
    READS,
    ServiceAccount,
)
from opensense_okta.simulator.google.server import (
    ADMINISTRATOR,
    CUSTOMER,
    ROOT,
    Simulator,
    default_service_account,
)
from opensense_okta.simulator.serving import running

Row = dict[str, Any]
Read = Callable[[str, str], list[Row]]


@pytest.fixture(scope="module")
def served(pickled_org: bytes) -> Iterator[Simulator]:
    org = pickle.loads(pickled_org)  # noqa: S301 - written by the fixture
    assert isinstance(org, Org)
    with running(Simulator(Account(org))) as simulator:
        yield simulator


@pytest.fixture
def google(served: Simulator) -> Simulator:
    """The simulator, with nothing wrong with it."""
    served.faults.clear()
    served.clock.skew = 0.0
    served.quota = Quota(Limits(), served.clock)
    served.api.only_units.clear()
    served.is_enabled = True
    known = default_service_account()
    served.login.service_accounts = {known.email: known}
    return served


def ask_token(google: Simulator, key: RSAKey | None = None, **changes: object) -> httpx.Response:
    """The token endpoint's answer to an assertion; the value None leaves a claim out."""
    known = next(iter(google.login.service_accounts.values()))
    now = int(google.clock.now())
    claims: dict[str, object] = {
        "iss": known.email,
        "sub": ADMINISTRATOR,
        "scope": " ".join(sorted(READS)),
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + 3600,
        **changes,
    }
    given = {name: value for name, value in claims.items() if value is not None}
    assertion = jwt.encode({"alg": "RS256", "kid": known.key_id}, given, key or known.key)
    form = {"grant_type": GRANT_TYPE, "assertion": assertion}
    return httpx.post(f"{google.url}/token", data=form)


@pytest.fixture
def api(google: Simulator) -> Iterator[httpx.Client]:
    with client_of(google) as client:
        yield client


def client_of(google: Simulator, **claims: str | None) -> httpx.Client:
    token = ask_token(google, None, **claims).raise_for_status().json()["access_token"]
    return httpx.Client(base_url=google.url + ROOT, headers={"Authorization": f"Bearer {token}"})


@pytest.fixture
def read(api: httpx.Client) -> Read:
    """Reads all pages of a listing."""

    def read_all(url: str, key: str) -> list[Row]:
        page = api.get(url).raise_for_status().json()
        rows: list[Row] = page.get(key, [])
        while token := page.get("nextPageToken"):
            page = api.get(url, params={**httpx.URL(url).params, "pageToken": token}).json()
            rows += page.get(key, [])
        return rows

    return read_all


def reason(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["error"]["errors"][0]["reason"]


# -- the schemas of the discovery document ----------------------------------------------------


def test_users_groups_and_members_fit_the_discovery_document(
    google: Simulator, read: Read, shared: Path
) -> None:
    document = json.loads((shared / "openapi" / "google-directory.json").read_text())
    schemas = as_json_schema(document)
    truth = google.account.truth()
    users = read("/users?customer=my_customer&projection=full&maxResults=50", "users")
    groups = read("/groups?customer=my_customer&maxResults=10", "groups")
    assert (users, groups) == (truth.users, truth.groups)
    members = [row for group in groups for row in read(f"/groups/{group['id']}/members", "members")]
    assert len(members) == len(truth.memberships) + len(truth.others)
    for rows, schema in ((users, "User"), (groups, "Group"), (members, "Member")):
        rule = {"$ref": f"#/schemas/{schema}", "schemas": schemas}
        validator = jsonschema.Draft7Validator(rule)
        for row in rows:
            validator.validate(row)


def as_json_schema(document: Row) -> Row:
    """The discovery document's schemas; `any` fields have the shapes of their entries."""
    schemas = {**document["schemas"], **document["entryShapes"]}
    for name, shape in document["anyFields"].items():
        entries = {"type": "array", "items": {"$ref": shape}}
        schemas["User"]["properties"][name] = entries

    def convert(node: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(node, list):
            return [convert(part) for part in node]
        if not isinstance(node, dict):
            return node
        made = {name: convert(part) for name, part in node.items() if name != "default"}
        if isinstance(made.get("$ref"), str):
            made["$ref"] = f"#/schemas/{made['$ref']}"
        if made.get("type") == "any":
            del made["type"]
        if "properties" in made and "additionalProperties" not in made:
            made["additionalProperties"] = False
        return made

    converted = convert(schemas)
    assert isinstance(converted, dict)
    return converted


def test_the_account_has_the_odd_users_groups_and_members_of_real_ones(google: Simulator) -> None:
    truth = google.account.truth()
    assert {(user["suspended"], user["archived"]) for user in truth.users} == {
        (False, False),
        (True, False),
        (False, True),
    }
    assert any(user.get("isGuestUser") for user in truth.users)
    assert any(user["name"]["familyName"] == "\u200b" for user in truth.users)
    assert any(not entry.get("primary") for user in truth.users for entry in orgs(user))
    assert any(len(orgs(user)) > 1 for user in truth.users)
    assert any("aliases" in user for user in truth.users)
    assert {kind for _, kind, _ in truth.others} == {"USER", "GROUP", "CUSTOMER", "EXTERNAL"}
    assert FOREIGN_GROUP in {id_ for _, _, id_ in truth.others}
    assert google.account.deleted_users
    assert not {user["id"] for user in google.account.deleted_users} & {
        user["id"] for user in truth.users
    }


def orgs(user: Row) -> list[Row]:
    found: list[Row] = user.get("organizations", [])
    return found


# -- the token endpoint -----------------------------------------------------------------------


def test_a_token_is_granted_for_an_hour_without_a_refresh_token(google: Simulator) -> None:
    answer = ask_token(google).raise_for_status().json()
    assert answer.keys() == {"access_token", "expires_in", "token_type"}
    assert (answer["expires_in"], answer["token_type"]) == (3599, "Bearer")


@pytest.mark.parametrize(
    ("claims", "account", "fixture", "status", "error"),
    [
        ({}, {"delegated": None}, "token_401_unauthorized_client", 401, "unauthorized_client"),
        (
            {},
            {"delegated": frozenset({f"{PREFIX}admin.directory.user.readonly"})},
            "token_403_access_denied",
            403,
            "access_denied",
        ),
        ({"sub": "nobody@acme.example"}, {}, "token_400_invalid_email", 400, "invalid_grant"),
        ({"iat": 1, "exp": 3601}, {}, "token_400_jwt_timeframe", 400, "invalid_grant"),
        ({"scope": f"{PREFIX}admin.directory"}, {}, "", 400, "invalid_scope"),
        ({"iss": "nobody@acme.example"}, {}, "", 400, "invalid_grant"),
        ({"aud": "https://elsewhere.example"}, {}, "", 400, "invalid_grant"),
    ],
)
def test_a_refused_token_is_as_recorded(
    google: Simulator,
    shared: Path,
    claims: Row,
    account: Row,
    fixture: str,
    status: int,
    error: str,
) -> None:
    known = ServiceAccount.with_key_of(default_service_account(), **account)
    google.login.service_accounts = {known.email: known}
    answer = ask_token(google, None, **claims)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    if fixture:
        recorded = json.loads((shared / f"fixtures/google/recorded/{fixture}.json").read_text())
        said = answer.json()["error_description"]
        assert recorded["response"]["status"] == status
        assert said.split(":")[0] == recorded["response"]["body"]["error_description"].split(":")[0]


def test_another_key_and_a_subject_who_cannot_sign_in_are_refused(google: Simulator) -> None:
    other = RSAKey.generate_key(2048)
    assert ask_token(google, other).json()["error_description"] == "Invalid JWT Signature."
    account = google.account
    new = account.add_user("new@acme.example", agreedToTerms=False, isAdmin=True)
    gone = account.add_user("gone@acme.example", suspended=True, isAdmin=True)
    assert ask_token(google, sub="new@acme.example").status_code == 403
    assert ask_token(google, sub="gone@acme.example").status_code == 400
    account.remove_user(new)
    account.remove_user(gone)


# -- who may read what ------------------------------------------------------------------------


def test_a_service_account_without_an_administrator_needs_a_role_and_the_customers_id(
    google: Simulator,
) -> None:
    known = default_service_account()
    with client_of(google, sub=None) as api:
        assert reason(api.get(f"/users?customer={CUSTOMER}")) == (403, "forbidden")
    with_role = ServiceAccount.with_key_of(known, has_role=True)
    google.login.service_accounts = {with_role.email: with_role}
    with client_of(google, sub=None) as api:
        assert reason(api.get("/users?customer=my_customer")) == (400, "invalid")
        assert api.get(f"/users?customer={CUSTOMER}").status_code == 200


def test_an_administrator_without_a_role_sees_nothing_and_a_limited_one_a_part(
    google: Simulator,
) -> None:
    plain = next(user for user in google.account.users if user["orgUnitPath"].startswith("/Staff"))
    with client_of(google, sub=plain["primaryEmail"]) as api:
        assert reason(api.get("/groups")) == (403, "forbidden")
    administrator = google.account.user_by_address(ADMINISTRATOR)
    assert administrator
    google.api.only_units[administrator["id"]] = "/Staff"
    with client_of(google) as api:
        users = api.get("/users?customer=my_customer&maxResults=500").json()["users"]
    assert users
    assert all(user["orgUnitPath"].startswith("/Staff") for user in users)


def test_a_scope_that_is_missing_is_named(google: Simulator) -> None:
    with client_of(google, scope=f"{PREFIX}admin.directory.user.readonly") as api:
        answer = api.get("/groups")
        assert reason(answer) == (403, "insufficientPermissions")
        assert "admin.directory.group.readonly" in answer.headers["www-authenticate"]


def test_an_api_that_is_not_enabled_says_so_as_recorded(
    google: Simulator, api: httpx.Client, shared: Path
) -> None:
    google.is_enabled = False
    path = shared / "fixtures/google/recorded/error_403_access_not_configured.json"
    recorded = json.loads(path.read_text())["response"]["body"]["error"]
    error = api.get("/groups").json()["error"]
    assert (error["message"], error["status"]) == (recorded["message"], recorded["status"])
    assert error["errors"][0]["domain"] == "usageLimits"


# -- listings ---------------------------------------------------------------------------------


def test_a_page_has_a_hundred_users_and_at_most_five_hundred(api: httpx.Client) -> None:
    assert len(api.get("/users?customer=my_customer").json()["users"]) == 100
    assert reason(api.get("/users?customer=my_customer&maxResults=501")) == (400, "invalid")
    assert reason(api.get("/users")) == (400, "badRequest")


def test_a_page_token_is_bound_to_its_parameters_and_ends_after_three_days(
    google: Simulator, api: httpx.Client
) -> None:
    url = "/users?customer=my_customer&maxResults=9"
    first = api.get(url).json()
    token = first["nextPageToken"]
    second = api.get(f"{url}&pageToken={token}").json()
    assert second["users"][0]["primaryEmail"] > first["users"][-1]["primaryEmail"]
    assert api.get(f"{url}&nextPageToken={token}").json()["users"] == first["users"]
    assert reason(api.get(f"{url}&pageToken=")) == (400, "invalid")
    assert reason(api.get(f"{url}&orderBy=email&pageToken={token}")) == (400, "invalid")
    google.clock.skew = LONGEST_LISTING + 60
    google.login.lifetime = TOKEN_LIFE * 9
    try:
        with client_of(google) as later:
            assert reason(later.get(f"{url}&pageToken={token}")) == (503, "backendError")
            google.clock.skew = TOKEN_LIFE + 60
            assert reason(later.get(f"{url}&pageToken={token}")) == (400, "invalid")
    finally:
        google.login.lifetime = 3599.0


def test_deleted_users_are_listed_alone_and_cannot_be_read(
    google: Simulator, api: httpx.Client, read: Read
) -> None:
    deleted = read("/users?customer=my_customer&showDeleted=true", "users")
    assert deleted == google.account.deleted_users
    assert reason(api.get(f"/users/{deleted[0]['id']}")) == (400, "badRequest")
    assert reason(api.get("/users/nobody@acme.example")) == (404, "notFound")


def test_fields_select_parts_and_an_unknown_one_is_refused(api: httpx.Client) -> None:
    url = "/users?customer=my_customer&maxResults=2&prettyPrint=false&fields="
    page = api.get(f"{url}nextPageToken,users(id,name/givenName,organizations(title))").json()
    assert page.keys() == {"nextPageToken", "users"}
    assert all(user.keys() <= {"id", "name", "organizations"} for user in page["users"])
    assert all(user["name"].keys() == {"givenName"} for user in page["users"])
    assert api.get(f"{url}users(id,shoeSize)").status_code == 400


def test_custom_schemas_come_with_the_full_projection_alone(read: Read) -> None:
    url = "/users?customer=my_customer&maxResults=500"
    assert not any("customSchemas" in user for user in read(url, "users"))
    full = read(f"{url}&projection=full", "users")
    assert any("pronouns" in user.get("customSchemas", {}).get("HR", {}) for user in full)


def test_an_empty_group_has_no_key_for_its_members_and_a_gone_one_is_a_404(
    google: Simulator, api: httpx.Client
) -> None:
    empty = next(group for group in google.account.groups if group["name"] == "Reserved")
    assert "members" not in api.get(f"/groups/{empty['id']}/members").json()
    answer = api.get(f"/groups/{FOREIGN_GROUP}/members")
    assert reason(answer) == (404, "notFound")


def test_answers_are_compressed_when_both_headers_ask_for_it(api: httpx.Client) -> None:
    plain = api.get("/groups", headers={"Accept-Encoding": "gzip"})
    packed = api.get("/groups", headers={"Accept-Encoding": "gzip", "User-Agent": "test (gzip)"})
    assert "content-encoding" not in plain.headers
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.json() == plain.json()


# -- limits and faults ------------------------------------------------------------------------


def test_queries_of_a_minute_and_at_once_are_limited_without_a_header(
    google: Simulator, api: httpx.Client
) -> None:
    google.quota.limits = Limits(per_minute=2)
    google.clock.skew = 120.0
    answers = [api.get("/groups") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 403]
    assert reason(answers[-1]) == (403, "rateLimitExceeded")
    assert not any("retry" in name or "limit" in name for name in answers[-1].headers)
    google.quota.limits = Limits(at_once=0)
    assert reason(api.get("/groups")) == (429, "rateLimitExceeded")


@pytest.mark.parametrize(
    ("name", "status"),
    [
        ("throttled", 403),
        ("crowded", 403),
        ("too-many", 429),
        ("throttled-plainly", 403),
        ("unavailable", 503),
        ("gateway-html", 502),
        ("not-enabled", 403),
    ],
)
def test_a_fault_strikes_once_or_for_ever(
    google: Simulator, api: httpx.Client, name: str, status: int
) -> None:
    google.faults.append(make_fault(name, times=1))
    assert [api.get("/groups").status_code for _ in range(2)] == [status, 200]


def test_pages_can_lose_rows_and_tokens_and_repeat_rows(
    google: Simulator, api: httpx.Client
) -> None:
    url = "/users?customer=my_customer&maxResults=9"
    google.faults.append(make_fault("lost-rows"))
    assert api.get(url).json().keys() == {"kind", "etag", "nextPageToken"}
    google.faults.append(make_fault("lost-token"))
    assert "nextPageToken" not in api.get(url).json()
    google.faults.append(make_fault("row-moves"))
    first = api.get(url).json()
    second = api.get(f"{url}&pageToken={first['nextPageToken']}").json()
    assert second["users"][0] == first["users"][-1]
