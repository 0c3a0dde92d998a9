"""The errors of docs/okta-api.md, "Errors", over HTTP: their type, whether they are transient, the remedy."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opensense_okta.directories import errors
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.http.client import TRIES
from opensense_okta.simulator.okta.server import TOKEN
from tests.support.reads import failure, read
from tests.support.replay import Peer, Reply, recording, serving

Errors = tuple[type[DirectoryError], bool, str]

# What the person who must act is told: a part of each remedy that names the thing to do.
RENEW: Errors = (errors.CredentialsRejected, False, "create a token as a Read-Only Administrator")
GRANT: Errors = (errors.AccessDenied, False, "the Read-Only Administrator role")
ADDRESS: Errors = (errors.WrongAddress, False, "Check `endpoint` in the organization file")
PROOF: Errors = (errors.CredentialsRejected, False, "clock")
UPDATE: Errors = (errors.RequestRefused, False, "Update opensense_okta")
GONE: Errors = (errors.Gone, False, "report it")
SESSION: Errors = (errors.SessionLost, True, "create a token")
CURSOR: Errors = (errors.CursorLost, True, "If it continues")
TROUBLE: Errors = (errors.ServerTrouble, True, "If it continues")
LIMITED: Errors = (errors.RateLimited, True, "lower `rate_limit_share`")
CROWDED: Errors = (errors.RateLimited, True, "If it ")

HTML = (("content-type", "text/html; charset=UTF-8"),)
PAGE = b"<html><head><title>Okta - Sign In</title></head></html>"


def said(status: int, code: str, summary: str, cause: str = "") -> Reply:
    """An error as Okta words it."""
    body = {
        "errorCode": code,
        "errorSummary": summary,
        "errorLink": code,
        "errorId": "oaeTest",
        "errorCauses": [{"errorSummary": cause}] if cause else [],
    }
    headers = (("content-type", "application/json"), ("x-okta-request-id", "request-4711"))
    return Reply(status, json.dumps(body).encode(), headers)


def empty(status: int, challenge: str = "") -> Reply:
    return Reply(status, b"", (("www-authenticate", challenge),) if challenge else ())


INVALID_PROOF = (
    'DPoP algs="RS256", error="invalid_dpop_proof", error_description="The DPoP proof JWT'
)
LIMITS = (("x-rate-limit-limit", "600"), ("x-rate-limit-remaining", "0"))

TABLE: list[tuple[Reply, Errors]] = [
    (said(400, "E0000001", "Api validation failed: limit", "limit: too large"), UPDATE),
    (said(400, "E0000003", "The request body was not well-formed."), UPDATE),
    (said(400, "E0000028", "The request is missing a required parameter."), UPDATE),
    (said(400, "E0000029", "Invalid paging request.", "Invalid cursor."), CURSOR),
    (said(400, "E0000031", "Invalid search criteria.", "Invalid cursor."), CURSOR),
    (said(400, "E0000031", "Invalid search criteria."), UPDATE),
    (said(400, "E0000033", "Can't specify a search query and filter in the same request."), UPDATE),
    (said(400, "E0000054", "Invalid attribute for filter."), UPDATE),
    (empty(400, INVALID_PROOF + ' has already been used."'), PROOF),
    (empty(400, INVALID_PROOF + ' is issued more than five minutes in the past."'), PROOF),
    (
        empty(400, 'Bearer error="invalid_request", error_description="requires a DPoP proof."'),
        PROOF,
    ),
    (said(401, "E0000011", "Invalid token provided"), RENEW),
    (said(401, "E0000004", "Authentication failed"), RENEW),
    (said(401, "E0000015", "You do not have permission to access the feature"), GRANT),
    (empty(401), RENEW),
    (empty(401, 'Bearer error="invalid_token"'), RENEW),
    (said(403, "E0000005", "Invalid session"), SESSION),
    (said(403, "E0000006", "You do not have permission to perform the requested action"), GRANT),
    (empty(403, 'Bearer scope="okta.users.read", error="insufficient_scope"'), GRANT),
    (empty(403), GRANT),
    (said(403, "E0000032", "Unlock is not allowed for this user."), GRANT),
    (said(403, "E0000038", "This operation is not allowed in the user's current status."), GRANT),
    (said(404, "E0000007", "Not found: Resource not found: 00u1 (User)"), GONE),
    (said(404, "E0000008", "The requested path was not found"), ADDRESS),
    (said(404, "E0000026", "This endpoint has been deprecated."), UPDATE),
    (said(405, "E0000022", "The endpoint does not support the provided HTTP method"), UPDATE),
    (empty(408), TROUBLE),
    (said(410, "E0000215", "This endpoint has been deprecated."), UPDATE),
    (said(423, "E0000239", "Policy priorities are being reconciled."), UPDATE),
    (said(429, "E0000047", "API call exceeded rate limit due to too many requests."), LIMITED),
    (Reply(429, b"", LIMITS), LIMITED),
    (empty(429), LIMITED),
    (Reply(429, b"", (("x-rate-limit-limit", "0"), ("x-rate-limit-remaining", "0"))), CROWDED),
    (said(500, "E0000009", "Internal Server Error"), TROUBLE),
    (said(501, "E0000060", "Unsupported operation."), UPDATE),
    (said(502, "E0000240", "Request timed out waiting for agent."), TROUBLE),
    (Reply(502, PAGE, HTML), TROUBLE),
    (said(503, "E0000010", "Service is in read only mode"), TROUBLE),
    (said(503, "E0000100", "Unable to perform search query."), TROUBLE),
    (Reply(503, PAGE, HTML), TROUBLE),
    (said(504, "E0000241", "No connected agents."), TROUBLE),
    (empty(504), TROUBLE),
    # Whatever else a proxy, a wrong host or a broken answer may look like.
    (Reply(404, PAGE, HTML), ADDRESS),
    (Reply(200, PAGE, HTML), ADDRESS),
    (Reply(200, PAGE), (errors.ServerTrouble, True, "look for a proxy")),
    (Reply(200, b""), (errors.ServerTrouble, True, "look for a proxy")),
    (Reply(200, b'{"users": []}'), (errors.ServerTrouble, True, "look for a proxy")),
    (Reply(200, b'[{"id": "00u1"}, {"id'), (errors.ServerTrouble, True, "look for a proxy")),
    (Reply(204, b""), UPDATE),
    (Reply(400, b'{"error":"invalid_client","error_description":"no such client"}'), UPDATE),
    (Reply(401, b'{"error":"invalid_client","error_description":"no such client"}'), RENEW),
    (Reply(401, b"null"), RENEW),
    (Reply(403, b'{"errorCode": 7, "errorCauses": "none"}'), GRANT),
    (Reply(500, b"\xff\xfe"), TROUBLE),
    (Reply(200, b"[]", (("content-encoding", "gzip"),)), (errors.ServerTrouble, True, "a proxy")),
]


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with serving(lambda _target: Reply()) as running:
        yield running


Fail = Callable[[Reply], DirectoryError]


@pytest.fixture
def fail(peer: Peer, tmp_path: Path) -> Fail:
    """Reads an org whose listing of users is always answered in the given way."""
    peer.asked.clear()

    def fail_with(reply: Reply) -> DirectoryError:
        everyone = Reply(200, b'[{"id": "00g1", "_embedded": {"stats": {"usersCount": 0}}}]')
        peer.answer = lambda target: reply if "/users" in target else everyone
        return failure(lambda: read(peer.url, tmp_path))

    return fail_with


def name_of(case: object) -> str | None:
    if not isinstance(case, Reply):
        return ""
    code = (
        json.loads(case.body)["errorCode"]
        if b'"errorLink"' in case.body
        else case.body[:12].decode(errors="replace")
    )
    return f"{case.status} {code}"


@pytest.mark.parametrize(("reply", "expected"), TABLE, ids=name_of)
def test_an_answer_means_an_error_with_a_remedy(
    fail: Fail, peer: Peer, reply: Reply, expected: Errors
) -> None:
    kind, transient, remedy = expected
    error = fail(reply)
    assert type(error) is kind
    assert error.transient is transient
    assert remedy in error.remedy
    assert error.message.endswith(".")
    for part in (error.message, error.impact, error.remedy):
        assert part in str(error)
    assert TOKEN not in str(error)
    tried = sum("/users?" in target for target in peer.targets)
    assert tried == (2 if kind is errors.CursorLost else TRIES if transient else 1)


@pytest.mark.parametrize("number", range(1, 22))
def test_what_others_report_means_what_the_table_says(
    fail: Fail, shared: Path, number: int
) -> None:
    (path,) = (shared / "fixtures/okta/not-recorded").glob(f"N{number:02}-*.json")
    reported = recording(path)
    error = fail(reported.reply("https://acme.okta.com"))
    like = {
        **dict.fromkeys((1,), CROWDED),
        **dict.fromkeys((2, 8), GRANT),
        **dict.fromkeys((3, 4, 5, 6), PROOF),
        **dict.fromkeys((12, 13, 19, 20, 21), UPDATE),
        **dict.fromkeys((7,), RENEW),
        **dict.fromkeys((9,), SESSION),
        **dict.fromkeys((10,), GONE),
        **dict.fromkeys((11,), ADDRESS),
        **dict.fromkeys((14, 15, 16, 17, 18), TROUBLE),
    }
    kind, transient, remedy = like[number]
    assert (type(error), error.transient) == (kind, transient)
    assert remedy in error.remedy


@pytest.mark.parametrize("number", range(92, 108))
def test_recorded_errors_mean_what_the_table_says(fail: Fail, shared: Path, number: int) -> None:
    (path,) = (shared / "fixtures/okta").glob(f"{number:03}-errors-*.json")
    recorded = recording(path)
    if recorded.status == 200:
        pytest.skip("the answers before and after the 429 are good ones")
    error = fail(recorded.reply("https://acme.okta.com"))
    like = {92: RENEW, 94: LIMITED, 96: RENEW, 97: GRANT, 98: UPDATE, 99: GRANT, 100: GRANT}
    like |= {101: CURSOR, 102: CURSOR, 103: UPDATE, 104: UPDATE, 105: TROUBLE, 106: UPDATE}
    kind, transient, remedy = (like | {107: ADDRESS})[number]
    assert (type(error), error.transient) == (kind, transient)
    assert remedy in error.remedy


def test_the_words_quote_what_okta_support_asks_for(fail: Fail) -> None:
    error = fail(said(400, "E0000001", "Api validation failed: limit", "limit: too large"))
    assert error.message == (
        "Okta refuses the request (400 E0000001, Api validation failed: limit, limit: too large,"
        " request request-4711)."
    )


def test_the_words_quote_the_challenge_of_an_empty_answer(fail: Fail) -> None:
    error = fail(empty(403, 'Bearer error="insufficient_scope"'))
    assert (
        error.message
        == 'The app lacks a scope that this read needs (403, Bearer error="insufficient_scope").'
    )


def test_the_words_never_quote_a_body_that_may_be_personal(fail: Fail) -> None:
    for body in (b'{"email": "ann@example.com"}', b"<p>ann@example.com</p>", b"ann@example.com"):
        assert "ann@" not in str(fail(Reply(200, body)))
