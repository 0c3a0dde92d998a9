"""What stands before a simulated API: reading calls, letting faults strike, delivery, life cycle."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple, Protocol

import uvicorn
from starlette.requests import Request
from starlette.routing import Router
from starlette.types import ASGIApp, Receive, Scope, Send

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.delivery import deliver
from opensense_okta.simulator.faults import Faults
from opensense_okta.simulator.messages import Call, Headers, Reply

GRACE = 0.3
"""Seconds that running answers may take to finish when a simulator ends."""


class Served(NamedTuple):
    """One request that has been answered; status 0 is a connection that was reset."""

    method: str
    target: str
    status: int


class Peer(Protocol):
    """A simulated API.

    Attributes:
        app: The whole of it as an ASGI application.
        requests: Every request answered so far.
        faults: What goes wrong.
        clock: Its clock.
        latency: Seconds that every answer takes.
    """

    app: Router
    requests: list[Served]
    faults: Faults
    clock: Clock
    latency: float

    async def answer(self, call: Call) -> Reply:
        """The API's own answer, when nothing goes wrong."""

    def usual_headers(self, call: Call, reply: Reply) -> Headers:
        """The headers that all of the API's responses have."""

    def serve_at(self, url: str) -> None:
        """Learn where it is."""


async def exchange(peer: Peer, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one request, after the latency and the faults that strike."""
    call = await _read(scope, receive)
    if peer.latency:
        await asyncio.sleep(peer.latency)
    reply = await peer.faults.reply(call, peer, peer.answer)
    peer.requests.append(Served(call.method, call.target, reply.status))
    await deliver(reply, peer.usual_headers(call, reply), peer.clock.now(), receive, send)


async def _read(scope: Scope, receive: Receive) -> Call:
    request = Request(scope, receive)
    return Call(
        method=request.method,
        path=request.url.path,
        query_string=scope["query_string"].decode(),
        headers=dict(request.headers),
        body=await request.body(),
    )


@contextmanager
def served(peer: Peer, port: int) -> Iterator[None]:
    """Serve an API on 127.0.0.1 from a thread while the context lasts."""
    with listen(peer, port) as listener:
        server = make_server(peer.app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.002)
            yield
        finally:
            server.should_exit = True
            thread.join()


def listen(peer: Peer, port: int) -> socket.socket:
    """A socket on 127.0.0.1 for an API, which then knows where it is."""
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    peer.serve_at(f"http://127.0.0.1:{listener.getsockname()[1]}")
    return listener


def by_port(apps: Mapping[int, ASGIApp]) -> ASGIApp:
    """Several applications as one, each answering on a port of its own."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        _, port = scope["server"]
        await apps[port](scope, receive, send)

    return answer


def make_server(app: ASGIApp) -> uvicorn.Server:
    """The web server that serves an API, quietly."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """A web server that ends within milliseconds; uvicorn's own waits a tenth of a second twice."""

    async def main_loop(self) -> None:
        """Serve until told to end."""
        while not self.should_exit:  # noqa: ASYNC110 - other threads set it
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let running answers finish for a moment, then drop them."""
        del sockets  # closed by those who opened them
        state, end = self.server_state, time.monotonic() + GRACE
        for server in self.servers:
            server.close()
        for connection in list(state.connections):
            connection.shutdown()
        while state.connections and time.monotonic() < end:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.005)
        for task in state.tasks:
            task.cancel()
        await asyncio.gather(*state.tasks, return_exceptions=True)
