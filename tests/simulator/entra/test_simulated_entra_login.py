"""Entra's token endpoint: tokens, and errors."""

import time
from base64 import b64encode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA1, SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc import jwt
from joserfc.jwk import RSAKey

from opensense_okta.simulator.entra.apps import App
from opensense_okta.simulator.entra.login import ASSERTION_TYPE
from opensense_okta.simulator.entra.server import CLIENT_ID, CLIENT_SECRET, TENANT_ID, Simulator
from tests.support.simulators import LogIn


def base64url(digest: bytes) -> str:
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


@pytest.fixture(scope="module")
def key() -> RSAPrivateKey:
    return generate_private_key(65537, 2048)


@pytest.fixture(scope="module")
def certificate(key: RSAPrivateKey) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "acme")])
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    ).sign(key, SHA256())


@pytest.fixture
def certified(entra: Simulator, certificate: x509.Certificate) -> Simulator:
    """A simulator with an application that has a certificate and no secret."""
    pem = certificate.public_bytes(Encoding.PEM).decode()
    entra.access.endpoint.apps[CLIENT_ID] = App(CLIENT_ID, certificates=(pem,))
    return entra


def signed(
    simulator: Simulator,
    key: RSAPrivateKey,
    certificate: x509.Certificate,
    header: dict[str, str] | None = None,
    **changes: object,
) -> dict[str, str | None]:
    """The fields of a request with a signed assertion."""
    now = int(time.time())
    claims: dict[str, Any] = {
        "aud": f"{simulator.url}/{TENANT_ID}/oauth2/v2.0/token",
        "iss": CLIENT_ID,
        "sub": CLIENT_ID,
        "jti": str(uuid4()),
        "nbf": now,
        "exp": now + 300,
        **changes,
    }
    thumbprint = base64url(certificate.fingerprint(SHA256()))
    parts = {"alg": "PS256", "typ": "JWT", **(header or {"x5t#S256": thumbprint})}
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    algorithms = ["PS256", "RS256", "RS512"]
    assertion = jwt.encode(parts, claims, RSAKey.import_key(pem), algorithms=algorithms)
    return {
        "client_secret": None,
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }


def code(answer: httpx.Response) -> tuple[int, str, int]:
    body = answer.json()
    [number] = body["error_codes"]
    assert body["error_description"].startswith(f"AADSTS{number}: ")
    assert body["error_uri"].endswith(f"code={number}")
    return answer.status_code, body["error"], number


@pytest.mark.parametrize("named", [TENANT_ID, TENANT_ID.upper(), "acme.example"])
def test_a_secret_gets_a_token_for_graph(
    anonymous: httpx.Client, log_in: LogIn, named: str
) -> None:
    answer = log_in(named)
    token = answer.json()["access_token"]
    assert answer.json() | {"access_token": ""} == {
        "token_type": "Bearer",
        "expires_in": 3599,
        "ext_expires_in": 3599,
        "access_token": "",
    }
    headers = {"Authorization": f"Bearer {token}"}
    assert anonymous.get("/v1.0/users", headers=headers).status_code == 200


