"""Signing in as an API Services app: the flow by hand, without a network, and against the simulator."""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
import time_machine
from joserfc import jws, jwt
from joserfc.jwk import ECKey, RSAKey

from opensense_okta.directories import errors
from opensense_okta.directories.http import oauth
from opensense_okta.directories.http.oauth import ClientCredentials
from opensense_okta.directories.okta import reader as okta
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import Answer, Fault, Redirect
from opensense_okta.simulator.messages import Call
from opensense_okta.simulator.messages import Reply as SimulatorReply
from opensense_okta.simulator.okta.faults import (
    Failure,
    FaultContext,
    ForeignNext,
    RateLimited,
    SmallPages,
    TokensExpire,
)
from opensense_okta.simulator.okta.limits import Limits
from opensense_okta.simulator.okta.oauth import ApiNonces, token_hash
from opensense_okta.simulator.okta.server import Simulator
from opensense_okta.simulator.serving import running
from tests.directories.okta.test_okta_reader import GROUPS, USERS, assert_true
from tests.support import app
from tests.support.reads import Read, failure, read
from tests.support.replay import Peer, Reply, serving

ENDPOINT = "https://acme.okta.com"
TOKEN_URL = f"{ENDPOINT}/oauth2/v1/token"
LISTING = f"{ENDPOINT}/api/v1/users?limit=200&after=a%2Bb#there"
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
SCOPE = okta.SCOPES


# -- by hand ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Sent:
    """A request that went out of the flow."""

    url: str
    headers: dict[str, str]
    form: dict[str, str]

    @property
    def proof(self) -> dict[str, Any]:
        """The claims of its DPoP proof, which its own key has signed."""
        header = jws.extract_compact(self.headers["dpop"].encode()).headers()
        verified = jwt.decode(self.headers["dpop"], ECKey.import_key(header["jwk"]))
        return verified.claims

    @property
    def proof_header(self) -> dict[str, Any]:
        return dict(jws.extract_compact(self.headers["dpop"].encode()).headers())

    @property
    def assertion(self) -> dict[str, Any]:
        key = RSAKey.import_key(app.public(app.key()))
        return jwt.decode(self.form["client_assertion"], key).claims


Answered = tuple[int, dict[str, Any], dict[str, str]]


def granted(access: str = "token-1", kind: str = "Bearer", **more: object) -> Answered:
    body = {"access_token": access, "token_type": kind, "expires_in": 3600, "scope": SCOPE}
    return 200, body | more, {}


def refused(error: str, words: str = "", **headers: str) -> Answered:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return 400, {"error": error, "error_description": words}, named


GOOD: Answered = (200, {}, {})
NO_PROOF = refused("invalid_dpop_proof", "The DPoP proof JWT header is missing.")
LOST: Answered = (401, {}, {})


@dataclass
class Server:
    """Answers with each of its answers in turn, and keeps what it was sent."""

    answers: list[Answered]
    sent: list[Sent] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        form = dict(parse_qsl(request.content.decode()))
        self.sent.append(Sent(str(request.url), dict(request.headers), form))
        status, body, headers = self.answers.pop(0)
        return httpx.Response(status, json=body, headers=headers, request=request)

    @property
    def tokens(self) -> list[Sent]:
        return [sent for sent in self.sent if sent.url == TOKEN_URL]

    @property
    def reads(self) -> list[Sent]:
        return [sent for sent in self.sent if sent.url != TOKEN_URL]


async def asked(auth: ClientCredentials, server: Server, url: str = LISTING) -> int:
    """Sends one request through the flow; its status."""
    flow = auth.async_auth_flow(httpx.Request("GET", url))
    request = await anext(flow)
    try:
        while True:
            response = server.answer(request)
            request = await flow.asend(response)
    except StopAsyncIteration:
        return response.status_code


def ask(auth: ClientCredentials, *answers: Answered, url: str = LISTING) -> Server:
    """Sends one request through the flow, which is answered in the given ways, all of them."""
    server = Server(list(answers))
    asyncio.run(asked(auth, server, url))
    assert server.answers == []
    return server


@pytest.fixture
def auth() -> ClientCredentials:
    return app.credentials(ENDPOINT)


NO_NONCE = refused("use_dpop_nonce", dpop_nonce="nonce-1")
EARLIER = oauth.BACKDATED


