"""What refusals of Okta's token endpoint mean, worded for the person who must act.

The table is that of docs/okta-api.md, "Token endpoint errors".
"""

from collections.abc import Mapping

from opensense_okta.directories import errors
from opensense_okta.directories.errors import SET_CLOCK, Meaning
from opensense_okta.directories.http.client import Answer
from opensense_okta.directories.okta.errors import CHECK_ENDPOINT, GRANT, WAIT, error, said

CLIENT = (
    "Compare `client_id` in the organization file with the app's page in the Admin Console (Applications >"
    " the app > General): the app must be active and of the kind API Services."
)
KEY = (
    "Compare the app's public keys (General > Client Credentials > Public key / Private key) with"
    " `private_key`, and its `key_id` where the app has several; or add a new key to the app and store its"
    " private half."
)
METHOD = (
    "In the Admin Console set the app's client authentication to Public key / Private key (General >"
    " Client Credentials), and make sure that it is an API Services app."
)


# The error's name is the same for many causes; only its description distinguishes them.
_BY_DESCRIPTION = (
    Meaning(
        errors.CredentialsRejected,
        "Okta does not know the app",
        CLIENT,
        ("issuer claim", "not a valid client_id", "client_id"),
    ),
    Meaning(
        errors.CredentialsRejected,
        "Okta is called by another name",
        CHECK_ENDPOINT,
        ("audience claim", "'htu' claim"),
    ),
    Meaning(
        errors.CredentialsRejected,
        "Okta finds the request out of time: this machine's clock is wrong",
        SET_CLOCK,
        ("expired", "expiration", "issued before", "issued more than", "in the future"),
    ),
    Meaning(
        errors.ServerTrouble,
        "Okta took a fresh assertion for a used one",
        WAIT,
        ("already been used",),
    ),
    Meaning(
        errors.CredentialsRejected,
        "Okta does not accept the private key",
        KEY,
        ("signature", "kid", "JWKSet", "jwks"),
    ),
    Meaning(
        errors.CredentialsRejected,
        "The app is not one that signs in with a private key",
        METHOD,
        ("private_key_jwt", "token_endpoint_auth_method", "grant type", "application_type"),
    ),
)
_BY_ERROR: Mapping[str, Meaning] = {
    "invalid_scope": Meaning(
        errors.AccessDenied, "Okta does not know a scope that was asked for", GRANT
    ),
    "consent_required": Meaning(
        errors.AccessDenied, "None of the scopes that were asked for is granted to the app", GRANT
    ),
    "invalid_client": Meaning(
        errors.CredentialsRejected, "Okta does not accept the app's credentials", KEY
    ),
    "unauthorized_client": Meaning(
        errors.CredentialsRejected, "The app may not ask for tokens", METHOD
    ),
    "invalid_dpop_proof": Meaning(
        errors.CredentialsRejected,
        "Okta does not accept the proof of the token's key (DPoP)",
        SET_CLOCK,
    ),
    "use_dpop_nonce": Meaning(
        errors.ServerTrouble, "Okta asks for a DPoP nonce again and again", WAIT
    ),
}


def token_error(answer: Answer, code: str, description: str) -> errors.DirectoryError:
    """The typed error that a refusal of the token endpoint means.

    Args:
        answer: of the endpoint.
        code: OAuth's `error`.
        description: OAuth's `error_description`.
    """
    if not code and answer.status == 401:
        return errors.CredentialsRejected(
            f"Okta does not accept the app's credentials ({said(answer)}).", remedy=CLIENT
        )
    if not code or answer.status == 429 or answer.status >= 500:
        return error(answer) or errors.ServerTrouble(
            f"The token endpoint answered with no token ({said(answer)}).",
            remedy="If it continues, look for a proxy in between.",
        )
    meaning = _by_description(description) or _BY_ERROR.get(code)
    request = answer.header("x-okta-request-id")
    evidence = ", ".join(text for text in (str(answer.status), code, description, request) if text)
    if meaning is None:
        return errors.CredentialsRejected(
            f"Okta gives the app no token ({evidence}).", remedy=CLIENT
        )
    return meaning.because(evidence)


def token_lost(answer: Answer) -> bool:
    """Whether the API no longer takes a token that it took before.

    An expired one is a 401; under OAuth "Invalid session" comes now and then, too
    (docs/okta-api.md, "Errors").
    """
    feature = b"E0000015" in answer.body
    return (answer.status == 401 and not feature) or (
        answer.status == 403 and b"E0000005" in answer.body
    )


def _by_description(description: str) -> Meaning | None:
    for meaning in _BY_DESCRIPTION:
        if any(word in description for word in meaning.words):
            return meaning
    return None
