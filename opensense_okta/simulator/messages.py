"""What goes over the wire: a call as the API sees it, a reply, and Okta's error bodies."""

import secrets
from dataclasses import dataclass, field
from functools import cached_property
from urllib.parse import parse_qsl

import msgspec

Headers = list[tuple[str, str]]

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


@dataclass(frozen=True)
class Call:
    """One HTTP request, read whole."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: bytes = b""

    @cached_property
    def target(self) -> str:
        """Path and query as they were asked for."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @cached_property
    def query(self) -> dict[str, str]:
        """The query's parameters; of one given twice, the last."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def base_url(self) -> str:
        """Where the caller believes the API to be."""
        return f"http://{self.headers.get('host', '127.0.0.1')}"


@dataclass
class Reply:
    """One HTTP response, and how it is delivered.

    Attributes:
        status: The HTTP status.
        body: The body; an empty one is sent without a content type.
        headers: Headers beside those that every response has.
        content_type: The body's.
        keep: How many bytes of the body are sent before the connection is cut; None sends all.
        seconds: How long the body takes on its way.
    """

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=list)
    content_type: str = "application/json"
    keep: int | None = None
    seconds: float = 0.0


def json_reply(content: object, headers: Headers | None = None, status: int = 200) -> Reply:
    """A reply whose body is the content as JSON."""
    return Reply(status, msgspec.json.encode(content), headers or [])


def error(
    code: str, about: str = "", cause: str = "", headers: Headers | None = None, status: int = 0
) -> Reply:
    """Okta's reply to a call that failed, by its error code."""
    usual_status, summary = ERRORS.get(code, (500, code))
    body = {
        "errorCode": code,
        "errorSummary": summary.format(about),
        "errorLink": code,
        "errorId": f"oae{secrets.token_urlsafe(16)}",
        "errorCauses": [{"errorSummary": cause}] if cause else [],
    }
    return json_reply(body, headers, status or usual_status)
