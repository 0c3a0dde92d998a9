"""The simulator's answers, compared with Okta's published schemas and with recorded answers.

Where Okta's own answers differ from its schemas, the simulator follows the answers;
`DIFFERENCES` lists those places.
"""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.faults import make_fault
from opensense_okta.simulator.okta.oauth import Client
from opensense_okta.simulator.okta.server import Simulator

Schemas = dict[str, Any]
Validate = Callable[[object, str], None]

DIFFERENCES: dict[tuple[str, str], dict[str, Any]] = {
    ("OktaUserGroupProfile", "description"): {"type": ["string", "null"]},
    ("TokenResponse", "token_type"): {"enum": ["Bearer", "DPoP"]},
}
"""Schema and property, and the type that Okta really sends."""


def nullable_as_json_schema(node: object) -> object:
    """JSON Schema does not have OpenAPI 3.0's `nullable`."""
    if isinstance(node, list):
        return [nullable_as_json_schema(item) for item in node]
    if not isinstance(node, dict):
        return node
    schema: Schemas = {name: nullable_as_json_schema(value) for name, value in node.items()}
    if schema.pop("nullable", False) is True and "type" in schema:
        schema["type"] = [schema["type"], "null"]
        if "enum" in schema:
            schema["enum"] = [*schema["enum"], None]
    return schema


@pytest.fixture(scope="module")
def schemas(shared: Path) -> Schemas:
    text = (shared / "openapi" / "okta-directory-read.subset.noexamples.json").read_text()
    components = nullable_as_json_schema(json.loads(text)["components"])
    assert isinstance(components, dict)
    for (schema, name), truth in DIFFERENCES.items():
        components["schemas"][schema]["properties"][name] = truth
    return components


@pytest.fixture(scope="module")
def validate(schemas: Schemas) -> Validate:
    def check(content: object, schema: str) -> None:
        rule = {"$ref": f"#/components/schemas/{schema}", "components": schemas}
        jsonschema.Draft7Validator(rule).validate(content)

    return check


def test_users_and_groups_match_the_schemas(
    api: httpx.Client, org: Org, validate: Validate
) -> None:
    for user in api.get('/api/v1/users?filter=lastUpdated gt "1970-01-01T00:00:00.000Z"').json():
        validate(user, "User")
    for user in api.get(f"/api/v1/groups/{org.everyone}/users").json():
        validate(user, "User")
    for user_id in org.user_ids[:20]:
        validate(api.get(f"/api/v1/users/{user_id}").json(), "UserGetSingleton")
    for group in api.get("/api/v1/groups?expand=stats").json():
        validate(group, "Group")
        validate(api.get(f"/api/v1/groups/{group['id']}").json(), "Group")


def test_the_schemas_refuse_a_wrong_user(org: Org, validate: Validate) -> None:
    user = org.truth().users[0]
    for wrong in ({"status": "HAPPY"}, {"profile": {"login": 7}}, {"created": None}):
        with pytest.raises(jsonschema.ValidationError):
            validate(user | wrong, "User")


def test_groups_from_active_directory_have_its_profile(org: Org, validate: Validate) -> None:
    imported = [group for group in org.truth().groups if group["type"] == "APP_GROUP"]
    for group in imported:
        validate(group["profile"], "OktaActiveDirectoryGroupProfile")
    assert imported


@pytest.mark.parametrize(
    "url",
    [
        "/api/v1/users/00uGone",
        "/api/v1/users?after=x",
        "/api/v1/users?filter=x",
        "/api/v1/userz",
    ],
)
def test_errors_match_the_schemas(api: httpx.Client, validate: Validate, url: str) -> None:
    validate(api.get(url).json(), "Error")


def test_injected_errors_match_the_schemas(
    okta: Simulator, api: httpx.Client, validate: Validate
) -> None:
    okta.faults += [make_fault("rate-limited"), make_fault("server-error", after=1)]
    assert api.get("/api/v1/users").status_code == 429
    response = api.get("/api/v1/users")
    assert response.status_code == 500
    validate(response.json(), "Error")


