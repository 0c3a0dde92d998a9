"""Requests and replies of all simulated APIs."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from urllib.parse import parse_qsl

import msgspec

Headers = list[tuple[str, str]]


@dataclass(frozen=True)
class Call:
    """One HTTP request with its body."""

    method: str
    path: str
    query_string: str
    headers: dict[str, str]
    body: bytes = b""

    @cached_property
    def target(self) -> str:
        """Path and query, as requested."""
        return f"{self.path}?{self.query_string}" if self.query_string else self.path

    @cached_property
    def query(self) -> dict[str, str]:
        """The parameters of the query; the last value of a repeated one."""
        return dict(parse_qsl(self.query_string, keep_blank_values=True))

    @cached_property
    def base_url(self) -> str:
        """The API's URL, as the caller knows it."""
        return f"http://{self.headers.get('host', '127.0.0.1')}"


@dataclass
class Reply:
    """One HTTP response, and how it is delivered.

    Attributes:
        status: The HTTP status.
        body: The body; an empty body is sent without a content type.
        headers: Headers in addition to those of every reply.
        content_type: The content type of the body.
        keep: After how many bytes of the body the connection is closed; None sends all.
        seconds: How long it takes to send the body.
    """

    status: int = 200
    body: bytes = b""
    headers: Headers = field(default_factory=list)
    content_type: str = "application/json"
    keep: int | None = None
    seconds: float = 0.0


class Served(NamedTuple):
    """One request that was answered; status 0 means that the connection was reset."""

    method: str
    target: str
    status: int


class RefusedError(Exception):
    """A request whose reply is an error."""

    def __init__(self, reply: Reply) -> None:
        super().__init__(reply.status)
        self.reply = reply


def json_reply(content: object, headers: Headers | None = None, status: int = 200) -> Reply:
    """A reply with the content as JSON."""
    return Reply(status, msgspec.json.encode(content), headers or [])
