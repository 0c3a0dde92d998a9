"""Replies of the Directory API and of the token endpoint: success, errors, and their headers."""

from collections.abc import Mapping

import msgspec

from opensense_okta.simulator.messages import Call, Headers, RefusedError, Reply

JSON = "application/json; charset=UTF-8"
PROJECT = "123456789012"
"""The number of the project that owns the service account."""

NOT_ENABLED = (
    f"Admin SDK API has not been used in project {PROJECT} before or it is disabled. Enable it by visiting "
    "https://console.developers.google.com/apis/api/admin.googleapis.com/overview?project="
    f"{PROJECT} then retry. If you enabled this API recently, wait a few minutes for the action to propagate "
    "to our systems and retry."
)
OVER_QUOTA = (
    "Quota exceeded for quota metric 'Queries' and limit 'Queries per minute per user' of service "
    f"'admin.googleapis.com' for consumer 'project_number:{PROJECT}'."
)
UNAUTHORIZED = (
    "Client is unauthorized to retrieve access tokens using this method, or client not authorized for any of "
    "the scopes requested."
)
OUT_OF_TIME = (
    "Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe. Check your "
    "iat and exp values in the JWT claim."
)

MESSAGES: Mapping[str, tuple[int, str, str]] = {
    "badRequest": (400, "global", "Bad Request"),
    "invalid": (400, "global", "Invalid Input"),
    "invalidParameter": (400, "global", "Invalid value"),
    "authError": (401, "global", "Invalid Credentials"),
    "required": (401, "global", "Login Required."),
    "forbidden": (403, "global", "Not Authorized to access this resource/api"),
    "insufficientPermissions": (403, "global", "Insufficient Permission"),
    "accessNotConfigured": (403, "usageLimits", NOT_ENABLED),
    "domainCannotUseApis": (403, "global", "Domain cannot use apis."),
    "rateLimitExceeded": (
        403,
        "usageLimits",
        OVER_QUOTA,
    ),
    "userRateLimitExceeded": (403, "usageLimits", "User Rate Limit Exceeded"),
    "quotaExceeded": (403, "usageLimits", "Request rate higher than configured."),
    "notFound": (404, "global", "Resource Not Found: groupKey"),
    "backendError": (503, "global", "Service unavailable. Please try again"),
}
"""Status, domain and message of a reason, as recorded or documented (docs/google-api.md, "Errors")."""

TOKEN_ERRORS: Mapping[str, tuple[int, str, str]] = {
    "unauthorized": (
        401,
        "unauthorized_client",
        UNAUTHORIZED,
    ),
    "denied": (403, "access_denied", "Requested client not authorized."),
    "no user": (400, "invalid_grant", "Invalid email or User ID"),
    "no account": (400, "invalid_grant", "Invalid grant: account not found"),
    "time": (
        400,
        "invalid_grant",
        OUT_OF_TIME,
    ),
    "signature": (400, "invalid_grant", "Invalid JWT Signature."),
    "audience": (400, "invalid_grant", "Invalid JWT: Failed audience check."),
    "scope": (400, "invalid_scope", "Invalid OAuth scope or ID token audience provided."),
    "grant": (400, "unsupported_grant_type", "Invalid grant_type"),
    "assertion": (400, "invalid_request", "Bad Request"),
}
"""Status, `error` and description of the token endpoint's refusals (docs/google-api.md, "Token errors")."""


def api_error(
    reason: str,
    message: str = "",
    *,
    status: int = 0,
    state: str = "",
    headers: Headers | None = None,
) -> Reply:
    """An error of the API, by its reason."""
    known, domain, usual = MESSAGES.get(reason, (500, "global", reason))
    code, words = status or known, message or usual
    error: dict[str, object] = {
        "code": code,
        "message": words,
        "errors": [{"message": words, "domain": domain, "reason": reason}],
    }
    if state:
        error["status"] = state
    if reason == "accessNotConfigured":
        error["details"] = [
            {
                "@type": "type.googleapis.com/google.rpc.ErrorInfo",
                "reason": "SERVICE_DISABLED",
                "domain": "googleapis.com",
                "metadata": {"service": "admin.googleapis.com", "consumer": f"projects/{PROJECT}"},
            }
        ]
    body = msgspec.json.format(msgspec.json.encode({"error": error}), indent=2)
    return Reply(code, body, headers or [], JSON)


def refused(reason: str, message: str = "", *, headers: Headers | None = None) -> RefusedError:
    """The exception for an error of the API."""
    return RefusedError(api_error(reason, message, headers=headers))


def token_refused(name: str) -> RefusedError:
    """The exception for a refusal of the token endpoint, by its name in `TOKEN_ERRORS`."""
    status, error, description = TOKEN_ERRORS[name]
    body = msgspec.json.encode({"error": error, "error_description": description})
    return RefusedError(Reply(status, msgspec.json.format(body, indent=2), [], JSON))


def usual_headers(_: Call, reply: Reply) -> Headers:
    """The headers of every reply; none has a rate limit or the id of the request."""
    cache = "private" if reply.status != 200 else "no-cache, no-store, max-age=0, must-revalidate"
    return [
        ("vary", "Origin"),
        ("vary", "X-Origin"),
        ("vary", "Referer"),
        ("cache-control", cache),
        ("server", "ESF"),
        ("x-xss-protection", "0"),
        ("x-frame-options", "SAMEORIGIN"),
        ("x-content-type-options", "nosniff"),
    ]
