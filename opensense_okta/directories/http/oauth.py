"""OAuth 2.0 client credentials: private_key_jwt (RFC 7523), client secrets and DPoP (RFC 9449); JWT grants.

The flow does no input or output: it yields requests and receives answers, and the HTTP client sends them. The
same flow serves every request, page and retry.

- A token is fetched for the first request, renewed before it expires, and renewed once if the API refuses it.
- Each attempt at the token endpoint has a new assertion, because a refused attempt uses it up, too.
- DPoP: tokens are bound to a key of this process, and each request has its own proof. A proof goes with each
  token request, or with those after the server has required it; whether the token is bound is in its type.
- Proofs and assertions are dated some seconds back, because a server may tolerate no time in the future.
"""

import asyncio
import base64
import hashlib
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import floor
from time import monotonic
from typing import Annotated

import msgspec

from opensense_okta.directories.errors import AccessDenied, DirectoryError
from opensense_okta.directories.http import keys
from opensense_okta.directories.http.client import (
    Answer,
    Auth,
    Request,
    Response,
    answer_of,
)
from opensense_okta.directories.http.headers import http_date
from opensense_okta.directories.http.keys import SigningKey
from opensense_okta.directories.json_text import MALFORMED

RENEW_BEFORE = 300.0  # seconds before a token expires
RENEW_AT_MOST = 0.2  # of the lifetime of short-lived tokens
ASSERTION_LIFE = 300  # seconds; Okta allows an hour (docs/okta-api.md, "Service app")
SKEW_TOLERATED = 2.0  # seconds between the server's clock and ours
BACKDATED = 5  # seconds; more than the skew that is tolerated and the rounding of Date headers
ATTEMPTS = 4  # at the token endpoint: plain, with DPoP, with its nonce, with the clock corrected
MORE_ATTEMPTS: Mapping[str, int] = {"token": 1, "proof": 1, "nonce": 3}
"""How often a request to the API is repeated, by what the API refused. A nonce may be for one use only."""


class _Token(msgspec.Struct):
    access_token: Annotated[str, msgspec.Meta(pattern=r"\A[\x21-\x7e]+\Z")]
    token_type: str = "Bearer"  # noqa: S105 - a kind of token
    expires_in: float = 3600
    scope: str | None = None


class _Refusal(msgspec.Struct):
    error: str = ""
    error_description: str = ""


@dataclass(frozen=True)
class Grant:
    """An access token and the time to renew it."""

    token: str
    bound: bool
    renew_at: float

    @property
    def stale(self) -> bool:
        """Whether it is time for a new one."""
        return monotonic() >= self.renew_at


@dataclass
class Proofs:
    """DPoP proofs, signed with the key that a token is bound to; the key is never stored.

    Attributes:
        nonce: the newest that the token endpoint gave.
        api_nonce: the newest that the API gave (RFC 9449 §9); the two are independent.
    """

    key: SigningKey = field(default_factory=keys.new_key)
    nonce: str | None = None
    api_nonce: str | None = None

    def proof(self, method: str, url: str, when: int, token: str | None = None) -> str:
        """A proof for one request (RFC 9449 §4.2)."""
        claims: dict[str, object] = {"htm": method, "htu": _bare(url), "iat": when - BACKDATED}
        claims["jti"] = keys.unique()
        if token is not None:
            claims["ath"] = _digest(token)
        nonce = self.nonce if token is None else self.api_nonce
        if nonce is not None:
            claims["nonce"] = nonce
        return self.key.sign(claims, typ="dpop+jwt", jwk=self.key.public())


