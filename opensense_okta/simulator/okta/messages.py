"""Okta's error codes and error bodies."""

import secrets

from opensense_okta.simulator.messages import Headers, Reply, json_reply

ERRORS = {
    "E0000001": (400, "Api validation failed: {}"),
    "E0000004": (401, "Authentication failed"),
    "E0000005": (403, "Invalid session"),
    "E0000006": (403, "You do not have permission to perform the requested action"),
    "E0000007": (404, "Not found: Resource not found: {}"),
    "E0000008": (404, "The requested path was not found"),
    "E0000009": (500, "Internal Server Error"),
    "E0000010": (503, "Service is in read only mode"),
    "E0000011": (401, "Invalid token provided"),
    "E0000015": (401, "You do not have permission to access the feature you are requesting"),
    "E0000022": (405, "The endpoint does not support the provided HTTP method"),
    "E0000026": (404, "This endpoint has been deprecated."),
    "E0000029": (400, "Invalid paging request."),
    "E0000031": (400, "Invalid search criteria."),
    "E0000033": (400, "Can't specify a search query and filter in the same request."),
    "E0000047": (429, "API call exceeded rate limit due to too many requests."),
    "E0000060": (501, "Unsupported operation."),
    "E0000100": (503, "Unable to perform search query."),
    "E0000215": (410, "This endpoint has been deprecated."),
    "E0000240": (502, "Bad gateway"),
    "E0000241": (504, "Gateway timeout"),
}
"""Okta's error codes: status and summary."""


def error(
    code: str, about: str = "", cause: str = "", headers: Headers | None = None, status: int = 0
) -> Reply:
    """Okta's reply with an error, by the error's code."""
    usual_status, summary = ERRORS.get(code, (500, code))
    body = {
        "errorCode": code,
        "errorSummary": summary.format(about),
        "errorLink": code,
        "errorId": f"oae{secrets.token_urlsafe(16)}",
        "errorCauses": [{"errorSummary": cause}] if cause else [],
    }
    return json_reply(body, headers, status or usual_status)
