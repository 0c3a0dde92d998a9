"""What answers of Google's token endpoint and Directory API mean, against what they really send."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from opensense_okta.directories import errors
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.google import errors as google_errors
from opensense_okta.directories.google.errors import UnknownCustomer
from opensense_okta.directories.google.records import (
    following,
    read_groups,
    read_members,
    read_users,
)
from opensense_okta.directories.google.service_account import read_service_account
from opensense_okta.directories.google.token_errors import NotDelegated, token_error
from opensense_okta.directories.http.client import Answer
from opensense_okta.simulator.google.server import default_service_account
from tests.support.reads import failure

AT_HOME = "http://127.0.0.1:1"
ROOT = "https://admin.googleapis.com/admin/directory/v1"
USERS = f"{ROOT}/users?customer=my_customer"
MEMBERS = f"{ROOT}/groups/01abc/members?maxResults=200"
TRANSIENT, STAYS = True, False
HTML = "text/html; charset=utf-8"
JSON = "application/json; charset=UTF-8"


def answer(status: int, body: object, url: str = USERS, kind: str = JSON) -> Answer:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(url, status, httpx.Headers({"content-type": kind}), content, {})


def fixture(shared: Path, name: str) -> dict[str, Any]:
    """A recorded or documented exchange."""
    (path,) = (shared / "fixtures" / "google").glob(f"*/{name}.json")
    exchange: dict[str, Any] = json.loads(path.read_text())
    return exchange


def given(shared: Path, name: str) -> Answer:
    exchange = fixture(shared, name)
    response = exchange["response"]
    return answer(response["status"], response["body"], exchange["request"]["url"])


def refusal(status: int, reason: str, message: str = "Words.") -> dict[str, Any]:
    return {"error": {"code": status, "message": message, "errors": [{"reason": reason}]}}


def invalid(what: str) -> dict[str, Any]:
    return refusal(400, "invalid", f"Invalid Input: {what}")


def detailed(reason: str) -> dict[str, Any]:
    """A refusal of the newer form: its exact reason is in the details."""
    details: list[dict[str, object]] = [{"links": []}, {"reason": reason}]
    said = {"code": 403, "message": "Words.", "errors": [{"reason": "forbidden"}]}
    return {"error": {**said, "details": details}}


@pytest.mark.parametrize(
    ("name", "kind", "transient", "what", "remedy"),
    [
        ("error_400_invalid_input_no_subject", UnknownCustomer, STAYS, "customer", "Profile"),
        ("error_401_invalid_credentials", errors.CredentialsRejected, STAYS, "token", "clock"),
        ("error_403_access_not_configured", errors.AccessDenied, STAYS, "project=123", "Enable"),
        ("error_403_forbidden", errors.AccessDenied, STAYS, "a role is missing", "Users > Read"),
        ("error_403_insufficient_scope", errors.AccessDenied, STAYS, "scope", "group.readonly"),
        ("error_403_quota_exceeded", errors.RateLimited, TRANSIENT, "quota", "Quotas"),
        ("error_403_rate_limit_quota_metric", errors.RateLimited, TRANSIENT, "quota", "Quotas"),
        ("error_403_user_rate_limit", errors.RateLimited, TRANSIENT, "quota", "Quotas"),
        ("error_404_group_not_found", errors.Gone, STAYS, "no longer exists", "report it"),
        ("error_429_rate_limit", errors.RateLimited, TRANSIENT, "429", "requests_per_second"),
        ("error_503_backend_error", errors.ServerTrouble, TRANSIENT, "trouble", "appsstatus"),
    ],
)
def test_what_the_api_really_sends_is_understood(
    shared: Path, name: str, kind: type, transient: bool, what: str, remedy: str
) -> None:
    error = google_errors.error(given(shared, name))
    assert error is not None
    assert (type(error), error.transient) == (kind, transient)
    assert what in error.message
    assert remedy in error.remedy
    assert google_errors.busy(given(shared, name)) == (kind is errors.RateLimited)


@pytest.mark.parametrize(
    ("status", "body", "url", "content_type", "kind"),
    [
        (400, refusal(400, "invalid"), f"{USERS}&pageToken=x", JSON, errors.CursorLost),
        (400, refusal(400, "badRequest"), USERS, JSON, UnknownCustomer),
        (400, refusal(400, "invalid", "Invalid Input"), USERS, JSON, UnknownCustomer),
        (400, invalid("INVALID_OU_ID"), USERS, JSON, errors.RequestRefused),
        (400, invalid("custom_schema"), USERS, JSON, errors.RequestRefused),
        (400, invalid("groupKey"), MEMBERS, JSON, errors.RequestRefused),
        (400, invalid("memberKey"), MEMBERS, JSON, errors.RequestRefused),
        (400, refusal(400, "invalid"), MEMBERS, JSON, errors.RequestRefused),
        (400, refusal(400, "invalidParameter"), USERS, JSON, errors.RequestRefused),
        (400, refusal(400, "failedPrecondition"), USERS, JSON, errors.AccessDenied),
        (403, refusal(403, "domainCannotUseApis"), USERS, JSON, errors.AccessDenied),
        (403, refusal(403, "somethingNew"), USERS, JSON, errors.AccessDenied),
        (403, b"Request rate higher than configured.", USERS, "text/plain", errors.RateLimited),
        (403, b"<html>Invalid domain.</html>", USERS, HTML, errors.WrongAddress),
        (404, refusal(404, "notFound"), USERS, JSON, UnknownCustomer),
        (404, b"<html>", MEMBERS, HTML, errors.WrongAddress),
        (404, b"Not Found", MEMBERS, "text/plain", errors.WrongAddress),
        (404, {"message": "no Route matched"}, MEMBERS, JSON, errors.WrongAddress),
        (404, refusal(404, "customerNotFound"), MEMBERS, JSON, UnknownCustomer),
        (404, refusal(404, "notFound"), MEMBERS, JSON, errors.Gone),
        (408, b"<html>", USERS, HTML, errors.ServerTrouble),
        (429, b"<html>", USERS, HTML, errors.RateLimited),
        (403, b"<html>User Rate Limit Exceeded</html>", USERS, HTML, errors.RateLimited),
        (403, b"User Rate Limit Exceeded", USERS, "text/plain", errors.RateLimited),
        (403, detailed("RATE_LIMIT_EXCEEDED"), USERS, JSON, errors.RateLimited),
        (410, b"", MEMBERS, JSON, errors.WrongAddress),
        (410, refusal(410, "deleted"), MEMBERS, JSON, errors.WrongAddress),
        (410, refusal(410, "notFound"), MEMBERS, JSON, errors.Gone),
        (410, b"", USERS, JSON, UnknownCustomer),
        (200, b"<html>", USERS, HTML, errors.WrongAddress),
        (500, refusal(500, "internalError"), USERS, JSON, errors.ServerTrouble),
        (502, b"<html>", USERS, HTML, errors.ServerTrouble),
        (503, b"Quota exceeded for the current request", USERS, "text/plain", errors.ServerTrouble),
        (504, b"", USERS, JSON, errors.ServerTrouble),
        (400, {"error": "text"}, USERS, JSON, errors.RequestRefused),
        (403, {"error": {"errors": [None]}}, USERS, JSON, errors.AccessDenied),
    ],
)
def test_what_else_may_come_is_understood(
    status: int, body: object, url: str, content_type: str, kind: type
) -> None:
    assert type(google_errors.error(answer(status, body, url, content_type))) is kind


@pytest.mark.parametrize(
    ("reason", "what"),
    [
        ("SERVICE_DISABLED", "not enabled"),
        ("ACCESS_TOKEN_SCOPE_INSUFFICIENT", "lacks a scope"),
        ("SOMETHING_NEW", "a role is missing"),
    ],
)
def test_the_reason_in_the_details_decides(reason: str, what: str) -> None:
    error = google_errors.error(answer(403, detailed(reason)))
    assert type(error) is errors.AccessDenied
    assert what in error.message


def test_the_scope_that_is_needed_is_named() -> None:
    challenge = (
        'Bearer realm="https://x/", error=insufficient_scope, scope="https://x/auth/a.readonly"'
    )
    headers = httpx.Headers({"content-type": JSON, "www-authenticate": challenge})
    body = json.dumps(refusal(403, "insufficientPermissions")).encode()
    error = google_errors.error(Answer(USERS, 403, headers, body, {}))
    assert type(error) is errors.AccessDenied
    assert "needed: https://x/auth/a.readonly" in error.message


def refused(shared: Path, name: str) -> DirectoryError:
    body = fixture(shared, name)["response"]["body"]
    return token_error(given(shared, name), body["error"], body["error_description"])


@pytest.mark.parametrize(
    ("name", "kind", "what", "remedy"),
    [
        ("token_401_unauthorized_client", NotDelegated, "delegation", "Domain Wide Delegation"),
        ("token_403_access_denied", NotDelegated, "lacks a scope", "signed in once"),
        ("token_400_invalid_email", errors.CredentialsRejected, "administrator", "primary address"),
        ("token_400_jwt_timeframe", errors.CredentialsRejected, "clock", "chrony"),
        ("token_400_jwt_signature", errors.CredentialsRejected, "key", "Add key"),
    ],
)
def test_what_the_token_endpoint_really_sends_is_understood(
    shared: Path, name: str, kind: type, what: str, remedy: str
) -> None:
    error = refused(shared, name)
    assert (type(error), error.transient) == (kind, STAYS)
    assert what in error.message
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("code", "description", "kind", "what"),
    [
        ("access_denied", "Account restricted", errors.CredentialsRejected, "disabled"),
        ("invalid_grant", "Failed audience check.", errors.RequestRefused, "another address"),
        ("invalid_request", "Failed audience check", errors.RequestRefused, "another address"),
        ("access_denied", "Failed audience check", errors.RequestRefused, "another address"),
        (
            "invalid_request",
            "Missing parameter: assertion",
            errors.RequestRefused,
            "misses a part",
        ),
        (
            "invalid_request",
            'Invalid impersonation "sub" field.',
            errors.CredentialsRejected,
            "administrator",
        ),
    ],
)
def test_causes_of_one_code_are_distinguished_by_the_description(
    code: str, description: str, kind: type, what: str
) -> None:
    error = token_error(answer(400, {}), code, description)
    assert type(error) is kind
    assert what in error.message
    assert error.remedy


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": 108877665544332211009, "private_key_id": None},
        {"client_id": None, "universe_domain": ["googleapis.com"]},
        {"client_id": ""},
    ],
)
def test_a_key_file_is_read_whatever_it_does_not_need(changes: dict[str, Any]) -> None:
    written = json.loads(default_service_account().key_file(AT_HOME)) | changes
    account = read_service_account(json.dumps(written), AT_HOME)
    assert account.email == written["client_email"]
    assert account.key.kid == written["private_key_id"]


def test_line_breaks_of_a_key_may_be_escaped_twice() -> None:
    plain = default_service_account().key_file(AT_HOME)
    twice = plain.replace("\\n", "\\\\n")
    assert twice != plain
    keys = [read_service_account(text, AT_HOME).key.public() for text in (plain, twice)]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("status", "code", "description", "kind"),
    [
        (400, "invalid_grant", "Not a valid email.", errors.CredentialsRejected),
        (400, "invalid_grant", "Invalid grant: account not found", errors.CredentialsRejected),
        (401, "deleted_client", "The OAuth client was deleted.", errors.CredentialsRejected),
        (400, "invalid_scope", "Invalid OAuth scope", errors.RequestRefused),
        (400, "something_new", "", errors.CredentialsRejected),
        (400, "internal_failure", "Backend Error", errors.ServerTrouble),
        (400, "invalid_grant", "server_error", errors.ServerTrouble),
        (408, "", "", errors.ServerTrouble),
        (502, "", "", errors.ServerTrouble),
        (429, "", "", errors.RateLimited),
        (404, "", "", errors.WrongAddress),
    ],
)
def test_what_else_may_come_of_the_token_endpoint_is_understood(
    status: int, code: str, description: str, kind: type
) -> None:
    assert type(token_error(answer(status, {}), code, description)) is kind


# -- pages ------------------------------------------------------------------------------------


def test_documented_pages_are_read_and_lead_to_the_next(shared: Path) -> None:
    page = given(shared, "users_list_page1")
    users = read_users(page)
    assert users.set_aside == 2  # the guide has words in place of ids
    following_url = following(page, users)
    assert following_url
    assert following_url.startswith(f"{page.url}&pageToken=")
    second = answer(200, {"users": [{"id": "1"}], "nextPageToken": "a/b+c="}, following_url)
    assert following(second, users) == f"{page.url}&pageToken=a%2Fb%2Bc%3D"
    for end in ({"users": [{"id": "1"}]}, {"users": [{"id": "1"}], "nextPageToken": ""}):
        assert following(answer(200, end), users) is None


def test_members_are_named_by_their_type_whatever_they_lack(shared: Path) -> None:
    assert read_members(given(shared, "members_customer")).ids == ["customer/C03az79cb"]
    assert len(read_members(given(shared, "members_without_email")).ids) == 3
    nested = read_members(given(shared, "members_direct_nested_groups")).ids
    assert any(name.startswith("group/") for name in nested)
    odd = {
        "members": [
            {"id": "1", "type": "user"},
            {"id": "2"},
            {"type": "USER"},
            {"id": "3", "type": 4},
        ]
    }
    records = read_members(answer(200, odd, MEMBERS))
    assert (records.ids, records.set_aside) == (["1", "/2", "/3"], 1)
    many = {"members": [{"id": str(n), "type": "EXTERNAL" if n % 2 else "USER"} for n in range(40)]}
    assert read_members(answer(200, many, MEMBERS)).ids[:3] == ["0", "external/1", "2"]


def test_a_missing_list_is_empty_for_groups_and_members_of_a_first_page_alone(shared: Path) -> None:
    assert read_groups(given(shared, "empty_groups")).ids == []
    assert read_members(answer(200, {"kind": "x"}, MEMBERS)).ids == []
    for read in (read_groups, read_members):
        later = answer(200, {"kind": "x"}, f"{MEMBERS}&pageToken=x")
        assert type(failure(partial(read, later))) is errors.ServerTrouble
    bodies: list[dict[str, object]] = [{"kind": "x"}, {"users": []}]
    for body in bodies:
        error = failure(partial(read_users, answer(200, body)))
        assert (type(error), error.transient) == (errors.IncompleteListing, TRANSIENT)


@pytest.mark.parametrize("body", [b"[]", b'{"users":[', b'{"users":"x"}', b'{"nextPageToken":7}'])
def test_what_is_no_page_is_an_error(body: bytes) -> None:
    given = answer(200, body)

    def read() -> object:
        return following(given, read_users(given))

    assert isinstance(failure(read), errors.ServerTrouble | errors.IncompleteListing)
