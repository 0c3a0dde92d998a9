"""What may be stored as a private key, and what is said of anything else: never the key."""

import json

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa, x25519
from joserfc import jwt
from joserfc.jwk import OctKey, OKPKey, import_key

from opensense_okta.directories import errors
from opensense_okta.directories.http.keys import new_key, read_key
from tests.directories.http.test_client import everything_told
from tests.support import app
from tests.support.reads import failure

PKCS8 = serialization.PrivateFormat.PKCS8
SECRET = json.loads(app.jwk(app.key()))


def pem(
    private: object,
    form: serialization.PrivateFormat = PKCS8,
    lock: serialization.KeySerializationEncryption | None = None,
) -> str:
    """Any private key as PEM."""
    lock = lock or serialization.NoEncryption()
    written: bytes = private.private_bytes(serialization.Encoding.PEM, form, lock)  # type: ignore[attr-defined] # each kind has it
    return written.decode()


def rsa_key(bits: int) -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, bits)


GOOD = [
    ("RSA", "PKCS#1", "RS256"),
    ("RSA", "PKCS#8", "RS256"),
    ("P-256", "SEC 1", "ES256"),
    ("P-256", "PKCS#8", "ES256"),
    ("P-384", "SEC 1", "ES384"),
    ("P-384", "PKCS#8", "ES384"),
    ("P-521", "SEC 1", "ES512"),
    ("P-521", "PKCS#8", "ES512"),
]


@pytest.mark.parametrize(("kind", "form", "algorithm"), GOOD)
def test_a_pem_key_signs_what_its_public_half_verifies(
    kind: str, form: str, algorithm: str
) -> None:
    private = app.key(kind)
    key = read_key(app.pem(private, form))
    signed = jwt.decode(
        key.sign({"iss": "me"}, typ="JWT"),
        import_key(app.public(private), "RSA" if kind == "RSA" else "EC"),
        algorithms=[algorithm],
    )
    assert signed.header == {"alg": algorithm, "typ": "JWT"}
    assert signed.claims == {"iss": "me"}


@pytest.mark.parametrize(
    ("kind", "algorithm"),
    [("RSA", "RS256"), ("P-256", "ES256"), ("P-384", "ES384"), ("P-521", "ES512")],
)
def test_a_jwk_is_as_good_as_a_pem(kind: str, algorithm: str) -> None:
    private = app.key(kind)
    key = read_key(app.jwk(private))
    assert (key.algorithm, key.kid) == (algorithm, None)
    assert key.public() == read_key(app.pem(private)).public()


@pytest.mark.parametrize(
    ("own", "given", "kid"), [(None, None, None), ("own", None, "own"), ("own", "given", "given")]
)
def test_the_files_key_id_comes_before_the_jwks_own(
    own: str | None, given: str | None, kid: str | None
) -> None:
    key = read_key(app.jwk(app.key(), **({"kid": own} if own else {})), given)
    token = key.sign({}, typ="JWT")
    header = jwt.decode(token, key.key, algorithms=["RS256"]).header
    assert header.get("kid") == kid


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512"])
def test_a_jwk_may_name_the_algorithm(algorithm: str) -> None:
    stored = app.jwk(app.key(), alg=algorithm, use="sig", key_ops=["sign"])
    assert read_key(stored).algorithm == algorithm


@pytest.mark.parametrize("around", ["{}\n\n", "\n  {}", "Bag Attributes\n    a: b\n{}", "\ufeff{}"])
def test_what_editors_and_tools_put_around_a_pem_does_no_harm(around: str) -> None:
    text = app.pem(app.key())
    for stored in (text, text.replace("\n", "\r\n")):
        assert read_key(around.format(stored)).algorithm == "RS256"


def test_a_process_key_is_new_each_time_and_shows_its_public_half_only() -> None:
    one, other = new_key(), new_key()
    assert set(one.public()) == {"kty", "crv", "x", "y"}
    assert one.public() != other.public()


@pytest.mark.parametrize("stored", [app.pem(app.key()), app.jwk(app.key(), kid="own")])
def test_a_key_behind_a_byte_order_mark_is_read(stored: str) -> None:
    assert read_key(f"\ufeff{stored}").public() == read_key(stored).public()


