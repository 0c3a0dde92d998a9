"""What the Directory API's answers mean, worded for the person who must act.

The table is that of docs/google-api.md, "Errors". The status and the reason decide; the message only where
one reason has several causes.
"""

import re
from collections.abc import Mapping

import msgspec

from opensense_okta.directories import errors
from opensense_okta.directories.errors import Meaning
from opensense_okta.directories.http.client import Answer, retry_after
from opensense_okta.directories.http.rate_limit import jittered
from opensense_okta.directories.json_text import MALFORMED

SETTING = "endpoint"
ROLE = (
    "In the Admin console (Account > Admin roles) give `administrator` a role with the Admin API privileges"
    " Users > Read and Groups > Read for all organizational units; without `administrator` assign the role to"
    " the service account. It may take some minutes to count. Then start the sync again."
)
PARTIAL = (
    "An account always has users and a super administrator: `administrator` sees only a part, because its"
    " role is limited to an organizational unit, or `customer` is another account. " + ROLE
)
CHECK_CUSTOMER = (
    "Check `customer` in the organization file: `my_customer` with `administrator`, else the customer's ID"
    " (Admin console > Account > Account settings > Profile)."
)
CHECK_ATTRIBUTES = (
    "Check `attributes` in the organization file: each must name a field of a user, such as orgUnitPath or"
    " customSchemas.HR.pronouns."
)
SCOPES_NEEDED = "admin.directory.user.readonly and admin.directory.group.readonly"
WAIT = "If it continues for an hour, see https://www.google.com/appsstatus."
TELL_US = "A retry does not help. Update opensense_okta; if it continues, report it with the date."


class UnknownCustomer(errors.WrongAddress):
    """The address is Google's; the account at it is not known, or not to the service account."""


_TROUBLE = Meaning(errors.ServerTrouble, "Google has trouble of its own", WAIT)
_REFUSED = Meaning(errors.RequestRefused, "Google refuses the request", CHECK_ATTRIBUTES)
_LOST_CURSOR = Meaning(errors.CursorLost, "Google lost the place in a listing", WAIT)
_GONE = Meaning(errors.Gone, "It no longer exists", TELL_US)
_THROTTLED = Meaning(
    errors.RateLimited,
    "Google's quota is used up",
    "If it happens often, another program uses the same service account or reads the same account: lower"
    " `requests_per_second`, or raise the quota in the Google Cloud console (APIs & Services > Admin SDK API"
    " > Quotas).",
)
_NO_ROLE = Meaning(errors.AccessDenied, "Google refuses access: a role is missing", ROLE)
_NO_CUSTOMER = Meaning(UnknownCustomer, "Google does not know the customer", CHECK_CUSTOMER)
_BAD_INPUT = Meaning(errors.RequestRefused, "Google refuses a key in the request", TELL_US)
_NO_TOKEN = Meaning(
    errors.CredentialsRejected,
    "Google does not accept the access token",
    "Set this machine's clock if it is wrong, and check that the service account's key is not deleted.",
)
_NOT_ENABLED = Meaning(
    errors.AccessDenied,
    "The Admin SDK API is not enabled in the project of the service account",
    "In the Google Cloud console (APIs & Services > Library > Admin SDK API) press Enable, in the project"
    " that owns the service account; the link is above. Wait some minutes, then start the sync again.",
)
_WEB_PAGE = Meaning(
    errors.WrongAddress,
    "A web page came instead of an answer of Google's Directory API",
    "Look for a proxy or a login page of this network between this machine and admin.googleapis.com.",
)
_STRANGER = Meaning(
    errors.WrongAddress, "What answers is not Google's Directory API", _WEB_PAGE.remedy
)
_NO_SCOPE = Meaning(
    errors.AccessDenied,
    "The access token lacks a scope",
    f"The sync asks for {SCOPES_NEEDED}: update opensense_okta if another one is named.",
)

