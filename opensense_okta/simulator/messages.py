"""What goes over the wire: a call as an API sees it, and a reply."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

Headers = list[tuple[str, str]]


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


class Served(NamedTuple):
    """One request that has been answered; status 0 is a connection that was reset."""

    method: str
    target: str
    status: int


class RefusedError(Exception):
    """A request that gets an error for an answer."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json_reply(content: object, headers: Headers | None = None, status: int = 200) -> Reply:
    """A reply whose body is the content as JSON."""
    return Reply(status, msgspec.json.encode(content), headers or [])
