"""The key of a service account, as the Cloud console makes it (docs/google-api.md, "Token")."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

import msgspec
from joserfc.jwk import RSAKey

from opensense_okta.directories.errors import CredentialsRejected
from opensense_okta.directories.http.keys import SigningKey, read_key
from opensense_okta.directories.json_text import MALFORMED

TOKEN_URL = "https://oauth2.googleapis.com/token"  # noqa: S105 - an address
SERVICE_ACCOUNT = "service_account"
OAUTH_CLIENTS = frozenset({"installed", "web"})
"""What the console writes for programs that people sign in to."""
NEEDED = ("client_email", "private_key")
KNOWN_HOSTS = ("oauth2.googleapis.com", "accounts.google.com", "www.googleapis.com")
"""The hosts of the token addresses that Google has written into keys; the first one is always used."""

MAKE_ANOTHER = (
    "In the Google Cloud console (IAM & Admin > Service Accounts > the account > Keys > Add key) create a key"
    " of type JSON, and store the whole file where `service_account` points."
)


@dataclass(frozen=True)
class ServiceAccount:
    """A service account that can sign.

    Attributes:
        email: its address, which is the issuer of its assertions.
    """

    email: str
    key: SigningKey


def read_service_account(text: str, endpoint: str | None) -> ServiceAccount:
    """Reads the key in the JSON of a service account.

    Args:
        text: the JSON.
        endpoint: the origin that is used instead of Google's, for development.

    Raises:
        CredentialsRejected: it is no usable key, or its tokens come from another host. The message never
            quotes the key.
    """
    file = _key_file(text)
    _check_token_address(file.get("token_uri", TOKEN_URL), endpoint)
    try:  # some tools escape the line breaks twice; no key in PEM form has a backslash
        key = read_key(file["private_key"].replace("\\n", "\n"))
    except CredentialsRejected:
        raise _unusable("its `private_key` is no private key, or is too short") from None
    if not isinstance(key.key, RSAKey):
        raise _unusable("its `private_key` is no RSA key")
    signing = replace(key, algorithm="RS256", kid=file.get("private_key_id") or None)
    return ServiceAccount(file["client_email"], signing)


def _key_file(text: str) -> Mapping[str, str]:
    """The texts in the JSON of a service account; those that are needed are there."""
    try:
        content = msgspec.json.decode(text, type=dict[str, object])
    except MALFORMED:
        raise _unusable(
            "it is no JSON object, or a line break in it is not written as \\n"
        ) from None
    if content.get("type", SERVICE_ACCOUNT) != SERVICE_ACCOUNT:
        raise _unusable("it is the key of something else than a service account")
    if OAUTH_CLIENTS & content.keys():
        raise _unusable("it is an OAuth client, which is something else than a service account")
    texts = {name: value for name, value in content.items() if isinstance(value, str)}
    missing = [name for name in NEEDED if not texts.get(name, "").strip()]
    if missing:
        raise _unusable(f"it has no {' and no '.join(f'`{name}`' for name in missing)}")
    if not texts["client_email"].isprintable():
        raise _unusable("its `client_email` is no address")
    return texts


def _check_token_address(address: str, endpoint: str | None) -> None:
    """That the key belongs to where its assertions are sent to."""
    try:
        parts = urlsplit(address)
        host, origin = parts.hostname or "", f"{parts.scheme}://{parts.netloc}"
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        raise _unusable("its `token_uri` is no address") from None
    shown = f"{parts.scheme}://{host}{port}"  # without a user and a password
    if endpoint is not None:
        if origin != endpoint:
            raise _unusable(f"its `token_uri` is at {shown}, not at `endpoint`")
    elif parts.scheme != "https" or host not in KNOWN_HOSTS:
        raise _unusable(f"its `token_uri` is at {shown}, which is not Google's")


def _unusable(why: str) -> CredentialsRejected:
    return CredentialsRejected(
        f"What is stored as the service account's key cannot be used: {why}.", remedy=MAKE_ANOTHER
    )