class ClientCredentials(Auth):
    """Authorizes requests with a token that it fetches and renews itself.

    Args:
        token_url: the token endpoint.
        scope: what is asked for, blank-separated; empty if the identity says it.
        identity: what proves who the client is, as form fields, for a time in seconds since 1970;
            called again for each attempt.
        explain: makes a typed error of the endpoint's answer, its error code and its description.
        lost: whether the API's answer says that the token no longer counts.
        prove: whether a DPoP proof goes with each token request, also if the server has not required it.
    """

    def __init__(
        self,
        token_url: str,
        scope: str,
        identity: Callable[[int], dict[str, str]],
        explain: Callable[[Answer, str, str], DirectoryError],
        lost: Callable[[Answer], bool],
        *,
        prove: bool = False,
    ) -> None:
        self._token_url = token_url
        self._scope = scope
        self._identity = identity
        self._explain = explain
        self._lost = lost
        self._proofs = Proofs() if prove else None
        self._grant: Grant | None = None
        self._skew = 0.0  # seconds that the server's clock is ahead of ours
        self._renewing = asyncio.Lock()

    async def async_auth_flow(self, request: Request) -> AsyncGenerator[Request, Response]:
        """Authorizes a request, and again if a new token, proof or nonce may help."""
        left = dict(MORE_ATTEMPTS)
        while True:
            async with self._renewing:
                if self._grant is None or self._grant.stale:
                    fetch = self._fetch()
                    token_request: Request | None = next(fetch)
                    while token_request is not None:
                        response = yield token_request
                        await response.aread()
                        token_request = _next(fetch, response)
                grant = self._grant
            if grant is None:
                raise RuntimeError("the token endpoint's flow ended without a token")
            self._authorize(request, grant)
            response = yield request
            if self._proofs is not None:
                self._proofs.api_nonce = _nonce(response) or self._proofs.api_nonce
            if response.status_code not in {400, 401, 403}:
                return
            await response.aread()
            answer = answer_of(response)
            refused = self._refused_part(answer, grant)
            if refused is None or not left[refused]:
                return
            left[refused] -= 1
            self._replace(refused, answer, grant)

    def _fetch(self) -> Generator[Request, Response, None]:
        """Requests a token; repeats it if another attempt may succeed."""
        for _ in range(ATTEMPTS):
            response = yield self._token_request()
            answer = answer_of(response)
            if self._proofs is not None:
                self._proofs.nonce = _nonce(response) or self._proofs.nonce
            if answer.status == 200:
                self._grant = self._granted(answer)
                return
            refusal = _refusal(answer)
            if not self._can_retry_token(answer, refusal):
                break
        raise self._explain(answer, refusal.error, refusal.error_description)

    def _token_request(self) -> Request:
        when = self._now()
        asked = {"grant_type": "client_credentials", "scope": self._scope}
        form = {name: value for name, value in asked.items() if value} | self._identity(when)
        headers = {}
        if self._proofs is not None:
            headers["DPoP"] = self._proofs.proof("POST", self._token_url, when)
        return Request("POST", self._token_url, data=form, headers=headers)

    def _granted(self, answer: Answer) -> Grant:
        try:
            token = msgspec.json.decode(answer.body, type=_Token, strict=False)
        except MALFORMED:
            raise self._explain(answer, "", "") from None
        asked = set(self._scope.split())
        missing = asked - set(token.scope.split()) if token.scope is not None else set()
        if missing:
            raise AccessDenied(
                f"The app was granted only a part of what was asked for: {', '.join(sorted(missing))} is"
                " missing.",
                remedy="Grant the missing scopes to the app, then start the sync again.",
            )
        early = min(RENEW_BEFORE, RENEW_AT_MOST * token.expires_in)
        bound = token.token_type.lower() == "dpop"
        return Grant(token.access_token, bound, monotonic() + token.expires_in - early)

    def _can_retry_token(self, answer: Answer, refusal: _Refusal) -> bool:
        """Whether another attempt at the token endpoint may succeed."""
        if refusal.error == "invalid_dpop_proof" and self._proofs is None:
            self._proofs = Proofs()
            return True
        if refusal.error == "use_dpop_nonce":
            return self._proofs is not None and self._proofs.nonce is not None
        used = "already been used" in refusal.error_description
        return used or self._correct_clock(answer)

    def _authorize(self, request: Request, grant: Grant) -> None:
        if not grant.bound:
            request.headers["Authorization"] = f"Bearer {grant.token}"
            return
        self._proofs = self._proofs or Proofs()
        url = str(request.url)
        request.headers["Authorization"] = f"DPoP {grant.token}"
        request.headers["DPoP"] = self._proofs.proof(
            request.method, url, self._now(), token=grant.token
        )

    def _refused_part(self, answer: Answer, grant: Grant) -> str | None:
        """What another attempt would replace, as in MORE_ATTEMPTS; None if it would not help."""
        challenge = answer.header("www-authenticate")
        if "use_dpop_nonce" in challenge and grant.bound:
            return "nonce" if answer.header("dpop-nonce") else None
        if "invalid_dpop_proof" in challenge:
            return "proof"
        return "token" if self._lost(answer) else None

    def _replace(self, refused: str, answer: Answer, grant: Grant) -> None:
        """Makes the next attempt another one; each has a proof of its own in any case."""
        if refused == "proof":
            self._correct_clock(answer)
        if refused == "token" and self._grant is grant:
            self._grant = None

    def _now(self) -> int:
        return keys.now() + floor(self._skew)

    def _correct_clock(self, answer: Answer) -> bool:
        """Uses the server's time for assertions and proofs if it differs from ours; returns whether."""
        server = http_date(answer.header("date"))
        if server is None:
            return False
        skew = (server - datetime.now(UTC)).total_seconds()
        corrected = abs(skew - self._skew) > SKEW_TOLERATED
        if corrected:
            self._skew = skew
        return corrected