_BY_REASON: Mapping[str, Meaning] = {
    "authError": _NO_TOKEN,
    "required": _NO_TOKEN,
    "forbidden": _NO_ROLE,
    "insufficientPermissions": _NO_SCOPE,
    "accessNotConfigured": _NOT_ENABLED,
    "domainCannotUseApis": Meaning(
        errors.AccessDenied,
        "API access is switched off for the account",
        "In the Admin console open Security > Access and data control > API controls, and allow API access.",
    ),
    "failedPrecondition": Meaning(
        errors.AccessDenied,
        "A Google service is switched off for the administrator",
        "In the Admin console switch on the service for `administrator`, or name another one.",
    ),
    "userRateLimitExceeded": _THROTTLED,
    "rateLimitExceeded": _THROTTLED,
    "quotaExceeded": _THROTTLED,
    "customerNotFound": _NO_CUSTOMER,
}
_BY_DETAIL: Mapping[str, Meaning] = {
    "SERVICE_DISABLED": _NOT_ENABLED,
    "ACCESS_TOKEN_SCOPE_INSUFFICIENT": _NO_SCOPE,
    "RATE_LIMIT_EXCEEDED": _THROTTLED,
}
"""Reasons in `details`, which newer answers have. They are more exact than those in `errors`."""
_BY_STATUS: Mapping[int, Meaning] = {
    401: _NO_TOKEN,
    403: _NO_ROLE,
    404: _NO_CUSTOMER,
    408: _TROUBLE,
    410: _NO_CUSTOMER,
    429: _THROTTLED,
}
_OF_INPUT = frozenset({"invalid", "badRequest"})
"""The message alone says what is invalid; without a word of it, it is the customer."""
_OF_ATTRIBUTES = re.compile(r"custom_?(schema|field)", re.IGNORECASE)
_OF_KEYS = re.compile(r"INVALID_OU_ID|(member|group|user)Key", re.IGNORECASE)
_SCOPE = re.compile(r'error="?insufficient_scope\b.*?scope="([ -!#-~]{1,500})"')
_MISSING = frozenset({404, 410})
_PASSING = frozenset({408, 429})
"""These pass, also if a gateway answers with a web page."""
_THROTTLED_PLAINLY = re.compile(
    rb"rate higher than configured|quota exceeded|rate limit exceeded", re.IGNORECASE
)


class _Item(msgspec.Struct):
    reason: str = ""


class _Error(msgspec.Struct):
    message: str = ""
    errors: list[_Item] = []
    details: list[_Item] = []


class _Body(msgspec.Struct):
    """Google's error envelope."""

    error: _Error = msgspec.field(default_factory=_Error)


def error(answer: Answer) -> errors.DirectoryError | None:
    """The typed error that an answer means, or None for a good one."""
    html = "text/html" in answer.header("content-type")
    if answer.status == 200 and not html:
        return None
    said = _body(answer)
    reason = next((item.reason for item in said.errors), "")
    words = f"{answer.status} {reason}".strip()
    message = " ".join(said.message.split()).rstrip(".")
    evidence = f"{words}: {message}" if message else words
    detailed = (_BY_DETAIL[item.reason] for item in said.details if item.reason in _BY_DETAIL)
    meaning = next(detailed, None) if answer.status < 500 else None
    meaning = meaning or _meaning(answer, reason, message, html=html)
    if meaning is _NO_SCOPE and (scope := _SCOPE.search(answer.header("www-authenticate"))):
        evidence = f"{evidence}; needed: {scope[1]}"
    return meaning.because(evidence, retry_after(answer))


def busy(answer: Answer) -> bool:
    """Whether fewer requests should run at once (docs/google-api.md, "Limits")."""
    return isinstance(error(answer), errors.RateLimited)


def throttled(refusals: int) -> float:
    """Seconds to wait: 1, 2, 4, 8, 16 and at most one more (docs/google-api.md, "Limits")."""
    return float(2 ** (refusals - 1)) + jittered(1.0)


def unreadable_users(without_status: int, listed: int) -> errors.AccessDenied:
    """The error for a listing of users that does not say whether they are suspended."""
    return errors.AccessDenied(
        f"Google lists users without their status: {without_status:,} of {listed:,} do not say whether they"
        " are suspended and archived.",
        remedy=ROLE,
    )


def _meaning(answer: Answer, reason: str, message: str, *, html: bool) -> Meaning:
    if answer.status >= 500:
        return _TROUBLE
    if answer.status in _PASSING:
        return _BY_STATUS[answer.status]
    if answer.status == 400 and reason in _OF_INPUT:
        return _of_input(answer.url, message)
    of_group = answer.status in _MISSING and "/groups/" in answer.url
    if of_group and reason == "notFound" and not html:
        return _GONE
    known = _BY_REASON.get(reason)
    if known is None and _THROTTLED_PLAINLY.search(answer.body[:1000]):
        known = _THROTTLED
    if html:
        others = _WEB_PAGE
    elif of_group:  # only Google knows that a group is gone
        others = _STRANGER
    else:
        others = _BY_STATUS.get(answer.status, _REFUSED)
    return known or others


def _of_input(url: str, message: str) -> Meaning:
    if _OF_ATTRIBUTES.search(message):
        return _REFUSED
    if _OF_KEYS.search(message):
        return _BAD_INPUT
    if "pageToken=" in url:
        return _LOST_CURSOR
    return _NO_CUSTOMER if "customer=" in url else _BAD_INPUT


def _body(answer: Answer) -> _Error:
    try:
        return msgspec.json.decode(answer.body, type=_Body).error
    except MALFORMED:
        return _Error()
