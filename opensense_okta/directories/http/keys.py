"""Reads private keys and certificates, and signs with them (RFC 7515, 7517, 7518)."""

import base64
import json
import re
import secrets
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from time import time

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from joserfc import jwt
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, RSAKey, import_key

from opensense_okta.directories.errors import CredentialsRejected

SMALLEST_RSA = 2048  # bits; Okta accepts no smaller key (docs/okta-api.md, "Service app")
CURVES = {"P-256": "ES256", "P-384": "ES384", "P-521": "ES512"}
RSA_ALGORITHMS = ("RS256", "RS384", "RS512")  # the first is used, unless a JWK names another


@dataclass(frozen=True)
class SigningKey:
    """A private key and its signature algorithm.

    Attributes:
        key: RSA or elliptic curve.
        algorithm: its name in JWS.
        kid: the id of the key, if it is known.
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
    """A new key that only this process uses."""
    return SigningKey(ECKey.generate_key("P-256"), "ES256")


def read_key(text: str, kid: str | None = None) -> SigningKey:
    """Reads the private key in a PEM or a JWK.

    Args:
        text: PEM (PKCS#1, PKCS#8 or SEC 1) or a JWK as JSON.
        kid: the id of the key; if it is left out, a JWK's own `kid` is used.

    Raises:
        CredentialsRejected: there is no usable key. The message never quotes the key.
    """
    text = text.lstrip("\ufeff")  # of a file that an editor on Windows wrote
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # weak keys are refused below
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
        except KeyError:  # the library raises it, too, for a curve that it does not know
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


_BLOCK = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----.*?-----END (?P=kind)-----", re.DOTALL)
ALGORITHM = "PS256"  # the one that Entra documents (docs/entra-api.md, "Token")


@dataclass(frozen=True)
class Certificate:
    """A certificate with its private key.

    Attributes:
        key: the private key.
        thumbprint: SHA-256 of the certificate, in the form of JWS (RFC 7515 §4.1.8).
        expires: the end of its validity.
    """

    key: SigningKey
    thumbprint: str
    expires: datetime


def read_certificate(text: str) -> Certificate:
    """Reads the certificate and the private key in a PEM.

    They may be in any order, and the PEM may contain a chain of certificates.

    Raises:
        CredentialsRejected: there is no usable pair. The message never quotes the key.
    """
    blocks = [(match["kind"], match[0]) for match in _BLOCK.finditer(text)]
    keys = [block for kind, block in blocks if kind.endswith("PRIVATE KEY")]
    chain = [block for kind, block in blocks if kind == "CERTIFICATE"]
    if not keys or not chain:
        raise _unusable_certificate("it does not hold both a private key and a certificate")
    try:
        key = read_key(keys[0])
    except CredentialsRejected:
        raise _unusable_certificate(
            "its private key is too short or broken, or locked with a passphrase"
        ) from None
    if not isinstance(key.key, RSAKey):
        raise _unusable_certificate("its private key is no RSA key")
    own = _public(key.key.raw_value)
    try:
        certificates = [x509.load_pem_x509_certificate(block.encode()) for block in chain]
        fitting = [certificate for certificate in certificates if _public(certificate) == own]
    except ValueError:
        raise _unusable_certificate("its certificate is broken") from None
    if not fitting:
        raise _unusable_certificate("its private key belongs to another certificate")
    digest = base64.urlsafe_b64encode(fitting[0].fingerprint(hashes.SHA256()))
    return Certificate(
        replace(key, algorithm=ALGORITHM, kid=None),
        digest.rstrip(b"=").decode("ascii"),
        fitting[0].not_valid_after_utc,
    )


def _public(holder: object) -> bytes:
    """The public key of a certificate or private key, to compare."""
    key = holder.public_key()  # type: ignore[attr-defined]  # both have it, but no common type
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.DER, spki))


def _unusable_certificate(why: str) -> CredentialsRejected:
    return CredentialsRejected(
        f"What is stored as the certificate cannot be used: {why}.",
        remedy="Store one PEM with the certificate (-----BEGIN CERTIFICATE-----) and its unlocked RSA"
        " private key (-----BEGIN PRIVATE KEY-----) where the organization file's `certificate` points.",
    )
