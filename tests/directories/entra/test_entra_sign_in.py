"""How an app proves to Microsoft who it is, by hand, without a network."""

import base64
import hashlib
from pathlib import Path
from urllib.parse import parse_qsl

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from joserfc import jws, jwt
from joserfc.jwk import RSAKey

from opensense_okta.config.directory_models import EntraDirectory
from opensense_okta.directories import errors
from opensense_okta.directories.entra import reader as entra
from opensense_okta.directories.http.oauth import ClientCredentials
from tests.directories.http.test_certificates import OWN
from tests.support import app
from tests.support.reads import failure
from tests.support.tenant import APP, SECRET, TENANT


def settings(**more: object) -> EntraDirectory:
    ours = {"kind": "entra", "tenant_id": TENANT, "client_id": APP}
    return EntraDirectory.model_validate({**ours, **more})


def with_secret(**more: object) -> EntraDirectory:
    return settings(client_secret={"env": "ACME_ENTRA_SECRET"}, **more)


@pytest.fixture(autouse=True)
def _secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_ENTRA_SECRET", SECRET)


def token_request(directory: EntraDirectory) -> httpx.Request:
    """The request that goes out before the first one to Graph."""
    auth = entra.authorization(directory)
    assert isinstance(auth, ClientCredentials)
    flow = auth.async_auth_flow(httpx.Request("GET", f"{entra.graph_root(directory)}/v1.0/users"))
    try:
        flow.__anext__().send(None)
    except StopIteration as first:
        request: httpx.Request = first.value
        return request
    raise AssertionError("it waits for something")


def form(request: httpx.Request) -> dict[str, str]:
    return dict(parse_qsl(request.content.decode(), strict_parsing=True))


def test_a_client_secret_goes_to_the_tenants_token_endpoint_as_a_form() -> None:
    request = token_request(with_secret())
    assert request.method == "POST"
    assert str(request.url) == f"https://login.microsoftonline.com/{TENANT}/oauth2/v2.0/token"
    assert form(request) == {
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
        "client_id": APP,
        "client_secret": SECRET,
    }


def test_a_certificate_signs_an_assertion_that_names_it(tmp_path: Path) -> None:
    pem = tmp_path / "app.pem"
    pem.write_text(app.pem(app.key()) + OWN)
    request = token_request(settings(certificate={"file": str(pem)}))
    sent = form(request)
    assertion = sent.pop("client_assertion")
    assert sent == {
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
        "client_id": APP,
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    }
    der = x509.load_pem_x509_certificate(OWN.encode()).public_bytes(serialization.Encoding.DER)
    thumbprint = base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()
    header = jws.extract_compact(assertion.encode()).headers()
    assert header == {"alg": "PS256", "typ": "JWT", "x5t#S256": thumbprint}
    key = RSAKey.import_key(app.public(app.key()))
    claims = jwt.decode(assertion, key, algorithms=["PS256"]).claims
    assert (claims["aud"], claims["iss"], claims["sub"]) == (str(request.url), APP, APP)
    assert claims["nbf"] == claims["iat"] == claims["exp"] - 300
    assert len(claims["jti"]) >= 16


@pytest.mark.parametrize(
    ("cloud", "login", "graph"),
    [
        ("global", "login.microsoftonline.com", "graph.microsoft.com"),
        ("us_gov", "login.microsoftonline.us", "graph.microsoft.us"),
        ("us_gov_dod", "login.microsoftonline.us", "dod-graph.microsoft.us"),
        ("china", "login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
    ],
)
def test_each_cloud_has_its_own_addresses(cloud: str, login: str, graph: str) -> None:
    directory = with_secret(cloud=cloud)
    request = token_request(directory)
    assert request.url.host == login
    assert form(request)["scope"] == f"https://{graph}/.default"
    assert entra.graph_root(directory) == f"https://{graph}"


def test_what_no_secret_can_be_is_told_without_quoting_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ACME_ENTRA_SECRET", "recognisable\nsecret")
    error = failure(lambda: entra.authorization(with_secret()))
    assert type(error) is errors.CredentialsRejected
    assert "recognisable" not in str(error)


def test_another_tenant_cloud_or_scope_is_another_reach() -> None:
    others = [
        with_secret(tenant_id="acme.com"),
        with_secret(cloud="china"),
        with_secret(scope={"groups": ["Staff"]}),
    ]
    own = entra.source_scope(with_secret())
    assert own == entra.source_scope(with_secret(attributes={"desk": "officeLocation"}))
    assert all(entra.source_scope(other) != own for other in others)
