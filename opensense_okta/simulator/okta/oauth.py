"""The org's token endpoint: client credentials with private_key_jwt, and DPoP.

Every error is one of Okta's, with its message.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections import deque
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from joserfc import jws, jwt
from joserfc.errors import BadSignatureError, JoseError
from joserfc.jwk import ECKey, RSAKey

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.messages import Call, Headers, Reply, json_reply

ALGORITHMS = ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512")
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPES = frozenset({"okta.users.read", "okta.groups.read"})
LONGEST_ASSERTION = 3600
OLDEST_PROOF = 300

INVALID_CLIENT = {
    "private_key_jwt": "Client Credentials requests to the Org Authorization Server must use the "
    "private_key_jwt token_endpoint_auth_method.",
    "parsing": "The parsing of the client_assertion failed.",
    "issuer": "The issuer claim for client_assertion is not a valid client_id.",
    "subject": "The subject claim for client_assertion is not a valid client_id.",
    "audience": "The audience claim for client_assertion must be the endpoint invoked for the "
    "request.",
    "no_expiry": "The client_assertion must contain the 'exp' claim as seconds since epoch.",
    "expired": "The client_assertion token is expired.",
    "too_long": "The client_assertion token has an expiration too far into the future.",
    "from_future": "The client_assertion token must be issued before the current time.",
    "used": "The client_assertion token has already been used.",
    "signature": "The client_assertion signature is invalid.",
    "algorithm": "The client_assertion JWT signature algorithm is invalid.",
    "kid": "The client_assertion JWT kid is invalid.",
    "no_keys": "The client does not have a JWKSet configured, but the client_assertion requires "
    "one.",
}
"""Okta's messages when it cannot identify the client; all with status 401."""

BAD_REQUEST = {
    "unsupported_grant_type": "The authorization grant type is not supported by the authorization "
    "server. Configured grant types: [client_credentials].",
    "invalid_scope": "The requested scope is invalid, unknown, malformed, or exceeds the scope "
    "granted by the resource owner.",
    "consent_required": "You are not allowed any of the requested scopes.",
    "use_dpop_nonce": "Authorization server requires nonce in DPoP proof.",
}
"""Okta's messages when it does not grant a request, by error; all with status 400."""

_PROOF = "The DPoP proof JWT "


class InvalidRequestError(Exception):
    """A refused token request, by its key in the tables above."""


class ProofError(Exception):
    """A refused DPoP proof, with Okta's message."""


@dataclass(frozen=True)
class Client:
    """A service app registered with the org.

    Attributes:
        id: Its client id.
        keys: Its public keys: PEM text, or JWKs.
        scopes: The scopes granted to it; a request for more scopes gets only these.
        dpop: Whether it must prove that it has a key (Okta's default for new apps).
        has_role: Whether it has an admin role; without one every listing is empty.
    """

    id: str
    keys: tuple[str | Mapping[str, Any], ...]
    scopes: frozenset[str] = SCOPES
    dpop: bool = True
    has_role: bool = True

    def __post_init__(self) -> None:
        self.loaded_keys()

    def loaded_keys(self) -> list[RSAKey | ECKey]:
        """Its keys, loaded."""
        return [public_key(key) for key in self.keys]


@dataclass(frozen=True, slots=True)
class Grant:
    """What was granted with an access token."""

    client: Client
    scopes: frozenset[str]
    expires: float
    thumbprint: str | None


@dataclass
class Proofs:
    """Checks DPoP proofs; each is valid once."""

    clock: Clock
    _seen: set[str] = field(default_factory=set)

    def check(self, proof: str | None, method: str, url: str) -> tuple[str, dict[str, Any]]:
        """The thumbprint of the key that signed a proof, and the proof's claims.

        Raises:
            ProofError: The proof is not valid.
        """
        if not proof:
            raise ProofError(f"{_PROOF}header is missing.")
        header, claims = _verified_proof(proof)
        if claims.get("htm") != method:
            raise ProofError("'htm' claim in the DPoP proof JWT is invalid.")
        if claims.get("htu") != url:
            raise ProofError("'htu' claim in the DPoP proof JWT is invalid.")
        self._check_age(claims)
        jti = claims.get("jti")
        if not isinstance(jti, str) or not jti:
            raise ProofError("'jti' claim in the DPoP proof JWT is invalid.")
        if jti in self._seen:
            raise ProofError(f"{_PROOF}has already been used.")
        self._seen.add(jti)
        return public_key(header["jwk"]).thumbprint(), claims

    def _check_age(self, claims: Mapping[str, Any]) -> None:
        issued, now = claims.get("iat"), self.clock.now()
        if not isinstance(issued, int | float):
            raise ProofError("'iat' claim in the DPoP proof JWT is invalid.")
        if issued > now + 1:
            raise ProofError(f"{_PROOF}is issued in the future.")
        if issued < now - OLDEST_PROOF:
            raise ProofError(f"{_PROOF}is issued more than five minutes in the past.")


