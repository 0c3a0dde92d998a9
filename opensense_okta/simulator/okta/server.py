"""The simulator as a server on loopback: the API, its limits, its faults, and its controls."""

import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.routing import Mount, Router
from starlette.types import Receive, Scope, Send

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.control import control_routes
from opensense_okta.simulator.faults import Fault, Faults
from opensense_okta.simulator.messages import Call, Headers, RefusedError, Reply
from opensense_okta.simulator.okta.access import Access
from opensense_okta.simulator.okta.api import Api
from opensense_okta.simulator.okta.faults import make_fault
from opensense_okta.simulator.okta.limits import Limits, Meter
from opensense_okta.simulator.okta.messages import error
from opensense_okta.simulator.okta.oauth import Client, TokenEndpoint
from opensense_okta.simulator.serving import Served, exchange, served

TOKEN = "simulator-token"  # noqa: S105 - opens nothing but a simulator
"""The API token that is accepted unless others are given."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the API: who answers, what it counts against, and which scope it needs."""

    method: str
    path: re.Pattern[str]
    bucket: str
    scope: str | None
    answer: Callable[..., Reply]


class Simulator:
    """An Okta org behind HTTP; `running` says what the arguments mean.

    Attributes:
        org: What it serves; may be changed while it serves.
        url: Where it listens.
        requests: Every request answered so far.
        most_at_once: How many requests ran at the same time at most.
        faults: What goes wrong; may be changed while it serves.
        access: Who may call it; `access.endpoint` grants the access tokens.
        meter: How much of its limits is used.
        latency: Seconds that every answer takes.
    """

    def __init__(
        self,
        org: Org,
        *,
        tokens: Iterable[str] = (TOKEN,),
        clients: Iterable[Client] = (),
        limits: Limits | None = None,
        faults: Iterable[Fault] = (),
        latency: float = 0.0,
        clock_skew: float = 0.0,
        token_lifetime: float = 3600.0,
    ) -> None:
        self.org = org
        self.url = org.base_url
        self.requests: list[Served] = []
        self.most_at_once = 0
        self.faults = Faults(faults)
        self.clock = Clock(clock_skew)
        self.access = Access(tokens, TokenEndpoint(clients, self.clock, token_lifetime))
        self.meter = Meter(limits or Limits(), self.clock)
        self.latency = latency
        self._endpoints = _endpoints(Api(org), self.access.endpoint)
        self.app = Router(
            [Mount("/_simulator", routes=control_routes(self, org, make_fault)), Mount("/", self)]
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request to the API, as an ASGI application."""
        self.meter.running += 1
        self.most_at_once = max(self.most_at_once, self.meter.running)
        try:
            await exchange(self, scope, receive, send)
        finally:
            self.meter.running -= 1

    def serve_at(self, url: str) -> None:
        """Learn where it is."""
        self.url = url
        self.org.serve_at(url)

    def usual_headers(self, _call: Call, _reply: Reply) -> Headers:
        """The headers that all of Okta's responses have."""
        return [
            ("cache-control", "no-cache, no-store"),
            ("x-okta-request-id", secrets.token_hex(16)),
        ]

    async def answer(self, call: Call) -> Reply:
        """The org's own answer."""
        endpoint, names = self._route(call)
        if endpoint and call.method != endpoint.method:
            return error("E0000022")
        if crowded := self.meter.crowded():
            return error("E0000047", headers=crowded)
        allowed, headers = self.meter.take(endpoint.bucket if endpoint else "other")
        if not allowed:
            reply = error("E0000047")
        elif not endpoint:
            reply = error("E0000008")
        else:
            reply = self._ask(endpoint, call, names)
        reply.headers += headers
        return reply

    def _ask(self, endpoint: Endpoint, call: Call, names: tuple[str, ...]) -> Reply:
        """The endpoint's answer to a caller who may have one."""
        try:
            refusal = self.access.refuse(call, endpoint.scope) if endpoint.scope else None
            return refusal or endpoint.answer(call, *names)
        except RefusedError as refused:
            return refused.reply

    def _route(self, call: Call) -> tuple[Endpoint | None, tuple[str, ...]]:
        """The endpoint of a path, and the ids the path names."""
        for endpoint in self._endpoints:
            if match := endpoint.path.fullmatch(call.path):
                return endpoint, match.groups()
        return None, ()


def _endpoints(api: Api, tokens: TokenEndpoint) -> list[Endpoint]:
    users, groups = "okta.users.read", "okta.groups.read"
    return [
        Endpoint(method, re.compile(path), bucket, scope, answer)
        for method, path, bucket, scope, answer in (
            ("POST", "/oauth2/v1/token", "token", None, tokens.answer),
            ("GET", "/api/v1/users", "users", users, api.list_users),
            ("GET", "/api/v1/users/([^/]+)", "single", users, api.get_user),
            ("GET", "/api/v1/users/([^/]+)/groups", "users", users, api.list_groups_of_user),
            ("GET", "/api/v1/groups", "groups", groups, api.list_groups),
            ("GET", "/api/v1/groups/([^/]+)", "single", groups, api.get_group),
            ("GET", "/api/v1/groups/([^/]+)/users", "groups", groups, api.list_members),
            ("GET", "/api/v1/meta/schemas/user/default", "other", users, api.get_schema),
        )
    ]


@contextmanager
def running(
    org: Org,
    *,
    port: int = 0,
    tokens: Iterable[str] = (TOKEN,),
    clients: Iterable[Client] = (),
    limits: Limits | None = None,
    faults: Iterable[Fault] = (),
    latency: float = 0.0,
    clock_skew: float = 0.0,
    token_lifetime: float = 3600.0,
) -> Iterator[Simulator]:
    """Serve an org on 127.0.0.1 from a thread while the context lasts.

    Args:
        org: What to serve.
        port: The port to listen on; 0 takes any free one.
        tokens: The SSWS tokens that are accepted.
        clients: The service apps that the token endpoint knows.
        limits: The rate limits; by default a workforce org's.
        faults: What goes wrong.
        latency: Seconds that every answer takes.
        clock_skew: Seconds by which the org's clock is ahead of this machine's.
        token_lifetime: Seconds that an access token is good for.
    """
    simulator = Simulator(
        org,
        tokens=tokens,
        clients=clients,
        limits=limits,
        faults=faults,
        latency=latency,
        clock_skew=clock_skew,
        token_lifetime=token_lifetime,
    )
    with served(simulator, port):
        yield simulator
