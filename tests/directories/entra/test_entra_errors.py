"""What answers of Microsoft Graph and its sign-in service mean, against what they really send."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import time_machine

from opensense_okta.directories import errors
from opensense_okta.directories.entra import errors as entra_errors
from opensense_okta.directories.entra import token_errors as entra_token_errors
from opensense_okta.directories.entra.records import read_members, read_page
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.http.client import Answer
from tests.support.replay import Reply, recording
from tests.support.tenant import refusal, reply

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
GRAPH = "https://graph.microsoft.com"
TRANSIENT, STAYS = True, False
HTML = ("content-type", "text/html; charset=utf-8")


def answer(given: Reply, url: str = f"{GRAPH}/v1.0/users") -> Answer:
    return Answer(url, given.status, httpx.Headers(given.headers), given.body, {})


def recorded(shared: Path, name: str) -> Answer:
    """A recorded or documented answer."""
    (path,) = (shared / "fixtures" / "entra").glob(f"*/{name}.json")
    exchange = recording(path)
    headers = tuple((name, str(value)) for name, value in exchange.headers.items())
    return answer(Reply(exchange.status, exchange.reply(GRAPH).body, headers), exchange.url)


def refused(shared: Path, name: str) -> DirectoryError:
    """The error that a recorded refusal of the token endpoint means."""
    given = recorded(shared, name)
    body = recording(next((shared / "fixtures" / "entra").glob(f"*/{name}.json"))).body
    return entra_token_errors.token_error(given, body["error"], body["error_description"])


@pytest.mark.parametrize(
    ("name", "kind", "transient", "what", "remedy"),
    [
        ("graph_400_badrequest", errors.RequestRefused, STAYS, "400 BadRequest", "`attributes`"),
        ("graph_401_identity_not_found", errors.AccessDenied, STAYS, "consent", "Grant admin"),
        (
            "graph_401_invalid_token_compact",
            errors.CredentialsRejected,
            STAYS,
            "token",
            "`client_id`",
        ),
        (
            "graph_401_invalid_token_idx14100",
            errors.CredentialsRejected,
            STAYS,
            "token",
            "`tenant_id`",
        ),
        ("graph_403_request_denied", errors.AccessDenied, STAYS, "permission", "User.Read.All"),
        ("graph_403_reports_license", errors.AccessDenied, STAYS, "premium", "P1"),
        (
            "paging_400_expired_page_token",
            errors.CursorLost,
            TRANSIENT,
            "lost the place",
            "If it continues for an hour",
        ),
        ("throttled_429_directory", errors.RateLimited, TRANSIENT, "budget", "a budget of its own"),
        ("throttled_429_documented", errors.RateLimited, TRANSIENT, "budget", "an app of its own"),
        ("service_503_unavailable", errors.ServerTrouble, TRANSIENT, "trouble", "status.cloud"),
        ("gateway_504", errors.ServerTrouble, TRANSIENT, "504", "If it continues for an hour"),
        ("users_501_not_in_collection", errors.RequestRefused, STAYS, "property", "`attributes`"),
    ],
)
def test_what_graph_really_sends_is_understood(
    shared: Path, name: str, kind: type, transient: bool, what: str, remedy: str
) -> None:
    error = entra_errors.error(recorded(shared, name))
    assert error is not None
    assert (type(error), error.transient) == (kind, transient)
    assert what in error.message
    assert remedy in error.remedy
    assert error.message.endswith(").")


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (refusal(401, "SomethingNew"), errors.CredentialsRejected),
        (refusal(403, ""), errors.AccessDenied),
        (refusal(404, "Request_ResourceNotFound"), errors.Gone),
        (Reply(404), errors.WrongAddress),
        (Reply(200, b"<html>", (HTML,)), errors.WrongAddress),
        (Reply(403, b"<html>", (HTML,)), errors.WrongAddress),
        (Reply(502, b"<html>", (HTML,)), errors.ServerTrouble),
        (Reply(502, b""), errors.ServerTrouble),
        (Reply(509, b"{"), errors.ServerTrouble),
        (refusal(410, "syncStateNotFound"), errors.CursorLost),
        (refusal(400, "Request_UnsupportedQuery"), errors.RequestRefused),
        (reply({"error": "text"}, 400), errors.RequestRefused),
        (reply({"error": {"code": None}}, 400), errors.RequestRefused),
    ],
)
def test_what_else_may_come_is_understood(given: Reply, kind: type) -> None:
    assert type(entra_errors.error(answer(given))) is kind


def test_a_page_token_that_is_not_understood_is_a_lost_place() -> None:
    url = f"{GRAPH}/v1.0/users?$skiptoken=x"
    error = entra_errors.error(answer(refusal(400, "Request_UnsupportedQuery"), url))
    assert type(error) is errors.CursorLost


@pytest.mark.parametrize(
    ("text", "seconds"), [("2.128", 2.128), ("0", 0), ("120", 120), (None, 10), ("soon", 10)]
)
def test_a_429_says_when_to_come_back(text: str | None, seconds: float) -> None:
    headers = (("retry-after", text),) if text else ()
    with time_machine.travel(NOON, tick=False):
        error = entra_errors.error(answer(refusal(429, "TooManyRequests", *headers)))
    assert error is not None
    assert error.retry_at == NOON + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("name", "kind", "what", "remedy"),
    [
        (
            "token_7000215_invalid_secret",
            errors.CredentialsRejected,
            "secret's ID",
            "not its Secret ID",
        ),
        ("token_401_expired_secret", errors.CredentialsRejected, "expired", "create a client"),
        ("token_700016_unknown_app", errors.CredentialsRejected, "know the app", "`client_id`"),
        ("token_90002_unknown_tenant_guid", errors.WrongAddress, "the tenant", "`cloud`"),
        ("token_90002_unknown_tenant_name", errors.WrongAddress, "the tenant", "`tenant_id`"),
        ("token_900023_bad_tenant_identifier", errors.WrongAddress, "the tenant", "`tenant_id`"),
        ("token_400_invalid_scope", errors.WrongAddress, "cloud", "`cloud`"),
    ],
)
def test_refusals_of_a_token_are_understood(
    shared: Path, name: str, kind: type, what: str, remedy: str
) -> None:
    error = refused(shared, name)
    assert (type(error), error.transient) == (kind, False)
    assert what in error.message
    assert remedy in error.remedy
    assert "\n" not in error.message
    assert error.message.count("race") == 1  # named once, for Microsoft's support


@pytest.mark.parametrize(
    ("number", "kind", "transient", "remedy"),
    [
        (7000222, errors.CredentialsRejected, STAYS, "client secret"),
        (700027, errors.CredentialsRejected, STAYS, "thumbprint"),
        (700024, errors.CredentialsRejected, STAYS, "clock"),
        (500011, errors.WrongAddress, STAYS, "`cloud`"),
        (70011, errors.WrongAddress, STAYS, "`cloud`"),
        (9001023, errors.WrongAddress, STAYS, "`tenant_id`"),
        (90038, errors.WrongAddress, STAYS, "`cloud`"),
        (900382, errors.WrongAddress, STAYS, "`cloud`"),
        (900432, errors.WrongAddress, STAYS, "`cloud`"),
        (7000112, errors.AccessDenied, STAYS, "administrator"),
        (53003, errors.AccessDenied, STAYS, "Conditional Access"),
        (90033, errors.ServerTrouble, TRANSIENT, "If it continues for an hour"),
        (90006, errors.ServerTrouble, TRANSIENT, "If it continues for an hour"),
        (90024, errors.ServerTrouble, TRANSIENT, "If it continues for an hour"),
        (90055, errors.ServerTrouble, TRANSIENT, "If it continues for an hour"),
        (99999, errors.CredentialsRejected, STAYS, "`client_id`"),
    ],
)
def test_every_number_has_its_remedy(number: int, kind: type, transient: bool, remedy: str) -> None:
    given = answer(reply({"error": "invalid_request", "error_codes": [number]}, 400))
    error = entra_token_errors.token_error(given, "invalid_request", f"AADSTS{number}: Words.")
    assert (type(error), error.transient) == (kind, transient)
    assert remedy in error.remedy
    assert f"AADSTS{number}: Words" in error.message


@pytest.mark.parametrize(
    ("given", "code", "kind"),
    [
        (Reply(200, b"<html>" * 9, (HTML,)), "", errors.WrongAddress),
        (Reply(404, b"<html>", (HTML,)), "", errors.WrongAddress),
        (Reply(200, b"{}"), "", errors.ServerTrouble),
        (Reply(404, b""), "", errors.WrongAddress),
        (Reply(503, b"<html>", (HTML,)), "", errors.ServerTrouble),
        (Reply(429, b""), "", errors.RateLimited),
        (reply({"error": "invalid_client"}, 401), "invalid_client", errors.CredentialsRejected),
        (
            reply({"error": "temporarily_unavailable"}, 400),
            "temporarily_unavailable",
            errors.ServerTrouble,
        ),
    ],
)
def test_what_is_no_refusal_of_a_token_is_understood(given: Reply, code: str, kind: type) -> None:
    error = entra_token_errors.token_error(answer(given), code, "")
    assert type(error) is kind
    assert error.remedy


@pytest.mark.parametrize(
    "name", ["users_select_38_users", "groups_list_2024", "users_list_default"]
)
def test_recorded_listings_are_records_as_they_came(shared: Path, name: str) -> None:
    given = recorded(shared, name)
    assert entra_errors.error(given) is None
    records = read_page(given)
    assert len(records.ids) == len(set(records.ids)) > 0
    assert (len(records.rows), records.set_aside) == (len(records.ids), 0)


@pytest.mark.parametrize(
    ("name", "users", "others"),
    [
        ("group_members_empty", 0, []),
        ("group_members_users", None, []),
        ("group_members_mixed_user_group", 2, ["group"]),
        ("members_limited_information", 1, ["group", "device"]),
    ],
)
def test_recorded_members_are_told_apart(
    shared: Path, name: str, users: int | None, others: list[str]
) -> None:
    ids = read_members(recorded(shared, name)).ids
    plain = [one for one in ids if "/" not in one]
    assert len(plain) == (len(ids) if users is None else users)
    assert [one.partition("/")[0] for one in ids if "/" in one] == others
