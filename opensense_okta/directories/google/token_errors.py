"""What refusals of Google's token endpoint mean, worded for the person who must act.

The table is that of docs/google-api.md, "Token errors".
"""

from collections.abc import Sequence

from opensense_okta.directories import errors
from opensense_okta.directories.errors import SET_CLOCK, Meaning
from opensense_okta.directories.google.errors import SCOPES_NEEDED, TELL_US, WAIT
from opensense_okta.directories.google.service_account import MAKE_ANOTHER
from opensense_okta.directories.http.client import Answer, retry_after

DELEGATE = (
    "In the Admin console (Security > Access and data control > API controls > Manage Domain Wide Delegation)"
    " add the service account's Client ID with the scopes of opensense-okta:"
    f" {SCOPES_NEEDED}, each with https://www.googleapis.com/auth/ before it. It counts after some minutes,"
    " at worst a day; an entry that was edited may need to be deleted and added again."
)
CHECK_ADMINISTRATOR = (
    "Check `administrator` in the organization file: the primary address of an active user of the account,"
    " who has an admin role, has signed in once and accepted the terms."
)


class NotDelegated(errors.AccessDenied):
    """The token endpoint refuses a scope; of several that are asked for it does not name the one."""


_ADMINISTRATOR = Meaning(
    errors.CredentialsRejected,
    "Google does not know the administrator, or has suspended the account",
    CHECK_ADMINISTRATOR,
)
_ACCOUNT = Meaning(
    errors.CredentialsRejected, "The service account was deleted or disabled", MAKE_ANOTHER
)
_AUDIENCE = Meaning(
    errors.RequestRefused,
    "Google finds the assertion made for another address than its token endpoint",
    "Look for a proxy of this network that changes requests to oauth2.googleapis.com. " + TELL_US,
    ("audience check",),
)
_BUSY = Meaning(errors.ServerTrouble, "Google's token endpoint is busy", WAIT)

# `error`, with words of its description; the first that fits counts. The status is no help: it differs.
_MEANINGS: Sequence[tuple[str, Meaning]] = (
    *((code, _AUDIENCE) for code in ("access_denied", "invalid_grant", "invalid_request")),
    (
        "unauthorized_client",
        Meaning(
            NotDelegated,
            "The service account has no domain-wide delegation for any of the scopes",
            DELEGATE,
        ),
    ),
    (
        "access_denied",
        Meaning(
            _ACCOUNT.error,
            "The service account is disabled or restricted",
            "In the Google Cloud console (IAM & Admin > Service Accounts) enable the service account; if it"
            " is enabled, ask Google's support why it is restricted. " + MAKE_ANOTHER,
            ("account restricted",),
        ),
    ),
    (
        "access_denied",
        Meaning(
            NotDelegated,
            "The domain-wide delegation lacks a scope, or the administrator has never signed in",
            f"{DELEGATE} `opensense-okta doctor` names the scope. {CHECK_ADMINISTRATOR}",
        ),
    ),
    (
        "invalid_grant",
        Meaning(
            errors.CredentialsRejected,
            "Google does not accept the service account's key; it was deleted, or is another account's",
            MAKE_ANOTHER,
            ("jwt signature", "key"),
        ),
    ),
    (
        "invalid_grant",
        Meaning(
            errors.CredentialsRejected,
            "Google finds the assertion out of time: this machine's clock is wrong",
            SET_CLOCK,
            ("short-lived", "timeframe"),
        ),
    ),
    ("invalid_grant", Meaning(_ACCOUNT.error, _ACCOUNT.message, _ACCOUNT.remedy, ("account",))),
    ("invalid_grant", _ADMINISTRATOR),
    (
        "invalid_request",
        Meaning(
            errors.RequestRefused,
            "Google misses a part of the request for a token",
            TELL_US,
            ("missing",),
        ),
    ),
    ("invalid_request", _ADMINISTRATOR),
    ("invalid_client", _ACCOUNT),
    ("deleted_client", _ACCOUNT),
    ("disabled_client", _ACCOUNT),
    (
        "invalid_scope",
        Meaning(errors.RequestRefused, "Google does not know a scope", "Update opensense_okta."),
    ),
)
_PASSING = frozenset({"internal_failure", "server_error", "temporarily_unavailable"})
"""These pass, as `error` and as `error_description`."""
_LAST = Meaning(
    errors.CredentialsRejected, "Google does not accept the service account", CHECK_ADMINISTRATOR
)


def token_error(answer: Answer, code: str, description: str) -> errors.DirectoryError:
    """The typed error that a refusal of the token endpoint means.

    Args:
        answer: of the endpoint.
        code: OAuth's `error`.
        description: OAuth's `error_description`.
    """
    words = " ".join(description.split()).rstrip(".")
    evidence = ", ".join(part for part in (str(answer.status), code, words) if part)
    if answer.status == 429:
        return errors.RateLimited(
            f"Google's token endpoint has had too many requests ({evidence}).",
            remedy=WAIT,
            retry_at=retry_after(answer),
        )
    return _meaning(answer, code, words.lower()).because(evidence, retry_after(answer))


def token_lost(answer: Answer) -> bool:
    """Whether the API no longer takes a token; worth a new one, once (docs/google-api.md, "Errors")."""
    return answer.status == 401


def _meaning(answer: Answer, code: str, words: str) -> Meaning:
    if answer.status >= 500 or answer.status == 408 or not _PASSING.isdisjoint((code, words)):
        return _BUSY
    if not code:  # no OAuth answer at all: a page for people, or a broken token
        what = "What answers as Google's token endpoint is something else"
        remedy = "Look for a proxy or a login page of this network before oauth2.googleapis.com."
        return Meaning(errors.WrongAddress, what, remedy)
    for error, meaning in _MEANINGS:
        if error == code and (not meaning.words or any(part in words for part in meaning.words)):
            return meaning
    return _LAST
