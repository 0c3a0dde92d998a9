"""How simulated APIs listen on loopback: in a thread for tests, in the foreground for the command."""

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from opensense_okta.simulator.simulated_api import SimulatedApi

Api = TypeVar("Api", bound=SimulatedApi)

GRACE = 0.3
"""Seconds that running requests may take when a simulator stops."""


@contextmanager
def running(api: Api, *, port: int = 0) -> Iterator[Api]:
    """Serve an API on 127.0.0.1 from a thread while the context lasts; port 0 takes any free one."""
    with listen(api, port) as listener:
        server = make_server(api.app)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            while not server.started and thread.is_alive():
                time.sleep(0.002)
            yield api
        finally:
            server.should_exit = True
            thread.join()


def listen(api: SimulatedApi, port: int) -> socket.socket:
    """A socket on 127.0.0.1 for an API, which then knows its own address."""
    listener = socket.create_server(("127.0.0.1", port), backlog=256)
    api.serve_at(f"http://127.0.0.1:{listener.getsockname()[1]}")
    return listener


def by_port(apps: Mapping[int, ASGIApp]) -> ASGIApp:
    """Several applications as one, each for its own port."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        _, port = scope["server"]
        await apps[port](scope, receive, send)

    return answer


def make_server(app: ASGIApp, announce: Callable[[], None] = lambda: None) -> uvicorn.Server:
    """The web server of an application; it logs nothing, and calls `announce` when it serves."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        ws="none",
        log_level="critical",
        access_log=False,
        server_header=False,
        date_header=False,
    )
    return _Server(config, announce)


class _Server(uvicorn.Server):
    """A web server that stops within milliseconds; uvicorn's own waits twice for 0.1 seconds."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def main_loop(self) -> None:
        """Serve until `should_exit` is set."""
        self._announce()
        while not self.should_exit:  # noqa: ASYNC110 - other threads set it
            await asyncio.sleep(0.005)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Wait a moment for running requests, then cancel them."""
        del sockets  # `listen`'s caller closes them
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
