"""The refusals of docs/okta-api.md, "Token endpoint errors": which error each is, and the remedy."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from opensense_okta.directories import errors
from opensense_okta.directories.errors import DirectoryError
from opensense_okta.directories.http.client import TRIES
from opensense_okta.directories.http.oauth import ATTEMPTS
from tests.directories.http.test_client import everything_told
from tests.support import app
from tests.support.reads import failure, read
from tests.support.replay import Peer, Reply, recording, serving

Errors = tuple[type[DirectoryError], bool, str]

CLIENT: Errors = (errors.CredentialsRejected, False, "Compare `client_id`")
KEY: Errors = (errors.CredentialsRejected, False, "`private_key`, and its `key_id`")
CLOCK: Errors = (errors.CredentialsRejected, False, "Set this machine's clock")
METHOD: Errors = (errors.CredentialsRejected, False, "Public key / Private key")
HOST: Errors = (errors.CredentialsRejected, False, "Check `endpoint`")
GRANT: Errors = (errors.AccessDenied, False, "okta.users.read and okta.groups.read")
ADDRESS: Errors = (errors.WrongAddress, False, "Check `endpoint`")
USED: Errors = (errors.ServerTrouble, True, "If it continues")
TROUBLE: Errors = (errors.ServerTrouble, True, "If it continues")
LIMITED: Errors = (errors.RateLimited, True, "If it happens often")

HTML = (("content-type", "text/html; charset=UTF-8"),)
PAGE = b"<html><head><title>Okta - Sign In</title></head></html>"


def said(status: int, error: str, description: str = "", **headers: str) -> Reply:
    body = {"error": error, "error_description": description}
    return Reply(status, json.dumps(body).encode(), tuple(headers.items()))


def client(claim: str) -> Reply:
    return said(401, "invalid_client", claim)


TABLE: list[tuple[Reply, Errors]] = [
    (client("The issuer claim for client_assertion is not a valid client_id."), CLIENT),
    (client("The subject claim for client_assertion is not a valid client_id."), CLIENT),
    (client("The audience claim for client_assertion must be the endpoint invoked."), HOST),
    (client("The client_assertion token is expired."), CLOCK),
    (client("The client_assertion token has an expiration too far into the future."), CLOCK),
    (client("The client_assertion token must be issued before the current time."), CLOCK),
    (client("The client_assertion token has already been used."), USED),
    (client("The client_assertion signature is invalid."), KEY),
    (client("The client_assertion JWT kid is invalid."), KEY),
    (client("The client does not have a JWKSet configured, but the assertion requires one."), KEY),
    (client("The parsing of the client_assertion failed."), KEY),
    (client("Something new."), KEY),
    (client("Only clients with 'application_type' of 'service' may use it."), METHOD),
    (client("must use the private_key_jwt token_endpoint_auth_method."), METHOD),
    (said(400, "unsupported_grant_type", "The authorization grant type is not supported."), METHOD),
    (said(400, "unauthorized_client"), METHOD),
    (said(400, "invalid_scope", "The requested scope is invalid, unknown, malformed."), GRANT),
    (said(400, "consent_required", "You are not allowed any of the requested scopes."), GRANT),
    (said(400, "invalid_dpop_proof", "The DPoP proof JWT header is missing."), CLOCK),
    (said(400, "invalid_dpop_proof", "The DPoP proof JWT is issued in the future."), CLOCK),
    (said(400, "invalid_dpop_proof", "'htu' claim in the DPoP proof JWT is invalid."), HOST),
    (said(400, "use_dpop_nonce", "Authorization server requires nonce in DPoP proof."), TROUBLE),
    (said(403, "new_error", "Something new."), CLIENT),
    (said(429, "user_rate_limited"), LIMITED),
    (Reply(429, b'{"errorCode": "E0000047"}'), LIMITED),
    (said(500, "server_error"), TROUBLE),
    (Reply(500, b'{"errorCode": "E0000009"}'), TROUBLE),
    (Reply(503), TROUBLE),
    (Reply(502, PAGE, HTML), TROUBLE),
    (Reply(404, PAGE, HTML), ADDRESS),
    (Reply(200, PAGE, HTML), ADDRESS),
    (Reply(302, b"", (("location", "https://elsewhere.example/"),)), ADDRESS),
    (Reply(404, b'{"errorCode": "E0000008"}'), ADDRESS),
    (Reply(401), CLIENT),
    (Reply(401, b'{"errorCode": "invalid_client", "errorSummary": "Invalid value"}'), CLIENT),
    (Reply(200, b""), TROUBLE),
    (Reply(200, b"[]"), TROUBLE),
    (Reply(200, b"\xff\xfe\x00"), TROUBLE),
    (Reply(200, b'{"token_type": "Bearer"}'), TROUBLE),
    (Reply(200, b'{"access_token": 7}'), TROUBLE),
    (Reply(200, b'{"access_token": ""}'), TROUBLE),
    (Reply(200, '{"access_token": "schlüssel"}'.encode()), TROUBLE),
    (Reply(200, b'{"access_token": "a\\nX-Injected: yes"}'), TROUBLE),
    (Reply(200, b'{"access_token": "whole", "expires_in": "soon"}'), TROUBLE),
    (Reply(200, b'{"access_token": "half'), TROUBLE),
]


@pytest.fixture(scope="module")
def peer() -> Iterator[Peer]:
    with serving(lambda _target: Reply()) as running:
        yield running


Fail = Callable[[Reply], DirectoryError]


@pytest.fixture
def fail(peer: Peer, tmp_path: Path) -> Fail:
    """Reads an org whose token endpoint always answers in the given way."""

    def fail_with(reply: Reply) -> DirectoryError:
        peer.asked.clear()
        peer.answer = lambda _target: reply
        auth = app.credentials(peer.url, app.pem(app.key("P-256")))
        return failure(lambda: read(peer.url, tmp_path, auth=auth))

    return fail_with


def name_of(case: object) -> str:
    return (
        f"{case.status} {case.body[:90].decode(errors='replace')}"
        if isinstance(case, Reply)
        else ""
    )


@pytest.mark.parametrize(("reply", "expected"), TABLE, ids=name_of)
def test_a_refusal_means_an_error_with_a_remedy(
    fail: Fail, peer: Peer, reply: Reply, expected: Errors
) -> None:
    kind, transient, remedy = expected
    error = fail(reply)
    assert (type(error), error.transient) == (kind, transient)
    assert remedy in error.remedy
    assert str(reply.status) in error.message
    assert set(peer.targets) == {"/oauth2/v1/token"}
    listings = 2  # users and groups begin at the same time
    assert len(peer.asked) <= (TRIES * listings if transient else listings) * ATTEMPTS
    for asked in peer.asked:
        assert "authorization" not in asked.headers
    if b"access_token" in reply.body:
        assert "whole" not in everything_told(error)


@pytest.mark.parametrize("number", range(22, 35))
def test_what_is_documented_means_what_the_table_says(
    fail: Fail, shared: Path, number: int
) -> None:
    (path,) = (shared / "fixtures/okta/not-recorded").glob(f"N{number}-*.json")
    documented = recording(path)
    error = fail(documented.reply("https://acme.okta.com"))
    like = {22: GRANT, 23: GRANT, 24: CLIENT, 25: HOST, 26: CLOCK, 27: CLOCK, 28: CLOCK, 29: USED}
    like |= {30: KEY, 31: KEY, 32: KEY, 33: METHOD, 34: METHOD}
    kind, transient, remedy = like[number]
    assert (type(error), error.transient) == (kind, transient)
    assert remedy in error.remedy
    assert documented.body["error_description"] in error.message


def test_the_words_quote_what_okta_support_asks_for(fail: Fail) -> None:
    reply = said(401, "invalid_client", "The client_assertion JWT kid is invalid.")
    numbered = Reply(reply.status, reply.body, (("x-okta-request-id", "request-4711"),))
    assert fail(numbered).message == (
        "Okta does not accept the private key (401, invalid_client, The client_assertion JWT kid is"
        " invalid., request-4711)."
    )
