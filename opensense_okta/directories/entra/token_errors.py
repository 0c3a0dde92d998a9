"""What refusals of Microsoft's token endpoint mean, worded for the person who must act.

The table is that of docs/entra-api.md, "Token endpoint errors".
"""

import re
from collections.abc import Mapping

import msgspec

from opensense_okta.directories import errors
from opensense_okta.directories.entra.errors import CHECK_CREDENTIALS, CHECK_TENANT, WAIT
from opensense_okta.directories.errors import SET_CLOCK, Meaning
from opensense_okta.directories.http.client import Answer, retry_after
from opensense_okta.directories.json_text import MALFORMED

RENEW = (
    "In the Entra admin center (App registrations > the app > Certificates & secrets) create a client"
    " secret and put its Value, not its Secret ID, where the organization file's `client_secret` points."
    " Then start the sync again."
)
CERTIFICATE = (
    "Compare the certificate that `certificate` points to with those of the app (App registrations > the app"
    " > Certificates & secrets > Certificates), by thumbprint and by date; upload its public half there, or"
    " store the right one. Then start the sync again."
)
POLICY = (
    "Ask an Entra administrator: the app is switched off, or Conditional Access for workload identities"
    " forbids it to sign in from this machine (Sign-in logs > Service principal sign-ins say which rule)."
)

_NO_TENANT = Meaning(errors.WrongAddress, "Microsoft does not know the tenant", CHECK_TENANT)
_NO_APP = Meaning(
    errors.CredentialsRejected,
    "The tenant does not know the app",
    CHECK_CREDENTIALS + " An app of another tenant needs an administrator's consent here.",
)
_BAD_CERTIFICATE = Meaning(
    errors.CredentialsRejected, "Microsoft does not accept the app's certificate", CERTIFICATE
)
_WRONG_CLOUD = Meaning(
    errors.WrongAddress, "This cloud does not know Microsoft Graph by that name", CHECK_TENANT
)
_OTHER_CLOUD = Meaning(
    errors.WrongAddress, "The tenant is in another one of Microsoft's clouds", CHECK_TENANT
)
_BUSY = Meaning(errors.ServerTrouble, "Microsoft's sign-in service is busy", WAIT)
_BLOCKED = Meaning(errors.AccessDenied, "The app may not sign in", POLICY)

# For the words only: `error` and the status say what to do next.
_BY_NUMBER: Mapping[int, Meaning] = {
    7000215: Meaning(
        errors.CredentialsRejected,
        "Microsoft does not accept the client secret; often the secret's ID was stored instead of its value",
        RENEW,
    ),
    7000222: Meaning(errors.CredentialsRejected, "The client secret has expired", RENEW),
    7000216: Meaning(errors.CredentialsRejected, "No client secret was sent", RENEW),
    7000218: Meaning(errors.CredentialsRejected, "No client secret was sent", RENEW),
    7000112: _BLOCKED,
    53003: _BLOCKED,
    700016: _NO_APP,
    700027: _BAD_CERTIFICATE,
    700024: Meaning(
        errors.CredentialsRejected,
        "Microsoft finds the certificate's proof out of time: this machine's clock is wrong",
        SET_CLOCK,
    ),
    90002: _NO_TENANT,
    900023: _NO_TENANT,
    9001023: _NO_TENANT,
    90038: _OTHER_CLOUD,
    900381: _OTHER_CLOUD,
    900382: _OTHER_CLOUD,
    900432: _OTHER_CLOUD,
    900439: _OTHER_CLOUD,
    900440: _OTHER_CLOUD,
    70011: _WRONG_CLOUD,
    1002012: _WRONG_CLOUD,
    500011: _WRONG_CLOUD,
    90006: _BUSY,
    90024: _BUSY,
    90033: _BUSY,
    90055: _BUSY,
}
_BY_ERROR: Mapping[str, Meaning] = {
    "temporarily_unavailable": _BUSY,
    "invalid_client": Meaning(
        errors.CredentialsRejected,
        "Microsoft does not accept the app's credentials",
        f"With a client secret: {RENEW} With a certificate: {CERTIFICATE}",
    ),
    "unauthorized_client": _NO_APP,
    "invalid_scope": _WRONG_CLOUD,
    "invalid_resource": _WRONG_CLOUD,
}
_LAST = Meaning(errors.CredentialsRejected, "Microsoft gives the app no token", CHECK_CREDENTIALS)
_TRAILER = re.compile(r"\s*(Trace ID|Correlation ID|Timestamp): .*", re.DOTALL)


class _Refusal(msgspec.Struct):
    error_codes: list[int] = []
    trace_id: str = ""


def token_error(answer: Answer, code: str, description: str) -> errors.DirectoryError:
    """The typed error that a refusal of the token endpoint means.

    Args:
        answer: of the endpoint.
        code: OAuth's `error`.
        description: OAuth's `error_description`.
    """
    refusal = _refusal(answer)
    # Lines until 2021, blanks since 2024; the trace is named once.
    words = " ".join(_TRAILER.sub("", description).split()).rstrip(".")
    trace = refusal.trace_id or answer.header("x-ms-request-id")
    parts = (str(answer.status), code, words, f"trace {trace}" if trace else "")
    evidence = ", ".join(part for part in parts if part)
    if answer.status == 429:
        return errors.RateLimited(
            f"Microsoft's sign-in service has had too many requests ({evidence}).",
            remedy=WAIT,
            retry_at=retry_after(answer),
        )
    meaning = _meaning(answer, code, refusal)
    return meaning.because(evidence, retry_after(answer))


def token_lost(answer: Answer) -> bool:
    """Whether the API no longer takes a token; worth a new one, once (docs/entra-api.md, "Errors")."""
    return answer.status == 401


def _meaning(answer: Answer, code: str, refusal: _Refusal) -> Meaning:
    numbered = (_BY_NUMBER[number] for number in refusal.error_codes if number in _BY_NUMBER)
    if (known := next(numbered, None)) is not None:
        return known
    if answer.status >= 500:
        return _BUSY
    if not code:  # no OAuth answer at all: a page for people, or a broken token
        return _no_answer(answer)
    return _BY_ERROR.get(code, _LAST)


def _no_answer(answer: Answer) -> Meaning:
    if "text/html" in answer.header("content-type"):
        what = "A web page came instead of a token, as it does for a tenant that cannot be"
        return Meaning(errors.WrongAddress, what, CHECK_TENANT)
    if answer.status == 200:
        what = "Microsoft's sign-in service answered without a token"
        return Meaning(errors.ServerTrouble, what, WAIT)
    what = "What answers as Microsoft's sign-in service is something else"
    return Meaning(errors.WrongAddress, what, CHECK_TENANT)


def _refusal(answer: Answer) -> _Refusal:
    try:
        return msgspec.json.decode(answer.body, type=_Refusal)
    except MALFORMED:
        return _Refusal()
