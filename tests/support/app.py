"""An API Services app: its keys in every form, and how it signs in."""

import json
import warnings
from functools import cache

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from joserfc.jwk import ECKey, RSAKey

from opensense_okta.directories.http.keys import read_key
from opensense_okta.directories.http.oauth import ClientCredentials, private_key_jwt
from opensense_okta.directories.okta import reader as okta
from opensense_okta.directories.okta import token_errors as okta_token_errors
from opensense_okta.simulator.okta.oauth import Client

APP = "0oaApp"
FORMS = {
    "PKCS#1": serialization.PrivateFormat.TraditionalOpenSSL,
    "PKCS#8": serialization.PrivateFormat.PKCS8,
    "SEC 1": serialization.PrivateFormat.TraditionalOpenSSL,
}
CURVES: dict[str, ec.EllipticCurve] = {
    "P-256": ec.SECP256R1(),
    "P-384": ec.SECP384R1(),
    "P-521": ec.SECP521R1(),
}

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


def key(kind: str = "RSA") -> PrivateKey:
    """The app's private key: RSA, or on the curve of that name."""
    return _key(kind)


@cache
def _key(kind: str) -> PrivateKey:
    if kind == "RSA":
        return rsa.generate_private_key(65537, 2048)
    return ec.generate_private_key(CURVES[kind])


def pem(private: PrivateKey, form: str = "PKCS#8") -> str:
    """A private key as files hold it."""
    unlocked = serialization.NoEncryption()
    return private.private_bytes(serialization.Encoding.PEM, FORMS[form], unlocked).decode()


def jwk(private: PrivateKey, **more: object) -> str:
    """A private key as Okta's Admin Console shows it."""
    kind = RSAKey if isinstance(private, rsa.RSAPrivateKey) else ECKey
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of keys that are too small
        members = kind.import_key(pem(private)).as_dict(private=True)
    return json.dumps({**members, **more})


def public(private: PrivateKey) -> str:
    """The public half, as it is registered with the app."""
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    return private.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()


def client(
    private: PrivateKey | None = None,
    *,
    scopes: frozenset[str] = frozenset(okta.SCOPES.split()),
    dpop: bool = True,
    has_role: bool = True,
) -> Client:
    """The app as the simulator knows it."""
    return Client(APP, (public(private or key()),), scopes, dpop, has_role)


def credentials(
    endpoint: str, stored: str | None = None, kid: str | None = None, *, prove: bool = True
) -> ClientCredentials:
    """How the app signs in with the key that is stored."""
    token_url = f"{endpoint}/oauth2/v1/token"
    identity = private_key_jwt(read_key(stored or pem(key()), kid), APP, token_url)
    return ClientCredentials(
        token_url,
        okta.SCOPES,
        identity,
        okta_token_errors.token_error,
        okta_token_errors.token_lost,
        prove=prove,
    )