def test_a_token_is_asked_for_with_a_signed_assertion_as_okta_wants_it(
    auth: ClientCredentials,
) -> None:
    with time_machine.travel(NOON, tick=False):
        server = ask(auth, granted(), GOOD)
    token_request, listing = server.sent
    assert token_request.url == TOKEN_URL
    assert token_request.headers["content-type"] == "application/x-www-form-urlencoded"
    assert "authorization" not in token_request.headers
    assert (token_request.proof["htm"], token_request.proof["htu"]) == ("POST", TOKEN_URL)
    form = dict(token_request.form)
    del form["client_assertion"]
    assert form == {
        "grant_type": "client_credentials",
        "scope": "okta.users.read okta.groups.read",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    claims = dict(token_request.assertion)
    assert len(claims.pop("jti")) >= 16
    now = int(NOON.timestamp())
    assert claims == {
        "iss": app.APP,
        "sub": app.APP,
        "aud": TOKEN_URL,
        "iat": now - EARLIER,
        "nbf": now - EARLIER,
        "exp": now - EARLIER + 300,
    }
    assert listing.headers["authorization"] == "Bearer token-1"
    assert "dpop" not in listing.headers


@pytest.mark.parametrize(
    ("stored", "key_id", "kid"),
    [
        (app.pem(app.key()), None, None),
        (app.pem(app.key()), "given", "given"),
        (app.jwk(app.key(), kid="own"), None, "own"),
        (app.jwk(app.key(), kid="own"), "given", "given"),
    ],
)
def test_the_assertion_names_the_key_where_it_has_a_name(
    stored: str, key_id: str | None, kid: str | None
) -> None:
    server = ask(app.credentials(ENDPOINT, stored, key_id), granted(), GOOD)
    header = jws.extract_compact(server.tokens[0].form["client_assertion"].encode()).headers()
    assert header.get("kid") == kid
    assert header["typ"] == "JWT"


def test_the_nonce_dance_takes_a_new_assertion_for_each_attempt(auth: ClientCredentials) -> None:
    bound = (200, granted("bound", "DPoP")[1], {"dpop-nonce": "nonce-2"})
    server = ask(auth, NO_NONCE, bound, GOOD)
    proven, with_nonce = server.tokens
    assert "nonce" not in proven.proof
    assert with_nonce.proof["nonce"] == "nonce-1"
    for proof in (proven.proof, with_nonce.proof):
        assert (proof["htm"], proof["htu"]) == ("POST", TOKEN_URL)
        assert "ath" not in proof
    assert len({sent.assertion["jti"] for sent in server.tokens}) == 2
    (listing,) = server.reads
    assert listing.headers["authorization"] == "DPoP bound"
    assert (listing.proof["htm"], listing.proof["htu"]) == ("GET", f"{ENDPOINT}/api/v1/users")
    assert listing.proof["ath"] == token_hash("bound")
    assert "nonce" not in listing.proof
    assert len({sent.proof["jti"] for sent in (proven, with_nonce, listing)}) == 3


def test_the_proofs_key_is_public_only_the_same_and_not_the_clients(
    auth: ClientCredentials,
) -> None:
    nonce = refused("use_dpop_nonce", dpop_nonce="nonce")
    server = ask(auth, nonce, granted("bound", "DPoP"), GOOD)
    headers = [sent.proof_header for sent in server.sent if "dpop" in sent.headers]
    assert len(headers) == 3
    for header in headers:
        assert header == headers[0]
        assert (header["typ"], header["alg"]) == ("dpop+jwt", "ES256")
        assert set(header["jwk"]) == {"kty", "crv", "x", "y"}
    other = ask(app.credentials(ENDPOINT), granted("bound", "DPoP"), GOOD)
    assert other.tokens[0].proof_header["jwk"] != headers[0]["jwk"]


def test_a_renewal_uses_the_newest_nonce_and_needs_no_dance(auth: ClientCredentials) -> None:
    bound = (200, granted("one", "DPoP")[1], {"dpop-nonce": "nonce-2"})
    ask(auth, NO_NONCE, bound, GOOD)
    server = ask(auth, LOST, granted("two", "DPoP"), GOOD)
    (renewal,) = server.tokens
    assert renewal.proof["nonce"] == "nonce-2"
    assert [sent.headers["authorization"] for sent in server.reads] == ["DPoP one", "DPoP two"]
    assert len({sent.proof["jti"] for sent in server.sent}) == 3


def test_a_nonce_that_has_gone_out_of_use_is_replaced(auth: ClientCredentials) -> None:
    ask(auth, refused("use_dpop_nonce", dpop_nonce="1"), granted("a", "DPoP"), GOOD)
    fresh = refused("use_dpop_nonce", dpop_nonce="2")
    server = ask(auth, LOST, fresh, granted("b", "DPoP"), GOOD)
    assert [sent.proof["nonce"] for sent in server.tokens] == ["1", "2"]


@pytest.mark.parametrize(
    ("life", "later", "renewed"),
    [
        (3600, 3290, False),
        (3600, 3301, True),
        (3600, 4000, True),
        (600, 470, False),
        (600, 481, True),
        (10, 7, False),
        (10, 8.1, True),
        (0, 0, True),
        (-5, 0, True),
    ],
)
def test_a_token_is_renewed_before_it_ends(
    auth: ClientCredentials,
    monkeypatch: pytest.MonkeyPatch,
    life: float,
    later: float,
    renewed: bool,
) -> None:
    monkeypatch.setattr(oauth, "monotonic", lambda: 100.0)
    ask(auth, granted("one", expires_in=life), GOOD)
    monkeypatch.setattr(oauth, "monotonic", lambda: 100.0 + later)
    server = ask(auth, *([granted("two")] if renewed else []), GOOD)
    assert len(server.tokens) == renewed
    assert server.reads[0].headers["authorization"] == f"Bearer {'two' if renewed else 'one'}"


SESSION: Answered = (403, {"errorCode": "E0000005"}, {})


@pytest.mark.parametrize("lost", [LOST, SESSION])
def test_a_surprising_refusal_renews_the_token_once(
    auth: ClientCredentials, lost: Answered
) -> None:
    server = ask(auth, granted("one"), lost, granted("two"), GOOD)
    assert [sent.headers["authorization"][-3:] for sent in server.reads] == ["one", "two"]
    again = ask(auth, lost, granted("three"), lost)  # and then that is the answer
    assert len(again.reads) == 2


@pytest.mark.parametrize(
    "answer",
    [
        (400, {"errorCode": "E0000001"}, {}),
        (401, {"errorCode": "E0000015"}, {}),
        (403, {"errorCode": "E0000006"}, {}),
        (403, {}, {"www-authenticate": 'Bearer error="insufficient_scope"'}),
        (404, {}, {}),
        (429, {}, {}),
        (500, {}, {}),
    ],
)
def test_other_refusals_renew_nothing(auth: ClientCredentials, answer: Answered) -> None:
    assert len(ask(auth, granted(), answer).tokens) == 1
    assert ask(auth, GOOD).tokens == []


def test_a_refused_proof_is_made_anew_once_under_the_same_token(auth: ClientCredentials) -> None:
    challenge = {"www-authenticate": 'DPoP error="invalid_dpop_proof"'}
    refused_proof: Answered = (400, {}, challenge)
    ask(auth, granted("one", "DPoP"), GOOD)
    server = ask(auth, refused_proof, refused_proof)
    one, two = server.reads
    assert one.headers["authorization"] == two.headers["authorization"]
    assert one.proof["jti"] != two.proof["jti"]


@pytest.mark.parametrize("ahead", [-900, -20, -4, 4, 20, 900])
def test_a_clock_that_is_wrong_is_corrected_from_the_date_header(
    auth: ClientCredentials, ahead: int
) -> None:
    """Seconds that the server's clock is ahead of ours."""
    with time_machine.travel(NOON, tick=False):
        date = format_datetime(NOON + timedelta(seconds=ahead), usegmt=True)
        words = "The client_assertion token must be issued before the current time."
        wrong = (401, refused("invalid_client", words)[1], {"date": date})
        server = ask(auth, wrong, NO_NONCE, granted("bound", "DPoP"), GOOD)
    now = int(NOON.timestamp()) - EARLIER
    assert [sent.assertion["iat"] - now for sent in server.tokens] == [0, ahead, ahead]
    assert [sent.proof["iat"] - now for sent in server.tokens] == [0, ahead, ahead]
    assert server.reads[0].proof["iat"] == now + ahead


def test_a_clock_that_is_wrong_for_the_api_alone_is_corrected_too(auth: ClientCredentials) -> None:
    with time_machine.travel(NOON, tick=False):
        ask(auth, granted("bound", "DPoP"), GOOD)
        headers = {
            "www-authenticate": 'DPoP error="invalid_dpop_proof"',
            "date": format_datetime(NOON - timedelta(seconds=60), usegmt=True),
        }
        server = ask(auth, (400, {}, headers), GOOD)
    now = int(NOON.timestamp()) - EARLIER
    assert [sent.proof["iat"] - now for sent in server.reads] == [0, -60]


def test_without_a_proof_dpop_starts_when_the_server_requires_it() -> None:
    plain = app.credentials(ENDPOINT, prove=False)
    server = ask(plain, NO_PROOF, NO_NONCE, granted("bound", "DPoP"), GOOD)
    assert ["dpop" in sent.headers for sent in server.tokens] == [False, True, True]
    assert server.reads[0].headers["authorization"] == "DPoP bound"


# -- nonces of the API (RFC 9449 §9) ----------------------------------------------------------


def demand(nonce: str = "") -> Answered:
    """The API's refusal of a proof without its nonce."""
    headers = {"dpop-nonce": nonce} if nonce else {}
    words = 'DPoP error="use_dpop_nonce", error_description="Resource server requires nonce in DPoP proof"'
    return 401, {}, {"www-authenticate": words, **headers}


def test_a_nonce_that_the_api_demands_is_sent_under_the_same_token(auth: ClientCredentials) -> None:
    server = ask(auth, NO_NONCE, granted("bound", "DPoP"), demand("api-1"), GOOD)
    assert [sent.proof.get("nonce") for sent in server.tokens] == [None, "nonce-1"]
    assert [sent.proof.get("nonce") for sent in server.reads] == [None, "api-1"]
    assert [sent.headers["authorization"] for sent in server.reads] == ["DPoP bound"] * 2
    assert len({sent.proof["jti"] for sent in server.sent}) == 4
    assert ask(auth, GOOD).reads[0].proof["nonce"] == "api-1"


def test_a_nonce_that_changes_with_each_answer_is_kept(auth: ClientCredentials) -> None:
    ask(auth, granted("bound", "DPoP"), demand("api-1"), (200, {}, {"dpop-nonce": "api-2, api-2"}))
    (read_next,) = ask(auth, (200, {}, {"dpop-nonce": "api-3"})).reads
    assert read_next.proof["nonce"] == "api-2"
    server = ask(auth, LOST, granted("again", "DPoP"), GOOD)
    assert "nonce" not in server.tokens[0].proof
    assert [sent.proof["nonce"] for sent in server.reads] == ["api-3", "api-3"]


def test_a_demand_for_nonces_without_end_or_without_a_nonce_is_the_answer(
    auth: ClientCredentials,
) -> None:
    ask(auth, granted("bound", "DPoP"), demand())
    assert len(ask(auth, *(demand(f"api-{n}") for n in range(4))).reads) == 4


def test_a_token_that_is_lost_after_a_demanded_nonce_is_still_renewed(
    auth: ClientCredentials,
) -> None:
    server = ask(
        auth, granted("a", "DPoP"), demand("1"), LOST, granted("b", "DPoP"), demand("2"), GOOD
    )
    assert [sent.proof.get("nonce") for sent in server.reads] == [None, "1", "1", "2"]


@pytest.mark.parametrize("behind", [0.5, 1.0, 2.0, 4.0])
def test_a_server_that_tolerates_no_future_finds_everything_in_its_past(
    auth: ClientCredentials, behind: float
) -> None:
    """Seconds that the server's clock is behind ours; no answer has a date."""
    with time_machine.travel(NOON, tick=False):
        server = ask(auth, granted("bound", "DPoP"), GOOD)
    now = NOON.timestamp() - behind
    for claims in (server.tokens[0].assertion, server.tokens[0].proof, server.reads[0].proof):
        assert claims["iat"] <= now
    assert server.tokens[0].assertion["nbf"] <= now
    assert server.tokens[0].assertion["exp"] > now + 60


@pytest.mark.parametrize(
    ("scope", "missing"),
    [
        ("okta.users.read", "okta.groups.read is missing"),
        ("okta.groups.read", "okta.users.read is missing"),
        ("", "okta.groups.read, okta.users.read is missing"),
    ],
)
def test_a_scope_that_was_not_granted_is_named(
    auth: ClientCredentials, scope: str, missing: str
) -> None:
    error = failure(lambda: ask(auth, granted(scope=scope)))
    assert type(error) is errors.AccessDenied
    assert missing in error.message
    assert "Grant the missing scopes" in error.remedy


@pytest.mark.parametrize("scope", [None, SCOPE, "okta.groups.read okta.logs.read okta.users.read"])
def test_scopes_unsaid_in_any_order_or_more_than_asked_are_enough(
    auth: ClientCredentials, scope: str | None
) -> None:
    server = ask(auth, granted(scope=scope), GOOD)
    assert [sent.url for sent in server.sent] == [TOKEN_URL, LISTING]


def test_concurrent_requests_share_one_token_and_one_renewal(auth: ClientCredentials) -> None:
    server = Server([])
    current = "token-1"

    async def one(flow: Any) -> None:  # noqa: ANN401 - an async generator
        request = await anext(flow)
        try:
            while True:
                form = dict(parse_qsl(request.content.decode()))
                server.sent.append(Sent(str(request.url), dict(request.headers), form))
                await asyncio.sleep(0.001)
                if str(request.url) == TOKEN_URL:
                    answer = granted(current)
                else:
                    answer = GOOD if request.headers["authorization"].endswith(current) else LOST
                request = await flow.asend(
                    httpx.Response(answer[0], json=answer[1], request=request)
                )
        except StopAsyncIteration:
            return

    async def all_at_once() -> None:
        flows = [auth.async_auth_flow(httpx.Request("GET", LISTING)) for _ in range(10)]
        await asyncio.gather(*(one(flow) for flow in flows))

    async def twice() -> None:
        nonlocal current
        await all_at_once()
        assert len(server.tokens) == 1
        current = "token-2"
        await all_at_once()

    asyncio.run(twice())
    assert len(server.tokens) == 2
    assert len(server.reads) == 10 + 20


# -- with the simulator -----------------------------------------------------------------------


@pytest.fixture
def org() -> Org:
    return Org.create(users=60, groups=6, memberships=80)


UNHURRIED = Limits(users=100_000, groups=100_000)


@pytest.fixture
def sim(org: Org) -> Iterator[Simulator]:
    with running(Simulator(org, clients=[app.client()], limits=UNHURRIED)) as simulator:
        yield simulator


@pytest.fixture
def sign_in(sim: Simulator, tmp_path: Path) -> Callable[..., Read]:
    def read_all(*faults: Fault) -> Read:
        sim.faults[:] = faults
        sim.requests.clear()
        return read(sim.url, tmp_path, auth=app.credentials(sim.url))

    return read_all


SignIn = Callable[..., Read]


def token_requests(simulator: Simulator) -> list[int]:
    """The statuses of the token requests."""
    return [served.status for served in simulator.requests if "oauth2" in served.target]


@pytest.mark.parametrize("dpop", [True, False])
@pytest.mark.parametrize(
    ("kind", "stored"),
    [
        ("RSA", app.pem(app.key(), "PKCS#1")),
        ("RSA", app.jwk(app.key(), kid="main", alg="RS384")),
        ("P-256", app.pem(app.key("P-256"), "SEC 1")),
        ("P-384", app.pem(app.key("P-384"))),
        ("P-521", app.jwk(app.key("P-521"), use="sig")),
    ],
)
def test_every_kind_of_key_reads_the_whole_org(
    org: Org, tmp_path: Path, kind: str, stored: str, dpop: bool
) -> None:
    with running(
        Simulator(org, clients=[app.client(app.key(kind), dpop=dpop)], limits=UNHURRIED)
    ) as okta_:
        found = read(okta_.url, tmp_path, auth=app.credentials(okta_.url, stored))
        assert_true(found, org)
        assert token_requests(okta_) == [400, 200]  # the nonce; an app may prove without need
        assert found.cost.requests == len(okta_.requests)
        assert found.cost.retries == 0


@dataclass(kw_only=True)
class Meanwhile(Fault):
    """Something happens to the org's access before a call is answered."""

    happens: Callable[[FaultContext], object]

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> SimulatorReply:
        self.happens(context)
        return await answer(call)


@dataclass(kw_only=True)
class WithoutProofs(Fault):
    """A server that has never heard of DPoP, and does not look at the header."""

    times: int | None = None

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> SimulatorReply:
        del context
        headers = {name: value for name, value in call.headers.items() if name != "dpop"}
        return await answer(replace(call, headers=headers))


LATER_PAGE = r"GET /api/v1/users.*after="


def test_tokens_and_nonces_that_end_half_way_cost_a_renewal_and_nothing_else(
    sign_in: SignIn, sim: Simulator, org: Org
) -> None:
    def end(context: FaultContext) -> None:
        context.access.endpoint.expire_all()
        context.access.endpoint.rotate_nonce()
        context.access.endpoint.rotate_nonce()

    found = sign_in(Meanwhile(match=LATER_PAGE, happens=end), SmallPages(limit=7))
    assert_true(found, org)
    assert token_requests(sim) == [400, 200, 400, 200]
    assert found.cost.retries == 0


def test_a_nonce_that_was_rotated_once_is_still_good_for_a_renewal(
    sign_in: SignIn, sim: Simulator, org: Org
) -> None:
    def end(context: FaultContext) -> None:
        context.access.endpoint.expire_all()
        context.access.endpoint.rotate_nonce()

    found = sign_in(Meanwhile(match=LATER_PAGE, happens=end), SmallPages(limit=7))
    assert_true(found, org)
    assert token_requests(sim) == [400, 200, 200]


@pytest.mark.parametrize("changing", [False, True])
def test_an_api_that_demands_nonces_is_read_by_eight_workers(
    org: Org, tmp_path: Path, changing: bool
) -> None:
    nonces = ApiNonces(changing)
    with running(Simulator(org, clients=[app.client()], limits=UNHURRIED, nonces=nonces)) as okta_:
        found = read(okta_.url, tmp_path, auth=app.credentials(okta_.url))
        assert token_requests(okta_) == [400, 200]
    assert_true(found, org)
    assert found.cost.retries == 0


def test_a_server_without_dpop_gives_a_bearer_token_that_reads_everything(
    org: Org, tmp_path: Path
) -> None:
    with running(Simulator(org, clients=[app.client(dpop=False)], limits=UNHURRIED)) as okta_:
        okta_.faults.append(WithoutProofs())
        found = read(okta_.url, tmp_path, auth=app.credentials(okta_.url))
        assert token_requests(okta_) == [200]
    assert_true(found, org)


def test_a_token_that_never_lasts_fails_with_words(sign_in: SignIn) -> None:
    error = failure(lambda: sign_in(TokensExpire(match="GET", times=None)))
    assert type(error) is errors.CredentialsRejected
    assert "the app's access token" in error.message
    assert "look at the app (Applications > the app)" in error.remedy
    assert "api_token" not in str(error)


@pytest.mark.parametrize(
    ("code", "kind"), [("E0000004", errors.CredentialsRejected), ("E0000005", errors.SessionLost)]
)
def test_a_refusal_that_stays_is_in_the_words_of_an_app(
    sign_in: SignIn, code: str, kind: type
) -> None:
    error = failure(lambda: sign_in(Failure(code=code, match="GET", times=None)))
    assert type(error) is kind
    assert "Applications > the app" in error.remedy
    assert "api_token" not in str(error)


def test_a_demand_for_nonces_that_stays_is_no_matter_of_the_clock(sign_in: SignIn) -> None:
    challenge = {"www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "again"}
    error = failure(
        lambda: sign_in(Failure(status=401, match="GET", times=None, headers=challenge))
    )
    assert type(error) is errors.ServerTrouble
    assert "nonce again and again" in error.message
    assert "clock" not in str(error)


def test_a_session_that_is_lost_once_is_found_again(
    sign_in: SignIn, sim: Simulator, org: Org
) -> None:
    found = sign_in(Failure(code="E0000005", match=LATER_PAGE), SmallPages(limit=7))
    assert_true(found, org)
    assert token_requests(sim) == [400, 200, 200]
    assert found.cost.retries == 0


def test_retries_carry_fresh_proofs(sign_in: SignIn, org: Org) -> None:
    found = sign_in(Failure(code="E0000009", match=USERS, times=3))
    assert_true(found, org)
    assert found.cost.retries == 3


def test_tokens_of_a_short_life_are_renewed_as_they_end(org: Org, tmp_path: Path) -> None:
    with running(
        Simulator(org, clients=[app.client()], limits=UNHURRIED, token_lifetime=2.0, latency=0.12)
    ) as okta_:
        okta_.faults.append(SmallPages(limit=4))
        found = read(okta_.url, tmp_path, auth=app.credentials(okta_.url))
        assert_true(found, org)
        assert token_requests(okta_)[:2] == [400, 200]
        assert set(token_requests(okta_)[2:]) == {200}
        assert {served.status for served in okta_.requests[2:]} == {200}


@pytest.mark.parametrize("skew", [-900.0, -10.0, 10.0, 900.0])
def test_a_machine_whose_clock_is_wrong_signs_in_all_the_same(
    org: Org, tmp_path: Path, skew: float
) -> None:
    with running(
        Simulator(org, clients=[app.client()], limits=UNHURRIED, clock_skew=skew)
    ) as okta_:
        found = read(okta_.url, tmp_path, auth=app.credentials(okta_.url))
    assert_true(found, org)
    assert len(token_requests(okta_)) <= 4


def test_an_app_that_was_granted_a_part_is_told_which_scope_is_missing(
    org: Org, tmp_path: Path
) -> None:
    part = app.client(scopes=frozenset({"okta.users.read"}))
    with running(Simulator(org, clients=[part], limits=UNHURRIED)) as okta_:
        error = failure(lambda: read(okta_.url, tmp_path, auth=app.credentials(okta_.url)))
    assert type(error) is errors.AccessDenied
    assert "okta.groups.read is missing" in error.message


def test_an_app_without_a_role_deletes_nobody(org: Org, tmp_path: Path) -> None:
    with running(Simulator(org, clients=[app.client(has_role=False)], limits=UNHURRIED)) as okta_:
        error = failure(lambda: read(okta_.url, tmp_path, auth=app.credentials(okta_.url)))
    assert type(error) is errors.IncompleteListing
    assert "Admin roles tab" in error.remedy


@pytest.mark.parametrize("match", [USERS, GROUPS, "POST"])
@pytest.mark.parametrize("kind", [ForeignNext, Redirect])
def test_neither_token_nor_assertion_reaches_another_host(
    sign_in: SignIn, match: str, kind: type[ForeignNext | Redirect]
) -> None:
    if match == "POST" and kind is ForeignNext:
        pytest.skip("the token endpoint has no next links")
    with serving(lambda _target: Reply()) as stranger:
        error = failure(lambda: sign_in(kind(match=match, host=stranger.url, times=None)))
        assert stranger.asked == []
    expected = errors.WrongAddress if match == "POST" else errors.UntrustedLink
    assert type(error) is expected
    assert not error.transient
    assert "`endpoint`" in error.remedy


@pytest.mark.parametrize("seconds", [10, 50])
def test_a_used_up_limit_of_the_token_endpoint_is_waited_for(
    sign_in: SignIn, org: Org, seconds: int
) -> None:
    found = sign_in(RateLimited(match="POST", seconds=seconds, times=2))
    assert_true(found, org)
    assert sum(found.slept) >= seconds


@pytest.mark.parametrize("fault", [Failure(status=500), Failure(status=502, body="<p>sorry</p>")])
def test_trouble_of_the_token_endpoint_is_sat_out(
    sign_in: SignIn, org: Org, fault: Failure
) -> None:
    passing = Failure(match="POST", status=fault.status, body=fault.body, times=3)
    assert_true(sign_in(passing), org)


def test_a_peer_that_sends_a_new_nonce_with_every_answer_is_followed(
    auth: ClientCredentials,
) -> None:
    kept = []
    for number in range(3):
        bound = (200, granted(f"t{number}", "DPoP")[1], {"dpop-nonce": f"n{number}"})
        first = [] if not number else [LOST]
        server = ask(auth, *first, bound, GOOD)
        kept.append(server.tokens[-1].proof.get("nonce"))
    assert kept == [None, "n0", "n1"]


def test_a_peer_sees_the_credentials_only_at_its_own_paths(tmp_path: Path) -> None:
    def answer(target: str) -> Reply:
        if "oauth2" in target:
            return Reply(200, b'{"access_token": "a-token", "token_type": "Bearer"}')
        return Reply(200, b'[{"id": "00x", "_embedded": {"stats": {"usersCount": 0}}}]')

    with serving(answer) as peer:
        read(peer.url, tmp_path, auth=app.credentials(peer.url))
        assert_only_where_due(peer)


def assert_only_where_due(peer: Peer) -> None:
    for asked_ in peer.asked:
        is_token_request = asked_.target == "/oauth2/v1/token"
        assert ("authorization" in asked_.headers) is not is_token_request
