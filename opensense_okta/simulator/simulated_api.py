"""What the simulated APIs of all vendors have in common, before they are served."""

import asyncio
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import Protocol, TypeVar

from starlette.requests import Request
from starlette.routing import Mount, Router
from starlette.types import Receive, Scope, Send

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.control import Directory, control_routes
from opensense_okta.simulator.delivery import deliver
from opensense_okta.simulator.faults import Fault, Faults
from opensense_okta.simulator.messages import Call, Headers, Reply, Served


class SimulatedApi(ABC):
    """One vendor's API, in front of one company.

    Attributes:
        url: The address at which it listens.
        requests: The requests that were answered.
        at_once: The number of requests that are running.
        most_at_once: The highest number of requests that ran at the same time.
        faults: The faults; may be changed while it serves.
        clock: The API's clock.
        latency: Seconds that every reply takes.
        app: The API and the simulator's own controls, as one ASGI application.
    """

    def __init__(
        self,
        directory: Directory,
        make_fault: Callable[..., Fault],
        *,
        faults: Iterable[Fault],
        latency: float,
        clock_skew: float,
    ) -> None:
        self.url = ""
        self.requests: list[Served] = []
        self.at_once = 0
        self.most_at_once = 0
        self.faults = Faults(faults)
        self.clock = Clock(clock_skew)
        self.latency = latency
        controls = control_routes(self, directory, make_fault)
        self.app = Router([Mount("/_simulator", routes=controls), Mount("/", self)])

    @abstractmethod
    async def answer(self, call: Call) -> Reply:
        """The API's reply to a call without faults."""

    @abstractmethod
    def usual_headers(self, call: Call, reply: Reply) -> Headers:
        """The headers of every reply of the API."""

    def finish(self, call: Call, reply: Reply) -> Reply:
        """The reply as it is sent, after all faults."""
        del call
        return reply

    def serve_at(self, url: str) -> None:
        """Set the address at which it listens."""
        self.url = url

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request as an ASGI application, after the latency and with the faults that apply."""
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        try:
            call = await _read(scope, receive)
            if self.latency:
                await asyncio.sleep(self.latency)
            reply = self.finish(call, await self.faults.reply(call, self, self.answer))
            self.requests.append(Served(call.method, call.target, reply.status))
            headers = self.usual_headers(call, reply)
            await deliver(reply, headers, self.clock.now(), receive, send)
        finally:
            self.at_once -= 1


async def _read(scope: Scope, receive: Receive) -> Call:
    request = Request(scope, receive)
    return Call(
        method=request.method,
        path=request.url.path,
        query_string=scope["query_string"].decode(),
        headers=dict(request.headers),
        body=await request.body(),
    )


class HasPath(Protocol):
    """An endpoint of an API."""

    @property
    def path(self) -> re.Pattern[str]:
        """The paths that it answers."""


Endpoint = TypeVar("Endpoint", bound=HasPath)


def find_endpoint(
    endpoints: Iterable[Endpoint], path: str
) -> tuple[Endpoint | None, tuple[str, ...]]:
    """The endpoint of a path, and the ids that the path contains."""
    for endpoint in endpoints:
        if match := endpoint.path.fullmatch(path):
            return endpoint, match.groups()
    return None, ()
