"""The login endpoint: client credentials with a secret or a certificate."""

import re
import secrets
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl, unquote_plus

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.entra.apps import App, Certificate
from opensense_okta.simulator.entra.messages import LOGIN_JSON, login_error
from opensense_okta.simulator.entra.tenant import TENANT_ID, Tenant
from opensense_okta.simulator.messages import Call, Reply

ALGORITHMS = ["PS256", "RS256"]
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
LIFETIME = 3599.0
"""Seconds until a token expires; one less than an hour (token_ok)."""

GRAPH_ROOTS = (
    "https://graph.microsoft.com",
    "https://graph.microsoft.us",
    "https://dod-graph.microsoft.us",
    "https://microsoftgraph.chinacloudapi.cn",
)
SHARED_TENANT_NAMES = ("common", "consumers", "organizations")

_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_DNS_NAME = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted with an access token."""

    app: App
    expires: float


class Login:
    """Grants access tokens to the registered applications."""

    def __init__(
        self, tenant: Tenant, apps: Iterable[App], clock: Clock, lifetime: float = LIFETIME
    ) -> None:
        self.apps = {app.id: app for app in apps}
        self.lifetime = lifetime
        self._tenant = tenant
        self._clock = clock
        self._grants: dict[str, Grant] = {}
        self._expired: set[str] = set()
        self._assertions: set[str] = set()

    def grant_of(self, token: str) -> Grant | None:
        """What was granted with a token; None if the token is unknown or has expired."""
        grant = self._grants.get(token)
        return grant if grant and grant.expires > self._clock.now() else None

    def was_granted(self, token: str) -> bool:
        """Whether a token was ever granted."""
        return token in self._grants or token in self._expired

    def expire_all(self) -> None:
        """Let all tokens expire."""
        self._expired |= self._grants.keys()
        self._grants.clear()

    def answer(self, call: Call, tenant: str) -> Reply:
        """POST /{tenant}/oauth2/v2.0/token."""
        _check_tenant(tenant, self._tenant)
        form = dict(parse_qsl(call.body.decode()))
        if "grant_type" not in form:
            raise login_error(900144, "grant_type")
        if form["grant_type"] != "client_credentials":
            raise login_error(70003, form["grant_type"])
        app = self._authenticate(call, form)
        _check_scope(form.get("scope", ""), call.base_url)
        seconds = int(self.lifetime)
        body = {
            "token_type": "Bearer",
            "expires_in": seconds,
            "ext_expires_in": seconds,
            "access_token": self._issue(app),
        }
        return Reply(200, msgspec.json.encode(body), [("x-ms-srs", "1.P")], LOGIN_JSON)

    def _authenticate(self, call: Call, form: dict[str, str]) -> App:
        client_id, secret = _basic(call) or (form.get("client_id"), form.get("client_secret"))
        if not client_id:
            raise login_error(900144, "client_id")
        app = self.apps.get(client_id)
        if not app:
            raise login_error(700016, client_id)
        if form.get("client_assertion_type") == ASSERTION_TYPE:
            self._check_assertion(call, app, form.get("client_assertion", ""))
            return app
        if not secret:
            raise login_error(7000216)
        if secret in app.expired_secrets:
            raise login_error(7000222, client_id)
        if secret not in app.secrets:
            raise login_error(7000215, client_id)
        return app

    def _check_assertion(self, call: Call, app: App, assertion: str) -> None:
        try:
            parsed = jws.extract_compact(assertion.encode())
            header, claims = dict(parsed.headers()), dict(msgspec.json.decode(parsed.payload))
        except (JoseError, ValueError, TypeError):
            raise login_error(50027, "JWT token is invalid or malformed.") from None
        certificate = _certificate(app, header)
        try:
            jwt.decode(assertion, RSAKey.import_key(certificate.public_key), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            raise login_error(700027, "The key used is invalid or the signature is.") from None
        self._check_claims(call, app, claims)

    def _check_claims(self, call: Call, app: App, claims: Mapping[str, Any]) -> None:
        now = self._clock.now()
        if not claims.get("iss") == claims.get("sub") == app.id:
            raise login_error(700021)
        if claims.get("aud") != f"{call.base_url}{call.path}":
            raise login_error(50012)
        begins, ends = claims.get("nbf", 0), claims.get("exp")
        if not isinstance(ends, int | float) or not begins - 300 <= now < ends:
            raise login_error(700024, datetime.fromtimestamp(now, UTC).isoformat())
        assertion_id = str(claims.get("jti") or "")
        if not assertion_id or assertion_id in self._assertions:
            raise login_error(50027, "The claim 'jti' is missing or was used before.")
        self._assertions.add(assertion_id)

    def _issue(self, app: App) -> str:
        """A token that looks like a JWT; only Graph can read it."""
        now = self._clock.now()
        claims = {"appid": app.id, "tid": TENANT_ID, "exp": int(now + self.lifetime)}
        claims["roles"] = sorted(app.permissions)
        parts = [msgspec.json.encode(part) for part in ({"typ": "JWT", "alg": "RS256"}, claims)]
        parts.append(secrets.token_bytes(64))
        token = ".".join(urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts)
        self._grants[token] = Grant(app, now + self.lifetime)
        return token


def _check_tenant(name: str, tenant: Tenant) -> None:
    if name in SHARED_TENANT_NAMES:
        raise login_error(9001023)
    if name.lower() in (TENANT_ID, *tenant.domains):
        return
    if _GUID.fullmatch(name) or _DNS_NAME.fullmatch(name):
        raise login_error(90002, name)
    raise login_error(900023, name)


def _check_scope(scope: str, own_url: str) -> None:
    if not scope:
        raise login_error(900144, "scope")
    resource, default, rest = scope.partition("/.default")
    if not default or rest:
        raise login_error(70011, scope)
    if resource.rstrip("/") not in (own_url, *GRAPH_ROOTS):
        raise login_error(500011, resource)


def _certificate(app: App, header: Mapping[str, Any]) -> Certificate:
    names = {(name, str(header[name])) for name in ("x5t", "x5t#S256") if name in header}
    for certificate in app.loaded_certificates:
        if names and names <= certificate.thumbprints:
            return certificate
    thumbprints = ", ".join(value for _, value in sorted(names)) or "none"
    raise login_error(
        700027, f"The key was not found, Thumbprint of key used by client: '{thumbprints}'"
    )


def _basic(call: Call) -> tuple[str, str] | None:
    """Client id and secret of a Basic Authorization header."""
    scheme, _, value = call.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        client_id, _, secret = b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return None
    return unquote_plus(client_id), unquote_plus(secret)
