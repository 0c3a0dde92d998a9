"""A peer that answers over HTTP with whatever a test wants, byte for byte."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from starlette.requests import Request
from starlette.types import Receive, Scope, Send

HOPS = {"connection", "content-encoding", "content-length", "transfer-encoding"}
"""Headers that are about how a body was sent, not about what it says."""


@dataclass(frozen=True)
class Reply:
    """An answer as it goes over the wire; a header may come twice."""

    status: int = 200
    body: bytes = b"[]"
    headers: tuple[tuple[str, str], ...] = ()


Answer = Callable[[str], Reply]


class Asked(NamedTuple):
    """A request that came in."""

    target: str
    headers: dict[str, str]


@dataclass
class Peer:
    """A server on loopback; `answer` makes the reply to a path with its query."""

    answer: Answer
    url: str = ""
    asked: list[Asked] = field(default_factory=list)

    @property
    def targets(self) -> list[str]:
        return [asked.target for asked in self.asked]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        query = f"?{request.url.query}" if request.url.query else ""
        target = f"{scope['raw_path'].decode()}{query}"
        self.asked.append(Asked(target, dict(request.headers)))
        reply = self.answer(target)
        headers = [("content-length", str(len(reply.body))), *reply.headers]
        raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": reply.body})


@contextmanager
def serving(answer: Answer, certificate: Path | None = None) -> Iterator[Peer]:
    """A peer that listens while the context lasts, with TLS when it has a certificate and key."""
    peer = Peer(answer)
    config = uvicorn.Config(
        peer,
        port=0,
        lifespan="off",
        ws="none",
        log_level="critical",
        server_header=False,
        date_header=False,
        ssl_certfile=certificate,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.002)
    peer.url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.should_exit = True
        thread.join()


@dataclass(frozen=True)
class Recording:
    """One recorded exchange."""

    name: str
    url: str
    status: int
    headers: dict[str, list[str]]
    body: Any

    @property
    def target(self) -> str:
        """The path that was asked for, with its query."""
        return self.url.removeprefix(self._origin)

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def _origin(self) -> str:
        return "/".join(self.url.split("/")[:3])

    def reply(self, origin: str) -> Reply:
        """The recorded answer, as if it came from another origin; link lines stay as they were."""
        headers = tuple(
            (name, value.replace(self._origin, origin) if name == "link" else value)
            for name, values in self.headers.items()
            if name not in HOPS
            for value in values
        )
        return Reply(self.status, _bytes(self.body), headers)


def _bytes(body: Any) -> bytes:  # noqa: ANN401 - any JSON, a text, or nothing
    if body is None:
        return b""
    return body.encode() if isinstance(body, str) else json.dumps(body).encode()


def recording(path: Path) -> Recording:
    exchange = json.loads(path.read_bytes())
    response = exchange["response"]
    return Recording(
        path.stem,
        exchange["request"]["url"],
        response["status"],
        response["headers"],
        response["body"],
    )