def test_id_and_secret_can_be_in_a_header(anonymous: httpx.Client, entra: Simulator) -> None:
    pair = f"{quote(CLIENT_ID)}:{quote(CLIENT_SECRET, safe='')}"
    answer = anonymous.post(
        f"/{TENANT_ID}/oauth2/v2.0/token",
        data={"grant_type": "client_credentials", "scope": f"{entra.url}/.default"},
        headers={"Authorization": f"Basic {b64encode(pair.encode()).decode()}"},
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"client_secret": "wrong"}, (401, "invalid_client", 7000215)),
        ({"client_secret": "old"}, (401, "invalid_client", 7000222)),
        ({"client_secret": None}, (401, "invalid_client", 7000216)),
        ({"client_id": "nobody"}, (400, "unauthorized_client", 700016)),
        ({"client_id": None}, (400, "invalid_request", 900144)),
        ({"scope": "User.Read.All"}, (400, "invalid_scope", 70011)),
        ({"scope": None}, (400, "invalid_request", 900144)),
        ({"scope": "https://foo.example/.default"}, (400, "invalid_resource", 500011)),
        ({"grant_type": "password"}, (400, "unsupported_grant_type", 70003)),
        ({"grant_type": None}, (400, "invalid_request", 900144)),
        ({"tenant_id": "eba1ff00-d841-42a3-b5d2-03444cdf993b"}, (400, "invalid_request", 90002)),
        ({"tenant_id": "elsewhere.example"}, (400, "invalid_request", 90002)),
        ({"tenant_id": "acme"}, (400, "invalid_request", 900023)),
        ({"tenant_id": "common"}, (400, "invalid_request", 9001023)),
    ],
    ids=str,
)
def test_every_refusal_has_its_code(
    entra: Simulator, log_in: LogIn, fields: dict[str, Any], expected: tuple[int, str, int]
) -> None:
    entra.access.endpoint.apps[CLIENT_ID] = App(CLIENT_ID, (CLIENT_SECRET,), ("old",))
    assert code(log_in(**fields)) == expected


@pytest.mark.parametrize("algorithm", ["PS256", "RS256"])
@pytest.mark.parametrize(
    "digest",
    [SHA256(), SHA1()],  # noqa: S303 - what the older header is made of
    ids=["x5t#S256", "x5t"],
)
def test_a_certificate_gets_a_token(
    certified: Simulator,
    log_in: LogIn,
    key: RSAPrivateKey,
    certificate: x509.Certificate,
    algorithm: str,
    digest: SHA1 | SHA256,
) -> None:
    name = "x5t" if isinstance(digest, SHA1) else "x5t#S256"
    header = {"alg": algorithm, name: base64url(certificate.fingerprint(digest))}
    answer = log_in(**signed(certified, key, certificate, header))
    assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    ("header", "changes", "number"),
    [
        ({"x5t#S256": "AAAA"}, {}, 700027),
        ({"kid": "1"}, {}, 700027),
        (None, {"iss": "somebody"}, 700021),
        (None, {"sub": "somebody"}, 700021),
        (None, {"aud": "https://login.microsoftonline.com"}, 50012),
        (None, {"exp": 1}, 700024),
        (None, {"exp": None}, 700024),
        (None, {"nbf": 2**33, "exp": 2**34}, 700024),
        (None, {"jti": None}, 50027),
    ],
)
def test_an_assertion_with_a_wrong_header_or_claim_is_refused_with_a_code(
    certified: Simulator,
    log_in: LogIn,
    key: RSAPrivateKey,
    certificate: x509.Certificate,
    header: dict[str, str] | None,
    changes: dict[str, object],
    number: int,
) -> None:
    answer = log_in(**signed(certified, key, certificate, header, **changes))
    assert code(answer) == (401, "invalid_client", number)


def test_an_assertion_with_another_key_or_algorithm_is_refused(
    certified: Simulator, log_in: LogIn, key: RSAPrivateKey, certificate: x509.Certificate
) -> None:
    other = generate_private_key(65537, 2048)
    assert code(log_in(**signed(certified, other, certificate)))[2] == 700027
    header = {"alg": "RS512", "x5t#S256": base64url(certificate.fingerprint(SHA256()))}
    assert code(log_in(**signed(certified, key, certificate, header)))[2] == 700027
    fields = signed(certified, key, certificate)
    assert code(log_in(**{**fields, "client_assertion": "no.jwt"}))[2] == 50027


def test_an_assertion_is_valid_once(
    certified: Simulator, log_in: LogIn, key: RSAPrivateKey, certificate: x509.Certificate
) -> None:
    fields = signed(certified, key, certificate)
    assert log_in(**fields).status_code == 200
    assert code(log_in(**fields))[2] == 50027


def test_an_invalid_certificate_is_an_error_at_once() -> None:
    with pytest.raises(ValueError, match="PEM"):
        App("app", certificates=("no certificate",))
