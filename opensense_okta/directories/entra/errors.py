"""What Microsoft Graph's answers mean, worded for the person who must act.

The table is that of docs/entra-api.md, "Errors".
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec

from opensense_okta.directories import errors
from opensense_okta.directories.errors import Meaning
from opensense_okta.directories.http.client import Answer, retry_after
from opensense_okta.directories.json_text import MALFORMED

SETTING = "cloud"
PERMISSIONS = "User.Read.All and GroupMember.Read.All"
GRANT = (
    f"In the Entra admin center (App registrations > the app > API permissions) add the application"
    f" permissions {PERMISSIONS} of Microsoft Graph, not the delegated ones, and press Grant admin consent"
    " (a Global or Privileged Role Administrator can). Groups with hidden members need Member.Read.Hidden,"
    " too. It may take some minutes to count. Then start the sync again."
)
CHECK_TENANT = (
    "Check `tenant_id` and `cloud` in the organization file: the tenant's id is on the Overview page of the"
    " Entra admin center, and US government and China tenants have clouds of their own."
)
CHECK_CREDENTIALS = (
    "Check `tenant_id`, `client_id` and `cloud` in the organization file; they are on the app's Overview"
    " page. If they are right, look whether the app is still there and may sign in."
)
CHECK_ATTRIBUTES = (
    "Check `attributes` in the organization file: each must name a property that a list of users can have,"
    " or one like onPremisesExtensionAttributes/extensionAttribute1; and Graph refuses many more than 25 at"
    " once. If they are right, update"
    " opensense_okta, or report it with the request id."
)
WAIT = (
    "If it continues for an hour, see https://status.cloud.microsoft and the"
    " Service health page of the admin center."
)
TELL_US = (
    "A retry does not help. Update opensense_okta; if it continues, report it with the request id."
)
BUDGET_RENEWED = 10.0  # seconds: the window of Graph's budget (docs/entra-api.md, "Throttling")

_LOST_CURSOR = Meaning(errors.CursorLost, "Microsoft Graph lost the place in a listing", WAIT)
_TROUBLE = Meaning(errors.ServerTrouble, "Microsoft Graph has trouble of its own", WAIT)
_REFUSED = Meaning(errors.RequestRefused, "Microsoft Graph refuses the request", CHECK_ATTRIBUTES)
_NO_PERMISSION = Meaning(
    errors.AccessDenied,
    "Microsoft Graph refuses access: the app lacks a permission, or an administrator's consent to it",
    GRANT,
)
_WEB_PAGE = Meaning(
    errors.WrongAddress,
    "A web page came instead of an answer of Microsoft Graph",
    "Check `cloud` in the organization file, and look for a proxy or a login page of this network"
    " between this machine and Microsoft.",
)

# Only the status and the code are stable, never the message. The code comes first.
_BY_CODE: Mapping[str, Meaning] = {
    "Directory_ExpiredPageToken": _LOST_CURSOR,
    "InvalidAuthenticationToken": Meaning(
        errors.CredentialsRejected,
        "Microsoft Graph does not accept the app's token",
        "Set this machine's clock if it is wrong. " + CHECK_CREDENTIALS,
    ),
    "Authorization_IdentityNotFound": Meaning(
        errors.AccessDenied,
        "The tenant gave a token, but Microsoft Graph does not know the app there: no permission was"
        " granted to it, or no administrator consented",
        GRANT,
    ),
    "Authorization_RequestDenied": _NO_PERMISSION,
    "Authentication_RequestFromNonPremiumTenantOrB2CTenant": Meaning(
        errors.AccessDenied,
        "Microsoft Graph refuses this to tenants without a premium licence, and to B2C tenants",
        "Use a workforce tenant with an Entra ID P1 licence, or leave out what needs it in `attributes`.",
    ),
    "Request_ResourceNotFound": Meaning(errors.Gone, "It no longer exists", TELL_US),
}
_BY_STATUS: Mapping[int, Meaning] = {
    401: Meaning(
        errors.CredentialsRejected,
        "Microsoft Graph does not accept the app's token",
        CHECK_CREDENTIALS,
    ),
    403: _NO_PERMISSION,
    404: Meaning(errors.WrongAddress, "There is no such path", CHECK_TENANT),
    408: _TROUBLE,
    410: _LOST_CURSOR,
    501: Meaning(
        errors.RequestRefused,
        "Microsoft Graph does not give a property of `attributes` in a list of users",
        CHECK_ATTRIBUTES,
    ),
}


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Body(msgspec.Struct):
    """Graph's error envelope."""

    error: _Error = msgspec.field(default_factory=_Error)


def error(answer: Answer) -> errors.DirectoryError | None:
    """The typed error that an answer means, or None for a good one."""
    html = "text/html" in answer.header("content-type")
    if answer.status == 200 and not html:
        return None
    body = _body(answer)
    evidence = said(answer)
    if answer.status == 429:
        return _rate_limited(answer, evidence)
    meaning = _WEB_PAGE if html and answer.status < 500 else _meaning(answer, body.error.code)
    return meaning.because(evidence, retry_after(answer))


def unreadable_users(without_status: int, listed: int) -> errors.AccessDenied:
    """The error for a listing of users that shows ids, but not whether the accounts are enabled."""
    return errors.AccessDenied(
        f"Microsoft Graph lists users without their properties: {without_status:,} of {listed:,} do not say"
        " whether the account is enabled.",
        remedy="The app lacks the permission User.Read.All. " + GRANT,
    )


def busy(answer: Answer) -> bool:
    """Whether fewer requests should run at once.

    There is no other sign of a budget that is used up (docs/entra-api.md, "Throttling").
    """
    return answer.status == 429


def said(answer: Answer) -> str:
    """What an answer says of itself, for people and for Microsoft's support."""
    body = _body(answer).error
    request = answer.header("request-id")
    parts = [f"{answer.status} {body.code}".strip(), " ".join(body.message.split())]
    parts.append(f"request {request}" if request else "")
    return ", ".join(part.rstrip(".") for part in parts if part)


def _meaning(answer: Answer, code: str) -> Meaning:
    # A token for a page that is not understood is as lost as one that has expired.
    if answer.status == 400 and code == "Request_UnsupportedQuery" and "skiptoken=" in answer.url:
        return _LOST_CURSOR
    others = _TROUBLE if answer.status >= 500 else _REFUSED
    return _BY_CODE.get(code) or _BY_STATUS.get(answer.status, others)


def _rate_limited(answer: Answer, evidence: str) -> errors.RateLimited:
    retry_at = retry_after(answer) or datetime.now(UTC) + timedelta(seconds=BUDGET_RENEWED)
    return errors.RateLimited(
        f"Microsoft Graph's budget for this tenant is used up ({evidence}).",
        remedy="If it happens often, another program may read this tenant with"
        " the same app: an app of its own has a budget of its own.",
        retry_at=retry_at,
    )


def _body(answer: Answer) -> _Body:
    try:
        return msgspec.json.decode(answer.body, type=_Body)
    except MALFORMED:
        return _Body()