@dataclass
class ApiNonces:
    """The nonces that the API demands in proofs (RFC 9449 §9); Okta's own demands none.

    Attributes:
        changing: Whether each answer has a new nonce, and each nonce is valid once.
    """

    changing: bool
    _valid: set[str] = field(default_factory=set)

    def next(self) -> str:
        """The nonce for an answer."""
        if self.changing or not self._valid:
            nonce = secrets.token_urlsafe(16)
            self._valid.add(nonce)
            return nonce
        return min(self._valid)

    def accept(self, nonce: object) -> bool:
        """Whether a proof may have this nonce."""
        if nonce not in self._valid:
            return False
        if self.changing:
            self._valid.discard(str(nonce))
        return True


class TokenEndpoint:
    """Grants access tokens to the registered clients."""

    def __init__(self, clients: Iterable[Client], clock: Clock, lifetime: float = 3600) -> None:
        self.clients = {client.id: client for client in clients}
        self.lifetime = lifetime
        self.proofs = Proofs(clock)
        self._clock = clock
        self._nonces = deque([secrets.token_urlsafe(16)], maxlen=2)
        self._seen: set[str] = set()
        self._grants: dict[str, Grant] = {}
        self._signing_key = ECKey.generate_key("P-256")

    def grant_of(self, token: str) -> Grant | None:
        """What was granted with a token; None if the token is unknown or has expired."""
        grant = self._grants.get(token)
        return grant if grant and grant.expires > self._clock.now() else None

    def expire_all(self) -> None:
        """Let all tokens expire."""
        self._grants.clear()

    def rotate_nonce(self) -> None:
        """Use a new nonce; the previous one stays valid until the next rotation."""
        self._nonces.append(secrets.token_urlsafe(16))

    def answer(self, call: Call) -> Reply:
        """POST /oauth2/v1/token."""
        nonce = [("dpop-nonce", self._nonces[-1])]
        try:
            client, form = self._authenticate(call)
            thumbprint = self._proven_key(client, call)
            scopes = _granted(client, form.get("scope", ""))
        except InvalidRequestError as error:
            return _refusal(str(error), nonce)
        except ProofError as error:
            message = str(error)
            return json_reply(
                {"error": "invalid_dpop_proof", "error_description": message}, [], 400
            )
        token = self._issue(call, client, scopes, thumbprint)
        body = {
            "token_type": "DPoP" if thumbprint else "Bearer",
            "expires_in": int(self.lifetime),
            "access_token": token,
            "scope": " ".join(scopes),
        }
        return json_reply(body, nonce if thumbprint else [])

    def _authenticate(self, call: Call) -> tuple[Client, dict[str, str]]:
        form = dict(parse_qsl(call.body.decode()))
        if form.get("grant_type") != "client_credentials":
            raise InvalidRequestError("unsupported_grant_type")
        if form.get("client_assertion_type") != ASSERTION_TYPE:
            raise InvalidRequestError("private_key_jwt")
        header, claims = _unverified(form.get("client_assertion", ""))
        client = self.clients.get(str(claims.get("iss")))
        if not client:
            raise InvalidRequestError("issuer")
        _check_signature(form["client_assertion"], client, header)
        self._check_claims(claims, f"{call.base_url}{call.path}")
        return client, form

    def _check_claims(self, claims: Mapping[str, Any], url: str) -> None:
        now, audience, expires = self._clock.now(), claims.get("aud"), claims.get("exp")
        if claims.get("sub") != claims["iss"]:
            raise InvalidRequestError("subject")
        if url not in (audience if isinstance(audience, list) else [audience]):
            raise InvalidRequestError("audience")
        if not isinstance(expires, int | float):
            raise InvalidRequestError("no_expiry")
        if expires <= now:
            raise InvalidRequestError("expired")
        if expires > now + LONGEST_ASSERTION + 1:
            raise InvalidRequestError("too_long")
        if claims.get("iat", 0) > now + 1:
            raise InvalidRequestError("from_future")
        if "jti" in claims and claims["jti"] in self._seen:
            raise InvalidRequestError("used")
        self._seen.add(claims.get("jti", ""))

    def _proven_key(self, client: Client, call: Call) -> str | None:
        """The thumbprint of the key that the caller has proved to have; None for a caller without proof."""
        proof = call.headers.get("dpop")
        if not proof and not client.dpop:
            return None
        thumbprint, claims = self.proofs.check(proof, "POST", f"{call.base_url}{call.path}")
        if claims.get("nonce") not in self._nonces:
            raise InvalidRequestError("use_dpop_nonce")
        return thumbprint

    def _issue(self, call: Call, client: Client, scopes: list[str], thumbprint: str | None) -> str:
        now = self._clock.now()
        claims = {
            "ver": 1,
            "jti": f"AT.{secrets.token_urlsafe(24)}",
            "iss": call.base_url,
            "aud": call.base_url,
            "sub": client.id,
            "cid": client.id,
            "iat": int(now),
            "exp": int(now + self.lifetime),
            "scp": scopes,
        }
        header = {"alg": "ES256", "typ": "application/okta-internal-at+jwt"}
        token = jwt.encode(header, claims, self._signing_key)
        self._grants[token] = Grant(client, frozenset(scopes), now + self.lifetime, thumbprint)
        return token


