"""The simulator's own endpoints, for whoever runs in another process; nothing of Okta's.

| request | does |
|---|---|
| `GET /_simulator/day` | tells the org's day |
| `POST /_simulator/day {"day": "2026-11-24"}` | lets the days up to that one pass |
| `GET /_simulator/requests` | lists the requests answered so far |
| `DELETE /_simulator/requests` | forgets them |
| `GET /_simulator/truth` | tells all users, groups and memberships, to compare a read with |
| `GET /_simulator/faults` | lists the faults, each with how often it struck |
| `POST /_simulator/faults {"name": "reset", "after": 3}` | adds one; see `faults.make_fault` |
| `DELETE /_simulator/faults` | ends all |

No login: the simulator listens on loopback only.
"""

from dataclasses import asdict
from datetime import date
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from opensense_okta.simulator.faults import make_fault

if TYPE_CHECKING:
    from opensense_okta.simulator.server import Simulator


def control_routes(simulator: "Simulator") -> list[Route]:
    """The routes below `/_simulator`."""
    controls = Controls(simulator)
    return [
        Route("/day", controls.day, methods=["GET", "POST"]),
        Route("/requests", controls.requests, methods=["GET", "DELETE"]),
        Route("/truth", controls.truth, methods=["GET"]),
        Route("/faults", controls.faults, methods=["GET", "POST", "DELETE"]),
    ]


class Controls:
    """What can be done to a running simulator from outside."""

    def __init__(self, simulator: "Simulator") -> None:
        self._simulator = simulator

    async def day(self, request: Request) -> Response:
        """Tell the day, or let days pass."""
        org = self._simulator.org
        if request.method == "POST":
            try:
                org.advance(date.fromisoformat((await request.json())["day"]))
            except (ValueError, KeyError, TypeError):
                return _json({"error": 'send {"day": "YYYY-MM-DD"}'}, 400)
        return _json({"day": org.day.isoformat()})

    async def requests(self, request: Request) -> Response:
        """Tell, or forget, which requests were answered."""
        if request.method == "DELETE":
            self._simulator.requests.clear()
        return _json([served._asdict() for served in self._simulator.requests])

    async def truth(self, _: Request) -> Response:
        """Tell everything the org holds."""
        return _json(self._simulator.org.truth()._asdict())

    async def faults(self, request: Request) -> Response:
        """Tell, add, or end what goes wrong."""
        faults = self._simulator.faults
        if request.method == "DELETE":
            faults.clear()
        if request.method == "POST":
            try:
                faults.append(make_fault(**(await request.json())))
            except (ValueError, TypeError) as problem:
                return _json({"error": str(problem)}, 400)
        return _json([{"kind": type(fault).__name__} | asdict(fault) for fault in faults])


def _json(content: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")
