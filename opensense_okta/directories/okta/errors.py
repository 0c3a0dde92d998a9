"""What Okta's answers mean, worded for the person who must act.

The table is that of docs/okta-api.md, "Errors".
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from opensense_okta.directories import errors
from opensense_okta.directories.errors import SET_CLOCK, Meaning
from opensense_okta.directories.http.client import Answer, retry_after
from opensense_okta.directories.http.headers import http_date, numbers, times
from opensense_okta.directories.http.rate_limit import RateLimitHeaders
from opensense_okta.directories.json_text import MALFORMED

RENEW = (
    "In Okta's Admin Console open Security > API > Tokens, create a token as a Read-Only"
    " Administrator and put it where the organization file's `api_token` points. A token dies after"
    " 30 days without use and with the administrator who made it. Then start the sync again."
)
GRANT = (
    "Give the administrator who made the token the Read-Only Administrator role (Security >"
    " Administrators); for an API Services app grant the scopes okta.users.read and okta.groups.read"
    " (Okta API Scopes tab) and the same role (Admin roles tab). Then start the sync again."
)
RENEW_APP = (
    "In Okta's Admin Console look at the app (Applications > the app): it must be active, its public key"
    " must be the one of `private_key`, and it needs the role Read-Only Administrator (Admin roles tab). Then"
    " start the sync again."
)
CHECK_ENDPOINT = (
    "Check `endpoint` in the organization file: it is the address people sign in at, such as"
    " https://acme.okta.com, without -admin and without a path."
)
WAIT = "If it continues for an hour, see https://status.okta.com."
TELL_US = (
    "A retry does not help. Update opensense_okta; if it continues, report it with the request id."
)


_REVOKED = Meaning(
    errors.CredentialsRejected,
    "Okta does not accept the API token: it is invalid, expired or revoked",
    RENEW,
)
_LOST_CURSOR = Meaning(errors.CursorLost, "Okta lost the place in a listing", WAIT)
_TROUBLE = Meaning(errors.ServerTrouble, "Okta has trouble of its own", WAIT)
_RETIRED = Meaning(errors.RequestRefused, "Okta no longer offers this", TELL_US)
_ELSEWHERE = Meaning(
    errors.WrongAddress,
    "The address leads elsewhere, where no credentials are sent",
    CHECK_ENDPOINT,
)
_REFUSED = Meaning(errors.RequestRefused, "Okta refuses the request", TELL_US)
_WEB_PAGE = Meaning(
    errors.WrongAddress, "A web page came instead of an answer of Okta's API", CHECK_ENDPOINT
)
_NO_SCOPE = Meaning(errors.AccessDenied, "The app lacks a scope that this read needs", GRANT)
_NO_PROOF = Meaning(
    errors.CredentialsRejected,
    "Okta does not accept the proof that the token is ours (DPoP)",
    SET_CLOCK + " Then start the sync again.",
)
_NO_NONCE = Meaning(errors.ServerTrouble, "Okta asks for another DPoP nonce again and again", WAIT)
_SESSION_LOST = Meaning(errors.SessionLost, "Okta lost the session", RENEW)
_UNAUTHORIZED = Meaning(
    errors.CredentialsRejected,
    "Okta does not accept the credentials",
    RENEW,
)
_TOKEN_REFUSED = Meaning(
    errors.CredentialsRejected, "Okta does not accept the app's access token", RENEW_APP
)
_FOR_APPS: Mapping[Meaning, Meaning] = {
    _REVOKED: _TOKEN_REFUSED,
    _UNAUTHORIZED: _TOKEN_REFUSED,
    _SESSION_LOST: Meaning(errors.SessionLost, "Okta lost the session of the app", RENEW_APP),
}
"""What an answer means if an API Services app signs in, where that differs from an API token."""

# Only the code is stable, and a status has several meanings: the code comes first.
_BY_CODE: Mapping[str, Meaning] = {
    "E0000011": _REVOKED,
    "E0000004": _REVOKED,
    "E0000005": _SESSION_LOST,
    "E0000006": Meaning(
        errors.AccessDenied, "Okta refuses access: an administrator role is missing", GRANT
    ),
    "E0000015": Meaning(
        errors.AccessDenied,
        "Okta says that a feature is not enabled for this organization or token",
        "The token itself is good. " + GRANT,
    ),
    "E0000007": Meaning(errors.Gone, "It no longer exists", TELL_US),
    "E0000008": Meaning(errors.WrongAddress, "There is no such path", CHECK_ENDPOINT),
    "E0000022": _RETIRED,
    "E0000026": _RETIRED,
    "E0000029": _LOST_CURSOR,
    "E0000060": _RETIRED,
    "E0000215": _RETIRED,
}
_BY_STATUS: Mapping[int, Meaning] = {
    401: _UNAUTHORIZED,
    403: Meaning(errors.AccessDenied, "Okta refuses access", GRANT),
    408: _TROUBLE,
    501: _RETIRED,
}


class _Cause(msgspec.Struct):
    errorSummary: str = ""  # noqa: N815 - Okta's spelling


class _Body(msgspec.Struct):
    """An Okta error body."""

    errorCode: str = ""  # noqa: N815 - Okta's spelling
    errorSummary: str = ""  # noqa: N815 - Okta's spelling
    errorCauses: list[_Cause] = []  # noqa: N815 - Okta's spelling


def error(answer: Answer) -> errors.DirectoryError | None:
    """The typed error that an answer means, or None for a good one."""
    html = "text/html" in answer.header("content-type")
    if answer.status == 200 and not html:
        return None
    body = _body(answer)
    evidence = _said(answer, body)
    if answer.status == 429:
        return _rate_limited(answer, evidence)
    meaning = _WEB_PAGE if html and answer.status < 500 else _meaning(answer, body, evidence)
    if answer.scheme in {"Bearer", "DPoP"}:
        meaning = _FOR_APPS.get(meaning, meaning)
    return meaning.because(evidence, retry_after(answer))


def busy(answer: Answer) -> bool:
    """Whether too many requests run at once: a 429 whose limit is 0 (docs/okta-api.md, "Concurrency")."""
    return answer.status == 429 and 0 in numbers(answer.header("x-rate-limit-limit"))


def allowance(answer: Answer) -> RateLimitHeaders | None:
    """The bucket's budget, with the window measured by Okta's own clock.

    Of headers that came twice, such as by a proxy, the smallest count and the latest reset are used.
    """
    limits = numbers(answer.header("x-rate-limit-limit"))
    remaining = numbers(answer.header("x-rate-limit-remaining"))
    resets = times(answer.header("x-rate-limit-reset"))
    if not (limits and remaining and resets):
        return None
    server, reset = http_date(answer.header("date")) or datetime.now(UTC), max(resets)
    return RateLimitHeaders(
        limit=int(min(limits)),
        remaining=int(min(remaining)),
        ends=reset,
        seconds_left=reset - server.timestamp(),
    )


def _meaning(answer: Answer, body: _Body, evidence: str) -> Meaning:
    if body.errorCode == "E0000031" and "cursor" in evidence.lower():
        return _LOST_CURSOR  # the same code stands for a bad search expression, too
    if "use_dpop_nonce" in answer.header("www-authenticate"):
        return _NO_NONCE
    if "insufficient_scope" in answer.header("www-authenticate"):
        return _NO_SCOPE
    if "DPoP proof" in answer.header("www-authenticate"):
        return _NO_PROOF
    others = {3: _ELSEWHERE, 5: _TROUBLE}.get(answer.status // 100, _REFUSED)
    return _BY_CODE.get(body.errorCode) or _BY_STATUS.get(answer.status, others)


def _rate_limited(answer: Answer, evidence: str) -> errors.RateLimited:
    if busy(answer):
        return errors.RateLimited(f"Too many requests at once ({evidence}).", remedy=WAIT)
    known = allowance(answer)
    seconds = min(max(known.seconds_left, 0.0), 60.0) + 1 if known else 60.0
    retry_at = retry_after(answer) or datetime.now(UTC) + timedelta(seconds=seconds)
    return errors.RateLimited(
        f"Okta's rate limit is used up ({evidence}).",
        remedy="If it happens often, lower"
        " `rate_limit_share` or ask who else uses the API: Reports > Rate Limits.",
        retry_at=retry_at,
    )


def _body(answer: Answer) -> _Body:
    try:
        return msgspec.json.decode(answer.body, type=_Body)
    except MALFORMED:
        return _Body()


def said(answer: Answer) -> str:
    """What an answer says of itself, for people and for Okta's support."""
    return _said(answer, _body(answer))


def _said(answer: Answer, body: _Body) -> str:
    causes = "; ".join(cause.errorSummary for cause in body.errorCauses)
    challenge = answer.header("www-authenticate") if not body.errorCode else ""
    parts = [f"{answer.status} {body.errorCode}".strip(), body.errorSummary, causes, challenge]
    request = answer.header("x-okta-request-id")
    parts.append(f"request {request}" if request else "")
    return ", ".join(part for part in parts if part)