def token_hash(token: str) -> str:
    """The required value of a proof's claim `ath`."""
    return urlsafe_b64encode(hashlib.sha256(token.encode()).digest()).rstrip(b"=").decode()


def _refusal(key: str, nonce: Headers) -> Reply:
    if key in INVALID_CLIENT:
        body = {"error": "invalid_client", "error_description": INVALID_CLIENT[key]}
        return json_reply(body, [], 401)
    body = {"error": key, "error_description": BAD_REQUEST[key]}
    return json_reply(body, nonce if key == "use_dpop_nonce" else [], 400)


def _granted(client: Client, requested: str) -> list[str]:
    names = requested.split()
    if not names or any(not name.startswith("okta.") for name in names):
        raise InvalidRequestError("invalid_scope")
    granted = [name for name in names if name in client.scopes]
    if not granted:
        raise InvalidRequestError("consent_required")
    return granted


def _unverified(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Header and claims of an assertion, before its client and key are known."""
    if not token:
        raise InvalidRequestError("private_key_jwt")
    try:
        parsed = jws.extract_compact(token.encode())
        return dict(parsed.headers()), dict(msgspec.json.decode(parsed.payload))
    except (JoseError, ValueError, TypeError):
        raise InvalidRequestError("parsing") from None


def _check_signature(token: str, client: Client, header: Mapping[str, Any]) -> None:
    if header.get("alg") not in ALGORITHMS:
        raise InvalidRequestError("algorithm")
    keys = client.loaded_keys()
    if not keys:
        raise InvalidRequestError("no_keys")
    if "kid" in header:
        keys = [key for key in keys if key.kid in (None, header["kid"])]
    if not keys or ("kid" not in header and len(keys) > 1):
        raise InvalidRequestError("kid")
    for key in keys:
        try:
            jwt.decode(token, key, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError):
            continue
        return
    raise InvalidRequestError("signature")


def _verified_proof(proof: str) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        header = dict(jws.extract_compact(proof.encode()).headers())
    except (JoseError, ValueError):
        raise ProofError(f"{_PROOF}cannot be parsed.") from None
    if header.get("typ") != "dpop+jwt":
        raise ProofError("'typ' must be 'dpop+jwt' in the DPoP proof JWT.")
    if header.get("alg") not in ALGORITHMS:
        raise ProofError(f"{_PROOF}signature algorithm is invalid.")
    key = header.get("jwk")
    if not isinstance(key, dict) or "d" in key:
        raise ProofError(f"{_PROOF}is invalid.")
    try:
        return header, jwt.decode(proof, public_key(key), algorithms=list(ALGORITHMS)).claims
    except BadSignatureError:
        raise ProofError(f"{_PROOF}signature is invalid.") from None
    except (JoseError, ValueError):
        raise ProofError(f"{_PROOF}is invalid.") from None


def public_key(key: str | Mapping[str, Any]) -> RSAKey | ECKey:
    """Load a public key, PEM text or a JWK.

    Raises:
        ValueError: It is not an RSA or EC key.
    """
    data = key if isinstance(key, str) else dict(key)
    for kind in (RSAKey, ECKey):
        with suppress(JoseError, KeyError, TypeError, ValueError):
            loaded: RSAKey | ECKey = kind.import_key(data)
            return loaded
    raise ValueError("not an RSA or EC key")
