"""The simulator as a server on loopback: the API, its limits, its faults, and its controls."""

import re
import secrets
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.faults import Fault
from opensense_okta.simulator.messages import Call, Headers, RefusedError, Reply
from opensense_okta.simulator.okta.access import Access
from opensense_okta.simulator.okta.api import Api
from opensense_okta.simulator.okta.faults import make_fault
from opensense_okta.simulator.okta.limits import Limits, Meter
from opensense_okta.simulator.okta.messages import error
from opensense_okta.simulator.okta.oauth import Client, TokenEndpoint
from opensense_okta.simulator.simulated_api import SimulatedApi, find_endpoint

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


class Simulator(SimulatedApi):
    """An Okta org behind HTTP.

    Attributes:
        org: What it serves; may be changed while it serves.
        access: Who may call it; `access.endpoint` grants the access tokens.
        meter: How much of its limits is used.
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
        """Put an API in front of an org.

        Args:
            org: What to serve.
            tokens: The SSWS tokens that are accepted.
            clients: The service apps that the token endpoint knows.
            limits: The rate limits; by default a workforce org's.
            faults: What goes wrong.
            latency: Seconds that every answer takes.
            clock_skew: Seconds by which the org's clock is ahead of this machine's.
            token_lifetime: Seconds that an access token is good for.
        """
        super().__init__(org, make_fault, faults=faults, latency=latency, clock_skew=clock_skew)
        self.org = org
        self.url = org.base_url
        self.access = Access(tokens, TokenEndpoint(clients, self.clock, token_lifetime))
        self.meter = Meter(limits or Limits(), self.clock)
        self._endpoints = _endpoints(Api(org), self.access.endpoint)

    def serve_at(self, url: str) -> None:
        """Set the address at which it listens, also for the links inside the objects."""
        super().serve_at(url)
        self.org.serve_at(url)

    def usual_headers(self, _call: Call, _reply: Reply) -> Headers:
        """The headers that all of Okta's responses have."""
        return [
            ("cache-control", "no-cache, no-store"),
            ("x-okta-request-id", secrets.token_hex(16)),
        ]

    async def answer(self, call: Call) -> Reply:
        """The org's own answer."""
        endpoint, ids = find_endpoint(self._endpoints, call.path)
        if endpoint and call.method != endpoint.method:
            return error("E0000022")
        if crowded := self.meter.crowded(self.at_once):
            return error("E0000047", headers=crowded)
        allowed, headers = self.meter.take(endpoint.bucket if endpoint else "other")
        if not allowed:
            reply = error("E0000047")
        elif not endpoint:
            reply = error("E0000008")
        else:
            reply = self._ask(endpoint, call, ids)
        reply.headers += headers
        return reply

    def _ask(self, endpoint: Endpoint, call: Call, ids: tuple[str, ...]) -> Reply:
        """The endpoint's answer to a caller who may have one."""
        try:
            refusal = self.access.refuse(call, endpoint.scope) if endpoint.scope else None
            return refusal or endpoint.answer(call, *ids)
        except RefusedError as refused:
            return refused.reply


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
