"""The simulated token endpoint and Directory API: their paths, with access, limits and faults."""

import gzip
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from opensense_okta.simulator.faults import Fault
from opensense_okta.simulator.files import atomic_write
from opensense_okta.simulator.google.account import Account
from opensense_okta.simulator.google.api import Api
from opensense_okta.simulator.google.faults import make_fault
from opensense_okta.simulator.google.limits import Limits, Quota
from opensense_okta.simulator.google.login import (
    LIFETIME,
    PREFIX,
    Grant,
    Login,
    ServiceAccount,
)
from opensense_okta.simulator.google.messages import api_error, refused, usual_headers
from opensense_okta.simulator.google.people import ADMINISTRATOR, CUSTOMER
from opensense_okta.simulator.messages import Call, Headers, RefusedError, Reply
from opensense_okta.simulator.simulated_api import SimulatedApi, find_endpoint

__all__ = ["ADMINISTRATOR", "CUSTOMER", "Simulator", "default_service_account"]

ROOT = "/admin/directory/v1"


@cache
def default_service_account() -> ServiceAccount:
    """The service account of simulators for which nothing else is said; a key for this process."""
    return ServiceAccount()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path of the API, and the scopes of which one is needed."""

    path: re.Pattern[str]
    scopes: frozenset[str]
    answer: Callable[..., Reply]


class Simulator(SimulatedApi):
    """The token endpoint and the Directory API of one account, at the same URL.

    Attributes:
        account: the account; may be changed while it is served.
        login: grants tokens.
        quota: counts queries against the limits.
        api: the endpoints; `api.only_units` limits an administrator to an org unit.
        is_enabled: whether the Admin SDK API is enabled in the service account's project.
        key_file: where the service account's key is written as soon as the address is known.
    """

    def __init__(
        self,
        account: Account,
        *,
        service_accounts: Iterable[ServiceAccount] | None = None,
        key_file: Path | None = None,
        limits: Limits | None = None,
        faults: Iterable[Fault] = (),
        latency: float = 0.0,
        clock_skew: float = 0.0,
        token_lifetime: float = LIFETIME,
    ) -> None:
        """Serve an account.

        Args:
            account: the account.
            service_accounts: those that the token endpoint knows; the default one by default.
            key_file: where to write the first one's key; None: nowhere.
            limits: how much may be asked.
            faults: the faults of the API.
            latency: seconds that every reply takes.
            clock_skew: seconds by which Google's clock is ahead of this machine's.
            token_lifetime: seconds until an access token expires.
        """
        super().__init__(account, make_fault, faults=faults, latency=latency, clock_skew=clock_skew)
        known = list(service_accounts or [default_service_account()])
        self.account = account
        self.login = Login(account, known, self.clock, token_lifetime)
        self.quota = Quota(limits or Limits(), self.clock)
        self.api = Api(account, self.clock)
        self.is_enabled = True
        self.key_file = key_file
        self._endpoints = _endpoints(self.api)

    @property
    def key(self) -> str:
        """The first service account's key, as the Cloud console would download it."""
        return next(iter(self.login.service_accounts.values())).key_file(self.url)

    def serve_at(self, url: str) -> None:
        """Set the address at which it listens, and write the key that names it."""
        super().serve_at(url)
        if self.key_file:
            atomic_write(self.key_file, self.key)

    def usual_headers(self, call: Call, reply: Reply) -> Headers:
        """The headers of every reply."""
        return usual_headers(call, reply)

    async def answer(self, call: Call) -> Reply:
        """The API's reply to a call without faults."""
        try:
            if call.path == "/token":
                return self.login.answer(call) if call.method == "POST" else Reply(404)
            return self._read(call)
        except RefusedError as error:
            return error.reply

    def finish(self, call: Call, reply: Reply) -> Reply:
        """Compress the body if the caller says so twice: gzip also in its User-Agent."""
        wanted = "gzip" in call.headers.get("accept-encoding", "")
        named = "gzip" in call.headers.get("user-agent", "")
        if not (wanted and named and reply.body and reply.keep is None):
            return reply
        body = gzip.compress(reply.body, compresslevel=1)
        return replace(reply, body=body, headers=[*reply.headers, ("content-encoding", "gzip")])

    def _read(self, call: Call) -> Reply:
        grant = self._grant(call)
        endpoint, keys = find_endpoint(self._endpoints, call.path)
        if not endpoint or call.method != "GET":
            return Reply(404, b"Not Found", [], "text/html; charset=UTF-8")
        if not self.is_enabled:
            return api_error("accessNotConfigured", state="PERMISSION_DENIED")
        if not grant.scopes & endpoint.scopes:
            wanted = " ".join(sorted(endpoint.scopes))
            challenge = (
                'Bearer realm="https://accounts.google.com/", error=insufficient_scope, '
                f'scope="{wanted}"'
            )
            raise refused("insufficientPermissions", headers=[("www-authenticate", challenge)])
        if refusal := self.quota.refusal(grant.bucket, self.at_once):
            status, reason = refusal
            return api_error(reason, status=status)
        self._check_role(grant)
        return endpoint.answer(call, grant.subject, *keys)

    def _grant(self, call: Call) -> Grant:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise refused("required")
        grant = self.login.grant_of(token)
        if grant is None:
            raise refused("authError")
        return grant

    def _check_role(self, grant: Grant) -> None:
        """Whether the administrator, or the service account itself, has a role."""
        if not grant.subject:
            allowed = grant.account.has_role
        else:
            user = self.account.user(grant.subject) or {}
            allowed = bool(user.get("isAdmin") or user.get("isDelegatedAdmin"))
        if not allowed:
            raise refused("forbidden")


def _endpoints(api: Api) -> list[Endpoint]:
    return [
        Endpoint(
            re.compile(f"{ROOT}/{path}"),
            frozenset(f"{PREFIX}admin.directory.{scope}" for scope in scopes),
            answer,
        )
        for path, scopes, answer in (
            ("users", ("user", "user.readonly"), api.list_users),
            ("users/([^/]+)", ("user", "user.readonly"), api.get_user),
            ("groups", ("group", "group.readonly"), api.list_groups),
            ("groups/([^/]+)", ("group", "group.readonly"), api.get_group),
            (
                "groups/([^/]+)/members",
                ("group", "group.readonly", "group.member", "group.member.readonly"),
                api.list_members,
            ),
            ("customers/([^/]+)", ("customer.readonly",), api.get_customer),
        )
    ]
