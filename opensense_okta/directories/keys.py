"""Private keys and what is signed with them (RFC 7515, 7517, 7518)."""

import json
import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from time import time

from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey, import_key

from opensense_okta.directories.errors import CredentialsRejected

SMALLEST_RSA = 2048  # bits; Okta takes no smaller one (okta-api.md §1.2)
CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
RSA_ALGORITHMS = ("RS256", "RS384", "RS512")  # the first, unless a JWK names another


@dataclass(frozen=True)
class SigningKey:
    """A private key and how it signs.

    Attributes:
        key: RSA or elliptic curve.
        algorithm: as JWS names it.
        kid: which of the owner's keys it is, where that was said.
    """

    key: RSAKey | ECKey
    algorithm: str
    kid: str | None = None

    def sign(self, claims: Mapping[str, object], **header: object) -> str:
        """A compact JWT with these claims."""
        named = {"kid": self.kid} if self.kid else {}
        full = {"alg": self.algorithm, **named, **header}
        return jwt.encode(full, dict(claims), self.key, algorithms=[self.algorithm])

    def public(self) -> dict[str, object]:
        """The public half, as a JWK."""
        return dict(self.key.as_dict(private=False))


def new_key() -> SigningKey:
    """A key for this process alone."""
    return SigningKey(ECKey.generate_key("P-256"), "ES256")


def read_key(text: str, kid: str | None = None) -> SigningKey:
    """The private key that a PEM or a JWK holds.

    Args:
        text: PEM (PKCS#1, PKCS#8 or SEC 1) or a JWK as JSON.
        kid: which key it is; a JWK's own `kid` counts when it is left out.

    Raises:
        CredentialsRejected: it holds none that can be used. The text never quotes the key.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # what is too weak is refused below
        key, own_kid = _jwk(text) if text.lstrip().startswith("{") else (_pem(text), None)
    if not key.is_private:
        raise _unusable("it holds only the public half")
    signing = SigningKey(key, _algorithm(key), kid or own_kid)
    try:
        signing.sign({})
    except JoseError:
        raise _unusable("its `use`, `key_ops` or `alg` says that it is not for this") from None
    return signing


def unique() -> str:
    """An id that is used once."""
    return secrets.token_urlsafe(16)


def now() -> int:
    """Seconds since 1970, as JWTs count them."""
    return int(time())


def _jwk(text: str) -> tuple[RSAKey | ECKey, str | None]:
    try:
        data = json.loads(text)
        key = import_key(data)
    except (ValueError, KeyError, TypeError, RecursionError, JoseError):
        raise _unusable("it is not a JWK with a private RSA or EC key") from None
    if not isinstance(key, RSAKey | ECKey):
        raise _unusable("only RSA and EC keys can sign for this")
    kid = data.get("kid")
    return key, kid if isinstance(kid, str) else None


def _pem(text: str) -> RSAKey | ECKey:
    kinds: tuple[type[RSAKey] | type[ECKey], ...] = (RSAKey, ECKey)
    for kind in kinds:
        try:
            return kind.import_key(text)
        except (ValueError, TypeError, JoseError):
            continue
    raise _unusable("it is no RSA or EC key in PEM or JWK form, or it is locked with a passphrase")


def _algorithm(key: RSAKey | ECKey) -> str:
    if isinstance(key, ECKey):
        try:
            return CURVES[key.curve_name]
        except KeyError:  # also the library's own, of a curve that it does not know
            raise _unusable(f"its curve is none of {', '.join(CURVES)}") from None
    if key.raw_value.key_size < SMALLEST_RSA:
        raise _unusable(f"an RSA key needs {SMALLEST_RSA} bits or more")
    return key.alg if key.alg in RSA_ALGORITHMS else RSA_ALGORITHMS[0]


def _unusable(why: str) -> CredentialsRejected:
    return CredentialsRejected(
        f"What is stored as the private key cannot be used: {why}.",
        remedy="Store the whole private key that was made for the app, as PEM (from -----BEGIN to"
        " -----END) or as JWK, where the organization file's `private_key` points.",
    )
