"""Okta's token endpoint and DPoP, as a client uses them."""

import json
import re
import secrets
import ssl
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.faults import make_fault
from opensense_okta.simulator.okta.oauth import ASSERTION_TYPE, Client, token_hash
from opensense_okta.simulator.okta.server import Simulator
from opensense_okta.simulator.serving import running

Key = RSAKey | ECKey

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""So that httpx does not load certificates for every call."""

CLIENT_KEY = RSAKey.generate_key(2048, {"kid": "first"})
OTHER_KEY = RSAKey.generate_key(2048, {"kid": "first"})
PROOF_KEY = ECKey.generate_key("P-256")

PLAIN = Client("0oaPlain", (CLIENT_KEY.as_dict(private=False),), dpop=False)
BOUND = Client("0oaBound", (CLIENT_KEY.as_pem(private=False).decode(),))
ROLELESS = Client("0oaRoleless", PLAIN.keys, dpop=False, has_role=False)
USERS_ONLY = Client("0oaUsers", PLAIN.keys, frozenset({"okta.users.read"}), dpop=False)
SCOPELESS = Client("0oaScopeless", PLAIN.keys, frozenset(), dpop=False)
KEYLESS = Client("0oaKeyless", (), dpop=False)
CLIENTS = (PLAIN, BOUND, ROLELESS, USERS_ONLY, SCOPELESS, KEYLESS)


@pytest.fixture
def okta(org: Org) -> Iterator[Simulator]:
    with running(Simulator(org, clients=CLIENTS)) as simulator:
        yield simulator


def algorithm(key: Key) -> str:
    return "RS256" if isinstance(key, RSAKey) else "ES256"


def assertion(
    okta: Simulator, client: Client, key: Key = CLIENT_KEY, *, kid: str = "first", **claims: object
) -> str:
    now = int(time.time())
    usual = {
        "iss": client.id,
        "sub": client.id,
        "aud": f"{okta.url}/oauth2/v1/token",
        "iat": now,
        "exp": now + 300,
        "jti": secrets.token_hex(8),
    }
    known = {name: value for name, value in (usual | claims).items() if value is not None}
    return jwt.encode({"alg": algorithm(key), "kid": kid}, known, key)


def proof(
    method: str, url: str, key: Key = PROOF_KEY, *, typ: str = "dpop+jwt", **claims: object
) -> str:
    header = {"typ": typ, "alg": algorithm(key), "jwk": key.as_dict(private=False)}
    usual = {"htm": method, "htu": url, "iat": int(time.time()), "jti": secrets.token_hex(8)}
    return jwt.encode(header, usual | claims, key)


def ask(
    okta: Simulator,
    client: Client,
    jws: str = "",
    scope: str = "okta.users.read okta.groups.read",
    dpop: str = "",
    **form: str,
) -> httpx.Response:
    body = {
        "grant_type": "client_credentials",
        "scope": scope,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": jws or assertion(okta, client),
    }
    headers = {"DPoP": dpop} if dpop else {}
    url = f"{okta.url}/oauth2/v1/token"
    return httpx.post(url, data=body | form, headers=headers, verify=NO_TLS)


def refusal(response: httpx.Response) -> tuple[int, str, str]:
    body = response.json()
    assert set(body) == {"error", "error_description"}
    return response.status_code, body["error"], body["error_description"]


def token_proof(okta: Simulator, **claims: object) -> str:
    return proof("POST", f"{okta.url}/oauth2/v1/token", **claims)  # type: ignore[arg-type] # claims


def bound_token(okta: Simulator) -> str:
    nonce = ask(okta, BOUND, dpop=token_proof(okta)).headers["dpop-nonce"]
    response = ask(okta, BOUND, dpop=token_proof(okta, nonce=nonce))
    assert response.json()["token_type"] == "DPoP"
    assert response.headers["dpop-nonce"]
    return str(response.json()["access_token"])


def get(
    okta: Simulator, scheme: str, token: str, dpop: str = "", path: str = "/api/v1/users"
) -> httpx.Response:
    headers = {"Authorization": f"{scheme} {token}"} | ({"DPoP": dpop} if dpop else {})
    return httpx.get(okta.url + path, headers=headers, verify=NO_TLS)


def challenge(response: httpx.Response) -> tuple[int, str, dict[str, str]]:
    assert response.content == b""
    scheme, _, rest = response.headers["www-authenticate"].partition(" ")
    return response.status_code, scheme, dict(re.findall(r'(\w+)="([^"]*)"', rest))


# -- the token endpoint ------------------------------------------------------------------------


def test_a_client_gets_a_bearer_token_and_reads_with_it(okta: Simulator) -> None:
    response = ask(okta, PLAIN)
    body = response.json()
    assert set(body) == {"token_type", "expires_in", "access_token", "scope"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 3600)
    assert body["scope"] == "okta.users.read okta.groups.read"
    assert response.headers["x-rate-limit-limit"] == "300"
    for path in ("/api/v1/users", "/api/v1/groups"):
        assert get(okta, "Bearer", body["access_token"], path=path).json()


def test_keys_may_be_rsa_or_ec_and_pem_or_jwk(org: Org) -> None:
    ec = ECKey.generate_key("P-256")
    keys: list[str | Mapping[str, Any]] = [ec.as_pem(private=False).decode()]
    keys.append(ec.as_dict(private=False))
    clients = [Client(f"0oa{number}", (key,), dpop=False) for number, key in enumerate(keys)]
    with running(Simulator(org, clients=clients)) as okta:
        for client in clients:
            assert ask(okta, client, assertion(okta, client, ec)).status_code == 200


def test_fewer_scopes_than_requested_can_be_granted(okta: Simulator) -> None:
    body = ask(okta, USERS_ONLY).json()
    assert body["scope"] == "okta.users.read"
    assert get(okta, "Bearer", body["access_token"]).status_code == 200
    refused = get(okta, "Bearer", body["access_token"], path="/api/v1/groups")
    status, scheme, parts = challenge(refused)
    assert (status, scheme) == (403, "Bearer")
    assert parts["error"] == "insufficient_scope"
    assert parts["scope"] == "okta.groups.read"
    assert parts["resource"] == "/api/v1/groups"
    assert parts["error_description"] == (
        "The access token provided does not contain the required scopes."
    )


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"iss": "0oaNobody"}, "The issuer claim for client_assertion is not a valid client_id."),
        ({"sub": "0oaNobody"}, "The subject claim for client_assertion is not a valid client_id."),
        (
            {"aud": "https://acme.okta.com/oauth2/v1/token"},
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
        ),
        (
            {"exp": None},
            "The client_assertion must contain the 'exp' claim as seconds since epoch.",
        ),
        ({"exp": 1}, "The client_assertion token is expired."),
        (
            {"exp": int(time.time()) + 9000},
            "The client_assertion token has an expiration too far into the future.",
        ),
        (
            {"iat": int(time.time()) + 9000},
            "The client_assertion token must be issued before the current time.",
        ),
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(
    okta: Simulator, claims: dict[str, Any], message: str
) -> None:
    refused = ask(okta, PLAIN, assertion(okta, PLAIN, **claims))
    assert refusal(refused) == (401, "invalid_client", message)


def test_an_assertion_with_a_wrong_signature_or_key_id_is_refused(okta: Simulator) -> None:
    wrong = ask(okta, PLAIN, assertion(okta, PLAIN, OTHER_KEY))
    assert refusal(wrong)[2] == "The client_assertion signature is invalid."
    unknown = ask(okta, PLAIN, assertion(okta, PLAIN, kid="second"))
    assert refusal(unknown)[2] == "The client_assertion JWT kid is invalid."
    keyless = ask(okta, KEYLESS)
    assert refusal(keyless)[2].startswith("The client does not have a JWKSet configured")
    assert refusal(ask(okta, PLAIN, "no.j.wt"))[2] == "The parsing of the client_assertion failed."


def test_an_assertion_is_valid_once(okta: Simulator) -> None:
    once = assertion(okta, PLAIN)
    assert ask(okta, PLAIN, once).status_code == 200
    again = ask(okta, PLAIN, once)
    assert refusal(again)[2] == "The client_assertion token has already been used."


def test_only_client_credentials_with_private_key_jwt_are_granted(okta: Simulator) -> None:
    grant = ask(okta, PLAIN, grant_type="password")
    assert refusal(grant)[:2] == (400, "unsupported_grant_type")
    secret = ask(okta, PLAIN, client_assertion_type="none", client_secret="x")
    assert refusal(secret)[:2] == (401, "invalid_client")
    assert "private_key_jwt" in refusal(secret)[2]


def test_scopes_that_are_unknown_or_not_granted_are_refused(okta: Simulator) -> None:
    unknown = ask(okta, PLAIN, scope="users")
    assert refusal(unknown)[:2] == (400, "invalid_scope")
    assert refusal(ask(okta, SCOPELESS)) == (
        400,
        "consent_required",
        "You are not allowed any of the requested scopes.",
    )


def test_a_client_without_a_role_reads_empty_listings(okta: Simulator) -> None:
    token = ask(okta, ROLELESS).json()["access_token"]
    response = get(okta, "Bearer", token)
    assert (response.status_code, response.json()) == (200, [])
    assert set(response.links) == {"self"}


def test_an_access_token_expires_after_its_lifetime(org: Org) -> None:
    with running(Simulator(org, clients=CLIENTS, token_lifetime=60)) as okta:
        token = ask(okta, PLAIN).json()["access_token"]
        assert get(okta, "Bearer", token).status_code == 200
        okta.clock.skew += 60
        status, scheme, parts = challenge(get(okta, "Bearer", token))
    assert (status, scheme, parts["error"]) == (401, "Bearer", "invalid_token")


def test_a_fault_can_expire_access_tokens_without_api_tokens(okta: Simulator) -> None:
    token = ask(okta, PLAIN).json()["access_token"]
    okta.faults.append(make_fault("tokens-expire", api_tokens=False))
    assert get(okta, "Bearer", token).status_code == 401
    assert get(okta, "SSWS", "simulator-token").status_code == 200
    assert get(okta, "Bearer", ask(okta, PLAIN).json()["access_token"]).status_code == 200


def test_an_access_token_under_ssws_is_an_invalid_token(okta: Simulator) -> None:
    token = ask(okta, PLAIN).json()["access_token"]
    response = get(okta, "SSWS", token)
    assert (response.status_code, response.json()["errorCode"]) == (401, "E0000011")


def test_the_token_endpoint_has_a_limit_of_its_own(okta: Simulator) -> None:
    okta.meter.limits.token = 1
    assert ask(okta, PLAIN).status_code == 200
    assert ask(okta, PLAIN).status_code == 429


# -- DPoP at the token endpoint ----------------------------------------------------------------


def test_a_client_that_must_prove_its_key_gets_that_error(okta: Simulator) -> None:
    refused = ask(okta, BOUND)
    message = "The DPoP proof JWT header is missing."
    assert refusal(refused) == (400, "invalid_dpop_proof", message)


def test_a_proof_needs_the_servers_nonce(okta: Simulator) -> None:
    refused = ask(okta, BOUND, dpop=token_proof(okta))
    message = "Authorization server requires nonce in DPoP proof."
    assert refusal(refused) == (400, "use_dpop_nonce", message)
    nonce = refused.headers["dpop-nonce"]
    made_up = ask(okta, BOUND, dpop=token_proof(okta, nonce="made up"))
    assert refusal(made_up)[1] == "use_dpop_nonce"
    assert ask(okta, BOUND, dpop=token_proof(okta, nonce=nonce)).status_code == 200


def test_the_assertion_of_a_refused_attempt_is_used_up(okta: Simulator) -> None:
    once = assertion(okta, BOUND)
    nonce = ask(okta, BOUND, once, dpop=token_proof(okta)).headers["dpop-nonce"]
    again = ask(okta, BOUND, once, dpop=token_proof(okta, nonce=nonce))
    assert refusal(again)[2] == "The client_assertion token has already been used."


def test_a_nonce_is_valid_until_the_second_rotation(okta: Simulator) -> None:
    nonce = ask(okta, BOUND, dpop=token_proof(okta)).headers["dpop-nonce"]
    okta.access.endpoint.rotate_nonce()
    later = ask(okta, BOUND, dpop=token_proof(okta, nonce=nonce))
    assert later.status_code == 200
    assert later.headers["dpop-nonce"] != nonce
    okta.access.endpoint.rotate_nonce()
    refused = ask(okta, BOUND, dpop=token_proof(okta, nonce=nonce))
    assert refusal(refused)[1] == "use_dpop_nonce"


def test_a_client_without_required_proof_gets_a_bound_token_for_a_proof(okta: Simulator) -> None:
    nonce = ask(okta, PLAIN, dpop=token_proof(okta)).headers["dpop-nonce"]
    body = ask(okta, PLAIN, dpop=token_proof(okta, nonce=nonce)).json()
    assert body["token_type"] == "DPoP"


# -- DPoP at the API ---------------------------------------------------------------------------


def test_a_bound_token_needs_a_new_proof_for_every_call(okta: Simulator) -> None:
    token = bound_token(okta)
    url = f"{okta.url}/api/v1/users"
    for limit in (1, 2):
        fresh = proof("GET", url, ath=token_hash(token))
        response = get(okta, "DPoP", token, fresh, path=f"/api/v1/users?limit={limit}")
        assert len(response.json()) == limit


@pytest.mark.parametrize(
    ("claims", "message"),
    [
        ({"htm": "POST"}, "'htm' claim in the DPoP proof JWT is invalid."),
        ({"htu": "https://acme.okta.com/api/v1/users"}, "'htu' claim in the DPoP proof JWT is invalid."),
        ({"iat": 0}, "The DPoP proof JWT is issued more than five minutes in the past."),
        ({"iat": int(time.time()) + 86_400}, "The DPoP proof JWT is issued in the future."),
        ({"iat": "now"}, "'iat' claim in the DPoP proof JWT is invalid."),
        ({"jti": ""}, "'jti' claim in the DPoP proof JWT is invalid."),
        ({"typ": "jwt"}, "'typ' must be 'dpop+jwt' in the DPoP proof JWT."),
        (
            {"ath": "x"},
            "'ath' claim in the DPoP proof does not match the presented access_token.",
        ),
        (
            {"key": ECKey.generate_key("P-256")},
            "The access_token is not bound to the provided DPoP proof.",
        ),
    ],
)  # fmt: skip
def test_a_wrong_proof_is_a_400_with_the_reason_in_a_header(
    okta: Simulator, claims: dict[str, Any], message: str
) -> None:
    token = bound_token(okta)
    wrong = proof("GET", f"{okta.url}/api/v1/users", **({"ath": token_hash(token)} | claims))
    status, scheme, parts = challenge(get(okta, "DPoP", token, wrong))
    assert (status, scheme) == (400, "DPoP")
    assert (parts["error"], parts["error_description"]) == ("invalid_dpop_proof", message)
    assert parts["algs"] == "RS256 RS384 RS512 ES256 ES384 ES512"


def test_a_proof_is_valid_once(okta: Simulator) -> None:
    token = bound_token(okta)
    once = proof("GET", f"{okta.url}/api/v1/users", ath=token_hash(token))
    assert get(okta, "DPoP", token, once).status_code == 200
    _, _, parts = challenge(get(okta, "DPoP", token, once))
    assert parts["error_description"] == "The DPoP proof JWT has already been used."


def test_a_proof_signed_with_another_key_than_its_own_is_refused(okta: Simulator) -> None:
    token = bound_token(okta)
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": PROOF_KEY.as_dict(private=False)}
    claims = {
        "htm": "GET",
        "htu": f"{okta.url}/api/v1/users",
        "iat": int(time.time()),
        "jti": "x",
        "ath": token_hash(token),
    }
    forged = jwt.encode(header, claims, ECKey.generate_key("P-256"))
    _, _, parts = challenge(get(okta, "DPoP", token, forged))
    assert parts["error_description"] == "The DPoP proof JWT signature is invalid."


@pytest.mark.parametrize("broken", ["nonsense", ""])
def test_an_invalid_proof_is_refused(okta: Simulator, broken: str) -> None:
    status, _, parts = challenge(get(okta, "DPoP", bound_token(okta), broken))
    assert (status, parts["error"]) == (400, "invalid_dpop_proof")


def test_a_proof_with_its_private_key_is_refused(okta: Simulator) -> None:
    token = bound_token(okta)
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": PROOF_KEY.as_dict(private=True)}
    leaked = jwt.encode(header, {"htm": "GET"}, PROOF_KEY)
    _, _, parts = challenge(get(okta, "DPoP", token, leaked))
    assert parts["error_description"] == "The DPoP proof JWT is invalid."


@pytest.mark.parametrize("shown", [None, "key", {}, {"kty": "RSA"}, {"kty": "oct", "k": "eA"}])
def test_a_proof_without_a_key_is_refused(okta: Simulator, shown: object) -> None:
    token = bound_token(okta)
    parts = (json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": shown}), "{}", "signature")
    keyless = ".".join(urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
    status, _, challenged = challenge(get(okta, "DPoP", token, keyless))
    assert (status, challenged["error"]) == (400, "invalid_dpop_proof")


def test_tokens_under_the_wrong_scheme_are_refused(okta: Simulator) -> None:
    status, scheme, parts = challenge(get(okta, "Bearer", bound_token(okta)))
    assert (status, scheme, parts["error"]) == (400, "Bearer", "invalid_request")
    assert parts["error_description"] == "The resource request requires a DPoP proof."
    free = ask(okta, PLAIN).json()["access_token"]
    status, scheme, parts = challenge(get(okta, "DPoP", free))
    assert (status, scheme, parts["error"]) == (401, "DPoP", "invalid_token")


def test_the_challenge_has_the_recorded_parts(okta: Simulator, shared: Path) -> None:
    [path] = (shared / "fixtures" / "okta" / "not-recorded").glob("N03-*.json")
    [reported] = json.loads(path.read_text())["response"]["headers"]["www-authenticate"]
    token = bound_token(okta)
    own = get(okta, "DPoP", token, "nonsense").headers["www-authenticate"]
    assert re.findall(r"(\w+)=", own) == re.findall(r"(\w+)=", reported)
