"""The token endpoint: access tokens for assertions that a service account signs (RFC 7523)."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self
from urllib.parse import parse_qsl

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.google.account import Account
from opensense_okta.simulator.google.messages import JSON, PROJECT, token_refused
from opensense_okta.simulator.messages import Call, Reply

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
AUDIENCE = "https://oauth2.googleapis.com/token"
"""The audience of every assertion of Google's own clients, wherever the endpoint is."""

LIFETIME = 3599.0
LONGEST_ASSERTION = 3600
AHEAD = 300
"""Seconds that an assertion's `iat` may be in the future."""

PREFIX = "https://www.googleapis.com/auth/"
READS = frozenset(f"{PREFIX}admin.directory.{scope}.readonly" for scope in ("user", "group"))
"""The least scopes for reading users, groups and members."""

KNOWN_SCOPES = READS | frozenset(
    f"{PREFIX}admin.directory.{scope}"
    for scope in (
        "user",
        "group",
        "group.member",
        "group.member.readonly",
        "orgunit.readonly",
        "userschema.readonly",
        "customer.readonly",
    )
)


@dataclass(frozen=True)
class ServiceAccount:
    """A service account of a Google Cloud project, with its key.

    Attributes:
        name: the part of its address before the project.
        delegated: the scopes of its domain-wide delegation; None: there is no entry for it.
        has_role: whether an admin role is assigned to the service account itself.
    """

    name: str = "directory-reader"
    delegated: frozenset[str] | None = READS
    has_role: bool = False
    key: RSAKey = field(default_factory=lambda: RSAKey.generate_key(2048), repr=False)

    @property
    def email(self) -> str:
        """Its address."""
        return f"{self.name}@acme-directory.iam.gserviceaccount.com"

    @cached_property
    def key_id(self) -> str:
        """The id of its key."""
        return self.key.thumbprint()[:40]

    def key_file(self, url: str) -> str:
        """The JSON that the Cloud console would download, for a token endpoint at a URL."""
        content = {
            "type": "service_account",
            "project_id": "acme-directory",
            "private_key_id": self.key_id,
            "private_key": self.key.as_pem(private=True).decode(),
            "client_email": self.email,
            "client_id": "108877665544332211009",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth",
            "token_uri": f"{url}/token",
            "universe_domain": "googleapis.com",
        }
        return msgspec.json.format(msgspec.json.encode(content), indent=2).decode() + "\n"

    @classmethod
    def with_key_of(cls, other: Self, **changes: Any) -> Self:  # noqa: ANN401 - the fields
        """A service account with the key of another one; a new key takes a tenth of a second."""
        return cls(**{"key": other.key, **changes})


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted with an access token.

    Attributes:
        subject: the administrator's id; empty if the service account acts for itself.
    """

    account: ServiceAccount
    subject: str
    scopes: frozenset[str]
    expires: float

    @property
    def bucket(self) -> str:
        """The user and project whose queries are counted together."""
        return f"{PROJECT}/{self.subject or self.account.email}"


class Login:
    """Grants access tokens to the service accounts."""

    def __init__(
        self,
        account: Account,
        service_accounts: Iterable[ServiceAccount],
        clock: Clock,
        lifetime: float = LIFETIME,
    ) -> None:
        self.service_accounts = {known.email: known for known in service_accounts}
        self.lifetime = lifetime
        self._account = account
        self._clock = clock
        self._grants: dict[str, Grant] = {}

    def grant_of(self, token: str) -> Grant | None:
        """What was granted with a token; None if the token is unknown or has expired."""
        grant = self._grants.get(token)
        return grant if grant and grant.expires > self._clock.now() else None

    def expire_all(self) -> None:
        """Let all tokens expire."""
        self._grants.clear()

    def answer(self, call: Call) -> Reply:
        """POST /token."""
        form = dict(parse_qsl(call.body.decode()))
        if form.get("grant_type") != GRANT_TYPE:
            raise token_refused("grant")
        service_account, claims = self._verified(form.get("assertion", ""))
        self._check_claims(claims, (AUDIENCE, f"{call.base_url}{call.path}"))
        scopes = frozenset(str(claims.get("scope", "")).split())
        if not scopes or not scopes <= KNOWN_SCOPES:
            raise token_refused("scope")
        subject = self._subject(service_account, claims, scopes)
        token = f"ya29.c.{secrets.token_urlsafe(96)}"
        expires = self._clock.now() + self.lifetime
        self._grants[token] = Grant(service_account, subject, scopes, expires)
        body = {"access_token": token, "expires_in": int(self.lifetime), "token_type": "Bearer"}
        return Reply(200, msgspec.json.encode(body), [], JSON)

    def _verified(self, assertion: str) -> tuple[ServiceAccount, Mapping[str, Any]]:
        try:
            claims = dict(msgspec.json.decode(jws.extract_compact(assertion.encode()).payload))
        except (JoseError, ValueError, TypeError):
            raise token_refused("assertion") from None
        service_account = self.service_accounts.get(str(claims.get("iss")))
        if service_account is None:
            raise token_refused("no account")
        try:
            jwt.decode(assertion, service_account.key, algorithms=["RS256"])
        except (JoseError, ValueError):
            raise token_refused("signature") from None
        return service_account, claims

    def _check_claims(self, claims: Mapping[str, Any], audiences: tuple[str, ...]) -> None:
        now, issued, ends = self._clock.now(), claims.get("iat"), claims.get("exp")
        if not isinstance(issued, int) or not isinstance(ends, int):
            raise token_refused("assertion")
        if issued > now + AHEAD or ends < now or ends - issued > LONGEST_ASSERTION:
            raise token_refused("time")
        if claims.get("aud") not in audiences:
            raise token_refused("audience")

    def _subject(
        self, service_account: ServiceAccount, claims: Mapping[str, Any], scopes: frozenset[str]
    ) -> str:
        """The id of the administrator that the service account acts as, or an empty string."""
        if "sub" not in claims:
            return ""
        if service_account.delegated is None or not scopes & service_account.delegated:
            raise token_refused("unauthorized")
        user = self._account.user_by_address(str(claims["sub"]))
        if user is None or user["suspended"] or user["archived"]:
            raise token_refused("no user")
        if not scopes <= service_account.delegated or not user["agreedToTerms"]:
            raise token_refused("denied")  # one scope that is not granted refuses all
        return str(user["id"])
