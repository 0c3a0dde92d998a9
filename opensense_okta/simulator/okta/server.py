"""The simulated Okta API: its paths, with access, limits and faults."""

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
from opensense_okta.simulator.okta.oauth import ApiNonces, Client, TokenEndpoint
from opensense_okta.simulator.simulated_api import SimulatedApi, find_endpoint

TOKEN = "simulator-token"  # noqa: S105 - opens nothing but a simulator
"""The default API token."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the API, the limit that it counts against, and the scope that it needs."""

    method: str
    path: re.Pattern[str]
    bucket: str
    scope: str | None
    answer: Callable[..., Reply]


class Simulator(SimulatedApi):
    """The Okta API of one org.

    Attributes:
        org: The org; may be changed while it is served.
        access: Checks tokens; `access.endpoint` grants access tokens.
        meter: Counts requests against the limits.
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
        nonces: ApiNonces | None = None,
    ) -> None:
        """Serve an org.

        Args:
            org: The org.
            tokens: The SSWS tokens that are accepted.
            clients: The service apps that the token endpoint knows.
            limits: The rate limits; by default a workforce org's.
            faults: The faults of the API.
            latency: Seconds that every reply takes.
            clock_skew: Seconds by which the org's clock is ahead of this machine's.
            token_lifetime: Seconds until an access token expires.
            nonces: The nonces that the API demands in DPoP proofs; None as at Okta.
        """
        super().__init__(org, make_fault, faults=faults, latency=latency, clock_skew=clock_skew)
        self.org = org
        self.url = org.base_url
        self.access = Access(tokens, TokenEndpoint(clients, self.clock, token_lifetime), nonces)
        self.meter = Meter(limits or Limits(), self.clock)
        self._endpoints = _endpoints(Api(org), self.access.endpoint)

    def serve_at(self, url: str) -> None:
        """Set the address at which it listens, also for the links inside the objects."""
        super().serve_at(url)
        self.org.serve_at(url)

    def usual_headers(self, _call: Call, _reply: Reply) -> Headers:
        """The headers of every reply of Okta."""
        return [
            ("cache-control", "no-cache, no-store"),
            ("x-okta-request-id", secrets.token_hex(16)),
        ]

    async def answer(self, call: Call) -> Reply:
        """The API's reply to a call without faults."""
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
            reply = self._read(endpoint, call, ids)
            reply.headers += self.access.nonce_headers() if endpoint.scope else []
        reply.headers += headers
        return reply

    def _read(self, endpoint: Endpoint, call: Call, ids: tuple[str, ...]) -> Reply:
        """The reply of the endpoint, if the caller has access."""
        try:
            refusal = self.access.refuse(call, endpoint.scope) if endpoint.scope else None
            return refusal or endpoint.answer(call, *ids)
        except RefusedError as error:
            return error.reply


def _endpoints(api: Api, tokens: TokenEndpoint) -> list[Endpoint]:
    users, groups, apps = "okta.users.read", "okta.groups.read", "okta.apps.read"
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
            ("GET", "/api/v1/apps/([^/]+)/users", "other", apps, api.list_app_users),
            ("GET", "/api/v1/meta/schemas/user/default", "other", users, api.get_schema),
        )
    ]
