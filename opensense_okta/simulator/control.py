"""The simulators' own endpoints, for whoever runs in another process; nothing of the real APIs'.

| request | does |
|---|---|
| `GET /_simulator/day` | tells the company's day |
| `POST /_simulator/day {"day": "2026-11-24"}` | lets the days up to that one pass |
| `GET /_simulator/requests` | lists the requests answered so far |
| `DELETE /_simulator/requests` | forgets them |
| `GET /_simulator/truth` | tells all users, groups and memberships, to compare a read with |
| `GET /_simulator/faults` | lists the faults, each with how often it struck |
| `POST /_simulator/faults {"name": "reset", "after": 3}` | adds one; see the API's own `faults.make_fault` |
| `DELETE /_simulator/faults` | ends all |

No login: a simulator listens on loopback only.
"""

from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from typing import Any, Protocol

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opensense_okta.simulator.faults import Fault, Faults
from opensense_okta.simulator.messages import Served


class Directory(Protocol):
    """What is simulated: an Okta org or an Entra tenant."""

    @property
    def day(self) -> date:
        """Its day."""

    def advance(self, day: date) -> None:
        """Let the days up to `day` pass."""

    def truth(self) -> Any:  # noqa: ANN401 - a named tuple of its own
        """Everything it holds now."""


class Controlled(Protocol):
    """What can be asked of, and done to, the simulator that serves it."""

    requests: list[Served]
    faults: Faults


def control_routes(
    simulator: Controlled, directory: Directory, make_fault: Callable[..., Fault]
) -> list[Route]:
    """The routes below `/_simulator`."""
    controls = Controls(simulator, directory, make_fault)
    return [
        Route("/day", controls.day, methods=["GET", "POST"]),
        Route("/requests", controls.requests, methods=["GET", "DELETE"]),
        Route("/truth", controls.truth, methods=["GET"]),
        Route("/faults", controls.faults, methods=["GET", "POST", "DELETE"]),
    ]


class Controls:
    """What can be done to a running simulator from outside."""

    def __init__(
        self, simulator: Controlled, directory: Directory, make_fault: Callable[..., Fault]
    ) -> None:
        self._simulator = simulator
        self._directory = directory
        self._make_fault = make_fault

    async def day(self, request: Request) -> Response:
        """Tell the day, or let days pass."""
        if request.method == "POST":
            try:
                self._directory.advance(date.fromisoformat((await request.json())["day"]))
            except (ValueError, KeyError, TypeError):
                return _json({"error": 'send {"day": "YYYY-MM-DD"}'}, 400)
        return _json({"day": self._directory.day.isoformat()})

    async def requests(self, request: Request) -> Response:
        """Tell, or forget, which requests were answered."""
        if request.method == "DELETE":
            self._simulator.requests.clear()
        return _json([served._asdict() for served in self._simulator.requests])

    async def truth(self, _: Request) -> Response:
        """Tell everything that the directory holds."""
        return _json(self._directory.truth()._asdict())

    async def faults(self, request: Request) -> Response:
        """Tell, add, or end what goes wrong."""
        faults = self._simulator.faults
        if request.method == "DELETE":
            faults.clear()
        if request.method == "POST":
            try:
                faults.append(self._make_fault(**(await request.json())))
            except (ValueError, TypeError) as problem:
                return _json({"error": str(problem)}, 400)
        return _json([{"kind": type(fault).__name__} | asdict(fault) for fault in faults])


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
