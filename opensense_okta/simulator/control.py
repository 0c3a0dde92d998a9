"""The simulators' own endpoints, for other processes; the real APIs have no such endpoints.

| request | does |
|---|---|
| `GET /_simulator/day` | returns the company's date |
| `POST /_simulator/day {"day": "2026-11-24"}` | simulates the days before that date |
| `GET /_simulator/requests` | returns the requests that were answered |
| `DELETE /_simulator/requests` | clears that list |
| `GET /_simulator/truth` | returns all users, groups and memberships, to compare a read with |
| `GET /_simulator/faults` | returns the faults, each with the number of calls that it `struck` |
| `POST /_simulator/faults {"name": "reset", "after": 3}` | adds a fault, by name |
| `DELETE /_simulator/faults` | removes all faults |

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
    """What a simulator serves, such as an Okta org or an Entra tenant."""

    @property
    def day(self) -> date:
        """The company's date."""

    def advance(self, day: date) -> None:
        """Simulate the days before `day`."""

    def truth(self) -> Any:  # noqa: ANN401 - each vendor's own named tuple
        """Everything that it has now."""


class Controlled(Protocol):
    """What the endpoints read and change of a simulator."""

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
    """The endpoints of one simulator."""

    def __init__(
        self, simulator: Controlled, directory: Directory, make_fault: Callable[..., Fault]
    ) -> None:
        self._simulator = simulator
        self._directory = directory
        self._make_fault = make_fault

    async def day(self, request: Request) -> Response:
        """Return the date, or simulate the days before another one."""
        if request.method == "POST":
            try:
                self._directory.advance(date.fromisoformat((await request.json())["day"]))
            except (ValueError, KeyError, TypeError):
                return _json({"error": 'send {"day": "YYYY-MM-DD"}'}, 400)
        return _json({"day": self._directory.day.isoformat()})

    async def requests(self, request: Request) -> Response:
        """Return or clear the list of answered requests."""
        if request.method == "DELETE":
            self._simulator.requests.clear()
        return _json([served._asdict() for served in self._simulator.requests])

    async def truth(self, _: Request) -> Response:
        """Return everything that the directory has."""
        return _json(self._directory.truth()._asdict())

    async def faults(self, request: Request) -> Response:
        """Return, add or remove faults."""
        faults = self._simulator.faults
        if request.method == "DELETE":
            faults.clear()
        if request.method == "POST":
            try:
                faults.append(self._make_fault(**(await request.json())))
            except (ValueError, TypeError) as error:
                return _json({"error": str(error)}, 400)
        return _json([{"kind": type(fault).__name__} | asdict(fault) for fault in faults])


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
