"""Certificates with their private keys, as an app proves its identity with them."""

import base64
import re
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from joserfc.jwk import RSAKey

from opensense_okta.directories.errors import CredentialsRejected
from opensense_okta.directories.keys import SigningKey, read_key

_BLOCK = re.compile(r"-----BEGIN (?P<kind>[A-Z0-9 ]+)-----.*?-----END (?P=kind)-----", re.DOTALL)
ALGORITHM = "PS256"  # what Entra documents (entra-api.md §1)


@dataclass(frozen=True)
class Certificate:
    """A certificate with its private key.

    Attributes:
        key: that signs for it.
        thumbprint: SHA-256 of the certificate, as JWS writes it (RFC 7515 §4.1.8).
        expires: when it is no longer good.
    """

    key: SigningKey
    thumbprint: str
    expires: datetime


def read_certificate(text: str) -> Certificate:
    """The certificate and the private key that a PEM holds, in any order, among others of a chain.

    Raises:
        CredentialsRejected: there are none that belong together. The text never quotes the key.
    """
    blocks = [(match["kind"], match[0]) for match in _BLOCK.finditer(text)]
    keys = [block for kind, block in blocks if kind.endswith("PRIVATE KEY")]
    chain = [block for kind, block in blocks if kind == "CERTIFICATE"]
    if not keys or not chain:
        raise _unusable("it does not hold both a private key and a certificate")
    try:
        key = read_key(keys[0])
    except CredentialsRejected:
        raise _unusable(
            "its private key is too short or broken, or locked with a passphrase"
        ) from None
    if not isinstance(key.key, RSAKey):
        raise _unusable("its private key is no RSA key")
    own = _public(key.key.raw_value)
    try:
        certificates = [x509.load_pem_x509_certificate(block.encode()) for block in chain]
        fitting = [each for each in certificates if _public(each) == own]
    except ValueError:
        raise _unusable("its certificate is broken") from None
    if not fitting:
        raise _unusable("its private key belongs to another certificate")
    digest = base64.urlsafe_b64encode(fitting[0].fingerprint(hashes.SHA256()))
    return Certificate(
        replace(key, algorithm=ALGORITHM, kid=None),
        digest.rstrip(b"=").decode("ascii"),
        fitting[0].not_valid_after_utc,
    )


def _public(holder: object) -> bytes:
    """The public key of a certificate or private key, to compare."""
    key = holder.public_key()  # type: ignore[attr-defined]  # both have it, without a type in common
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return bytes(key.public_bytes(serialization.Encoding.DER, spki))


def _unusable(why: str) -> CredentialsRejected:
    return CredentialsRejected(
        f"What is stored as the certificate cannot be used: {why}.",
        remedy="Store one PEM with the certificate (-----BEGIN CERTIFICATE-----) and its unlocked RSA"
        " private key (-----BEGIN PRIVATE KEY-----) where the organization file's `certificate` points.",
    )
