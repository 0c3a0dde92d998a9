"""Certificates with their keys, and what an app proves with them."""

import base64
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from opensense_okta.directories import errors
from opensense_okta.directories.http.keys import read_certificate
from tests.support import app
from tests.support.reads import failure

EXPIRES = datetime(2027, 11, 23, tzinfo=UTC)


def certificate(private: app.PrivateKey, expires: datetime = EXPIRES) -> str:
    """A certificate of a key, signed by itself."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "opensense")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(expires - timedelta(days=365))
        .not_valid_after(expires)
        .sign(private, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM).decode()


@cache
def another() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def locked() -> str:
    cipher = serialization.BestAvailableEncryption(b"passphrase")
    form = serialization.PrivateFormat.PKCS8
    return app.key().private_bytes(serialization.Encoding.PEM, form, cipher).decode()


OWN = certificate(app.key())


@pytest.mark.parametrize(
    "pem",
    [
        app.pem(app.key()) + OWN,
        OWN + app.pem(app.key()),
        OWN + app.pem(app.key(), "PKCS#1"),
        certificate(another()) + OWN + app.pem(app.key()),
        f"Bag Attributes\n  friendlyName: x\n{OWN}\r\n{app.pem(app.key())}".replace("\n", "\r\n"),
    ],
    ids=["key first", "certificate first", "PKCS#1", "a chain", "as OpenSSL exports it"],
)
def test_the_certificate_of_the_key_is_found_in_any_order(pem: str) -> None:
    found = read_certificate(pem)
    digest = x509.load_pem_x509_certificate(OWN.encode()).fingerprint(hashes.SHA256())
    assert base64.urlsafe_b64decode(found.thumbprint + "=") == digest
    assert (found.expires, found.key.algorithm) == (EXPIRES, "PS256")


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        ("", "both"),
        (OWN, "both"),
        (app.pem(app.key()), "both"),
        (app.pem(app.key()) + certificate(another()), "another certificate"),
        (locked() + OWN, "passphrase"),
        (app.pem(app.key("P-256")) + certificate(app.key("P-256")), "no RSA key"),
        (app.pem(app.key()) + OWN.replace("MII", "AAA", 1), "broken"),
        (app.pem(app.key()).replace("MII", "AAA", 1) + OWN, "broken"),
    ],
    ids=["nothing", "no key", "no certificate", "foreign", "locked", "EC", "cut", "broken key"],
)
def test_what_cannot_be_used_is_told_without_quoting_it(pem: str, why: str) -> None:
    error = failure(lambda: read_certificate(pem))
    assert type(error) is errors.CredentialsRejected
    assert why in error.message
    assert "`certificate`" in error.remedy
    assert "MII" not in str(error)