TEXT = app.pem(app.key())
LOCKED = serialization.BestAvailableEncryption(b"a passphrase")
NO_KEY, NO_JWK = "it is no RSA or EC key in PEM or JWK form", "it is not a JWK"
NOT_FOR_THIS, PUBLIC, SMALL = "it is not for this", "only the public half", "2048 bits or more"
CURVE, KIND = "its curve is none of P-256, P-384, P-521", "only RSA and EC keys"

BAD: dict[str, tuple[str, str]] = {
    "nothing": (" ", NO_KEY),
    "a text": ("the key is in the safe", NO_KEY),
    "not ASCII": ("schlüssel \ud800", NO_KEY),
    "half a PEM": (TEXT[: len(TEXT) // 2], NO_KEY),
    "a PEM with holes": (TEXT.replace("A", "!"), NO_KEY),
    "a PEM without lines": (TEXT.replace("\n", "\\n"), NO_KEY),
    "locked PKCS#8": (pem(app.key(), PKCS8, LOCKED), "locked with a passphrase"),
    "locked PKCS#1": (pem(app.key(), app.FORMS["PKCS#1"], LOCKED), "locked with a passphrase"),
    "a public PEM": (app.public(app.key()), PUBLIC),
    "a public EC PEM": (app.public(app.key("P-256")), PUBLIC),
    "RSA 1024": (pem(rsa_key(1024)), SMALL),
    "RSA 2047": (pem(rsa_key(2047)), SMALL),
    "RSA 1024 as JWK": (app.jwk(rsa_key(1024)), SMALL),
    "secp256k1": (pem(ec.generate_private_key(ec.SECP256K1())), CURVE),
    "P-224": (pem(ec.generate_private_key(ec.SECP224R1())), CURVE),
    "brainpool": (pem(ec.generate_private_key(ec.BrainpoolP256R1())), CURVE),
    "Ed25519": (pem(ed25519.Ed25519PrivateKey.generate()), NO_KEY),
    "X25519": (pem(x25519.X25519PrivateKey.generate()), NO_KEY),
    "DSA": (pem(dsa.generate_private_key(1024)), NO_KEY),  # noqa: S505 - 2,048 bits take a second
    "OKP": (json.dumps(OKPKey.generate_key("Ed25519").as_dict(private=True)), KIND),
    "oct": (json.dumps(OctKey.generate_key(256).as_dict(private=True)), KIND),
    "a set of JWKs": (json.dumps({"keys": [SECRET]}), NO_JWK),
    "a list": (json.dumps([SECRET]), NO_KEY),
    "half a JWK": (json.dumps(SECRET)[:900], NO_JWK),
    "an empty JWK": ("{}", NO_JWK),
    "a deep JWK": ('{"a":' * 100_000, NO_JWK),
    "a JWK of numbers": (json.dumps(SECRET | {"n": 5}), NO_JWK),
    "a JWK that does not fit together": (json.dumps(SECRET | {"p": "AQAB"}), NO_JWK),
    "a JWK of no kind": (json.dumps(SECRET | {"kty": ["RSA"]}), NO_JWK),
    "a public JWK": (json.dumps({name: SECRET[name] for name in ("kty", "n", "e")}), PUBLIC),
    "a JWK for encryption": (json.dumps(SECRET | {"use": "enc"}), NOT_FOR_THIS),
    "a JWK to verify with": (json.dumps(SECRET | {"key_ops": ["verify"]}), NOT_FOR_THIS),
    "a JWK for another algorithm": (json.dumps(SECRET | {"alg": "RSA-OAEP"}), NOT_FOR_THIS),
}


def shown_pieces(text: str, shown: str) -> list[str]:
    """The pieces of a key that are shown."""
    pieces = [line for line in text.splitlines() if len(line) >= 20 and "-----" not in line]
    numbers = [value for value in SECRET.values() if len(value) > 20]
    return [piece for piece in [*pieces, *numbers] if piece[:20] in shown or piece[-20:] in shown]


@pytest.mark.parametrize("name", BAD)
def test_anything_else_is_refused_with_words_that_never_quote_it(name: str) -> None:
    stored, why = BAD[name]
    error = failure(lambda: read_key(stored))
    assert type(error) is errors.CredentialsRejected
    assert not error.transient
    assert why in error.message
    assert "`private_key`" in error.remedy
    assert shown_pieces(stored, everything_told(error)) == []
    assert stored.strip()[:30] not in everything_told(error) or len(stored.strip()) < 5
