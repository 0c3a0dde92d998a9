"""The simulated login endpoint and Graph: their paths, with access, limits and faults."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from opensense_okta.simulator.entra.access import Access
from opensense_okta.simulator.entra.api import Api
from opensense_okta.simulator.entra.apps import App
from opensense_okta.simulator.entra.faults import make_fault
from opensense_okta.simulator.entra.limits import Bucket, Limits, refusal_headers
from opensense_okta.simulator.entra.login import LIFETIME, Login
from opensense_okta.simulator.entra.messages import graph_error, usual_headers
from opensense_okta.simulator.entra.tenant import TENANT_ID, Tenant
from opensense_okta.simulator.faults import Fault
from opensense_okta.simulator.messages import Call, Headers, RefusedError, Reply
from opensense_okta.simulator.simulated_api import SimulatedApi, find_endpoint

__all__ = ["CLIENT_ID", "CLIENT_SECRET", "TENANT_ID", "Simulator"]

CLIENT_ID = "c1b2a3d4-0f0e-4d0c-8b0a-090807060504"
"""The client id of the default application."""

CLIENT_SECRET = "simulator~secret"  # noqa: S105 - opens nothing but a simulator
"""Its client secret."""

APP = App(CLIENT_ID, secrets=(CLIENT_SECRET,))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of Graph, and the kind of objects that the caller must be allowed to read."""

    path: re.Pattern[str]
    kind: str
    answer: Callable[..., Reply]


class Simulator(SimulatedApi):
    """The login endpoint and Graph of one tenant, at the same URL.

    Attributes:
        tenant: The tenant; may be changed while it is served.
        access: Checks tokens; `access.endpoint` grants them, and `access.endpoint.apps` are the
            registered applications, which may be replaced.
        bucket: Counts resource units against the limits.
    """

    def __init__(
        self,
        tenant: Tenant,
        *,
        apps: Iterable[App] = (APP,),
        limits: Limits | None = None,
        faults: Iterable[Fault] = (),
        latency: float = 0.0,
        clock_skew: float = 0.0,
        token_lifetime: float = LIFETIME,
    ) -> None:
        """Serve a tenant.

        Args:
            tenant: The tenant.
            apps: The applications that the tenant knows.
            limits: How many resource units an application may use; depends on its size by default.
            faults: The faults of the API.
            latency: Seconds that every reply takes.
            clock_skew: Seconds by which the tenant's clock is ahead of this machine's.
            token_lifetime: Seconds until an access token expires.
        """
        super().__init__(tenant, make_fault, faults=faults, latency=latency, clock_skew=clock_skew)
        self.tenant = tenant
        self.access = Access(Login(tenant, apps, self.clock, token_lifetime))
        self.bucket = Bucket(limits or Limits(), self.clock)
        self._endpoints = _endpoints(Api(tenant))

    def usual_headers(self, call: Call, reply: Reply) -> Headers:
        """The headers of every reply."""
        return usual_headers(call, reply)

    async def answer(self, call: Call) -> Reply:
        """The API's reply to a call without faults."""
        try:
            if login := _LOGIN.fullmatch(call.path):
                return self._log_in(call, login[1])
            return self._read(call)
        except RefusedError as error:
            return error.reply

    def _log_in(self, call: Call, tenant: str) -> Reply:
        if call.method != "POST":
            return Reply(405)
        return self.access.endpoint.answer(call, tenant)

    def _read(self, call: Call) -> Reply:
        endpoint, ids = find_endpoint(self._endpoints, call.path)
        if not endpoint:
            self.access.caller(call)
            segment = call.path.removeprefix("/v1.0/").partition("/")[0]
            message = f"Resource not found for the segment '{segment}'."
            return graph_error(call, 400, "BadRequest", message)
        if call.method != "GET":
            message = "The simulated directory cannot be written to."
            return graph_error(call, 405, "Request_BadRequest", message)
        app, size = self.access.reader(call, endpoint.kind), len(self.tenant.users)
        if wait := self.bucket.wait(app.id, size):
            self.bucket.refused += 1
            headers = refusal_headers(app.id, wait, "ResourceUnitLimitExceeded")
            return graph_error(call, 429, "TooManyRequests", "Too many requests.", headers)
        reply = endpoint.answer(call, app, *ids)
        self.bucket.take(app.id, size, int(dict(reply.headers)["x-ms-resource-unit"]))
        return reply


_LOGIN = re.compile(r"/([^/]+)/oauth2/v2\.0/token")


def _endpoints(api: Api) -> list[Endpoint]:
    return [
        Endpoint(re.compile(f"/v1\\.0/{path}"), kind, answer)
        for path, kind, answer in (
            ("organization", "organization", api.get_organization),
            ("users/?", "users", api.list_users),
            (r"users/\$count", "users", api.count_users),
            ("users/([^/]+)", "users", api.get_user),
            ("groups/?", "groups", api.list_groups),
            (r"groups/\$count", "groups", api.count_groups),
            ("groups/([^/]+)", "groups", api.get_group),
            ("groups/([^/]+)/members", "groups", api.list_members),
            (
                r"groups/([^/]+)/members/microsoft\.graph\.user",
                "groups",
                api.list_users_in_group,
            ),
        )
    ]