def test_token_errors_match_the_schemas(okta: Simulator, validate: Validate) -> None:
    okta.access.endpoint.clients["app"] = Client("app", ())
    response = httpx.post(f"{okta.url}/oauth2/v1/token", data={"grant_type": "password"})
    validate(response.json(), "OAuthError")


def test_the_changes_of_many_days_match_the_schemas(org: Org, validate: Validate) -> None:
    org.advance(org.day.replace(month=12, day=31))
    truth = org.truth()
    for user in truth.users:
        validate(user, "User")
    for group in truth.groups:
        validate(group, "Group")


# -- recordings --------------------------------------------------------------------------------


def recordings(shared: Path, pattern: str) -> Iterator[dict[str, Any]]:
    for path in sorted((shared / "fixtures" / "okta").glob("*.json")):
        exchange = json.loads(path.read_text())
        if re.search(pattern, f"{exchange['request']['method']} {exchange['request']['url']}"):
            yield exchange


def rows(exchange: dict[str, Any]) -> list[dict[str, Any]]:
    body = exchange["response"]["body"]
    return body if isinstance(body, list) else [body]


def test_users_have_the_keys_of_recorded_users_in_their_order(shared: Path, org: Org) -> None:
    recorded = [
        row
        for exchange in recordings(shared, r"/api/v1/users(\?|$)|/groups/[^/]+/users(\?|$)")
        if exchange["recorded"] > "2020" and exchange["response"]["status"] == 200
        for row in rows(exchange)
        if "realmId" not in row and "transitioningToStatus" not in row
    ]
    assert len(recorded) > 10
    shapes = {tuple(user) for user in recorded}
    settled = [user for user in org.truth().users if "transitioningToStatus" not in user]
    assert {tuple(user) for user in settled} == shapes
    for user in settled:
        assert tuple(user["_links"]) == ("self",)
        assert tuple(user["type"]) == ("id",)
    always = set.intersection(*(set(user["profile"]) for user in recorded))
    assert all(always <= set(user["profile"]) for user in settled)
    shown = {key for user in recorded for key in user["credentials"]}
    assert {key for user in settled for key in user["credentials"]} <= shown


def test_groups_have_the_keys_of_recorded_groups_in_their_order(shared: Path, org: Org) -> None:
    recorded = [
        row
        for exchange in recordings(shared, r"GET [^ ]+/groups(\?|/[^/]+$|$)")
        if exchange["response"]["status"] == 200
        for row in rows(exchange)
        if "objectClass" in row
    ]
    assert len(recorded) > 10
    shapes = {(tuple(group), frozenset(group["_links"])) for group in recorded}
    own = [group for group in org.truth().groups if group["type"] != "APP_GROUP"]
    assert {(tuple(group), frozenset(group["_links"])) for group in own} == shapes
    assert {tuple(group["profile"]) for group in own} <= {tuple(g["profile"]) for g in recorded}


@pytest.mark.parametrize(
    ("recording", "call"),
    [
        ("048", "/api/v1/users/00usfhrjbkppPBkoY4x6"),
        ("065", "/api/v1/groups/00gsfck5wNqOPYMfS4x6"),
        ("101", "/api/v1/users?after=00u1testcursorvalue&limit=1"),
    ],
)
def test_errors_are_as_recorded(shared: Path, api: httpx.Client, recording: str, call: str) -> None:
    [path] = (shared / "fixtures" / "okta").glob(f"{recording}-*.json")
    expected = json.loads(path.read_text())["response"]
    response = api.get(call)
    assert response.status_code == expected["status"]
    assert response.json() | {"errorId": ""} == expected["body"] | {"errorId": ""}


def test_headers_are_as_recorded(shared: Path, api: httpx.Client) -> None:
    [path] = (shared / "fixtures" / "okta").glob("020-*.json")
    expected = json.loads(path.read_text())["response"]["headers"]
    connection = {"connection", "content-encoding", "transfer-encoding", "vary"}
    response = api.get("/api/v1/users?limit=1")
    assert set(expected) - connection <= set(response.headers)
    assert response.headers["content-type"] == "application/json"
    assert len(response.headers.get_list("link")) == len(expected["link"]) == 2