def private_key_jwt(
    key: SigningKey, client_id: str, token_url: str, header: Mapping[str, str] | None = None
) -> Callable[[int], dict[str, str]]:
    """A client's credentials signed with its private key (RFC 7523 §2.2), new for each attempt.

    Args:
        key: the client's.
        client_id: the client's id.
        token_url: the address of the token endpoint.
        header: of the assertion, beside its type and algorithm.
    """

    def identity(when: int) -> dict[str, str]:
        issued = when - BACKDATED
        claims = {
            "iss": client_id,
            "sub": client_id,
            "aud": token_url,
            "iat": issued,
            "nbf": issued,
            "exp": issued + ASSERTION_LIFE,
            "jti": keys.unique(),
        }
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        return {
            "client_assertion_type": kind,
            "client_assertion": key.sign(claims, typ="JWT", **(header or {})),
        }

    return identity


def jwt_bearer(
    key: SigningKey, issuer: str, token_url: str, scope: str, subject: str | None
) -> Callable[[int], dict[str, str]]:
    """An assertion that is the grant itself (RFC 7523 §2.1), new for each attempt.

    Args:
        key: the issuer's.
        issuer: who signs.
        token_url: the address of the token endpoint.
        scope: what is asked for, blank-separated.
        subject: whom the issuer acts as; None: itself.
    """

    def identity(when: int) -> dict[str, str]:
        issued = when - BACKDATED
        claims: dict[str, object] = {
            "iss": issuer,
            "scope": scope,
            "aud": token_url,
            "iat": issued,
            "exp": issued + ASSERTION_LIFE,
        }
        if subject is not None:
            claims["sub"] = subject
        grant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
        return {"grant_type": grant, "assertion": key.sign(claims, typ="JWT")}

    return identity


def client_secret(client_id: str, secret: str) -> Callable[[int], dict[str, str]]:
    """A client's credentials with its secret (RFC 6749 §2.3.1)."""
    return lambda _when: {"client_id": client_id, "client_secret": secret}


def _next(fetch: Generator[Request, Response, None], response: Response) -> Request | None:
    try:
        return fetch.send(response)
    except StopIteration:
        return None


def _refusal(answer: Answer) -> _Refusal:
    try:
        return msgspec.json.decode(answer.body, type=_Refusal)
    except MALFORMED:
        return _Refusal()


def _nonce(response: Response) -> str:
    """The nonce of an answer, or an empty string. A proxy may have doubled it; it has no blanks."""
    return str(response.headers.get("dpop-nonce", "")).rpartition(" ")[2]


def _bare(url: str) -> str:
    """A URL without query and fragment (RFC 9449 §4.2, htu)."""
    return url.partition("#")[0].partition("?")[0]


def _digest(token: str) -> str:
    digest = hashlib.sha256(token.encode("ascii")).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode("ascii")
