"""What can go wrong between a reader and Graph or the login endpoint.

It strikes as Okta's faults do (`opensense_okta.simulator.faults`), and shares those that any API
has: a reset, a truncated or a malformed body, slow answers, a redirect.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import msgspec

from opensense_okta.simulator.entra.access import Access
from opensense_okta.simulator.entra.limits import refusal_headers
from opensense_okta.simulator.entra.messages import NOT_FOUND, graph_error
from opensense_okta.simulator.entra.tenant import Tenant
from opensense_okta.simulator.faults import COMMON, Answer, Catalogue, Fault
from opensense_okta.simulator.messages import Call, Headers, Reply

GRAPH = r" /v1\.0/"
USERS = r"GET /v1\.0/users(\?|$)"
GROUPS = r"GET /v1\.0/groups(\?|$)"
MEMBERS = r"GET /v1\.0/groups/[^/]+/members"
LISTINGS = rf"{USERS}|{GROUPS}|{MEMBERS}"
NEXT_PAGES = r"skiptoken="
LOGIN = r"POST /[^/]+/oauth2/v2\.0/token"
HTML = "<html><head><title>Sign in to your account</title></head><body></body></html>"


class Stage(Protocol):
    """What a fault can reach of the simulator."""

    @property
    def tenant(self) -> Tenant:
        """What is served."""

    @property
    def access(self) -> Access:
        """Who may read it."""


@dataclass(kw_only=True)
class Failure(Fault):
    """An error instead of the answer: one of Graph's by its code, or any status with any body."""

    match: str = GRAPH
    status: int = 500
    code: str = ""
    message: str = ""
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage, answer
        headers: Headers = list(self.headers.items())
        if self.code:
            return graph_error(call, self.status, self.code, self.message, headers)
        return Reply(self.status, self.body.encode(), headers, self.content_type)


@dataclass(kw_only=True)
class Throttled(Fault):
    """A 429 out of the blue.

    Attributes:
        seconds: What Retry-After says, which may have a fraction; None leaves it out.
        reason: Which limit was reached.
    """

    match: str = GRAPH
    seconds: float | None = 0.128
    reason: str = "ResourceUnitLimitExceeded"

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del answer
        app = next(iter(stage.access.endpoint.apps), "")
        headers = refusal_headers(app, self.seconds, self.reason)
        return graph_error(call, 429, "TooManyRequests", "Please retry again later.", headers)


@dataclass(kw_only=True)
class Changed(Fault):
    """An answer that is a listing is changed; every kind says how."""

    match: str = LISTINGS

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        if reply.status != 200 or not reply.body.startswith(b"{"):
            return reply
        content = msgspec.json.decode(reply.body)
        self.change(call, content)
        return replace(reply, body=msgspec.json.encode(content))

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Change a page."""


@dataclass(kw_only=True)
class ForeignNext(Changed):
    """The next link leads to another host."""

    host: str = "https://elsewhere.example"

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Let the link lead there."""
        content["@odata.nextLink"] = f"{self.host}{call.path}?$skiptoken=x"


@dataclass(kw_only=True)
class RepeatedNext(Changed):
    """The next link leads to the page it is on: a circle."""

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Let the link lead back."""
        content["@odata.nextLink"] = f"{call.base_url}{call.target}"


@dataclass(kw_only=True)
class LostNext(Changed):
    """The link that leads on is missing, as if all had been told."""

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Drop the link."""
        del call
        content.pop("@odata.nextLink", None)


@dataclass(kw_only=True)
class LostValue(Changed):
    """A page without `value`, which is not the same as an empty one."""

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Drop the rows and the key."""
        del call
        content.pop("value", None)


@dataclass(kw_only=True)
class Empty(Changed):
    """A listing says, with status 200, that there is nothing."""

    match: str = USERS

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Drop the rows and the link."""
        del call
        content.pop("@odata.nextLink", None)
        content["value"] = []


@dataclass(kw_only=True)
class EmptyPage(Fault):
    """A page holds no row, but its link leads to those it should have held."""

    match: str = LISTINGS

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        if reply.status != 200:
            return reply
        content = msgspec.json.decode(reply.body)
        # An option that Graph ignores makes it another link than the page's own.
        sign = "&" if call.query_string else "?"
        link = f"{call.base_url}{call.target}{sign}again={self.struck}"
        return replace(
            reply, body=msgspec.json.encode(content | {"@odata.nextLink": link, "value": []})
        )


@dataclass(kw_only=True)
class UnreadableMembers(Changed):
    """Members of one type show nothing but their type and id, as without its permission."""

    match: str = MEMBERS
    times: int | None = None
    of_type: str = "user"

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Set everything else to null."""
        del call
        for row in _of_type(content, self.of_type):
            row.update({name: None for name in row if name not in ("@odata.type", "id")})


@dataclass(kw_only=True)
class LostMembers(Changed):
    """Members of one type are missing: a nested group is lost."""

    match: str = MEMBERS
    times: int | None = None
    of_type: str = "group"

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Drop them."""
        del call
        lost = [row["id"] for row in _of_type(content, self.of_type)]
        content["value"] = [row for row in content["value"] if row["id"] not in lost]


@dataclass(kw_only=True)
class StrangeRecords(Changed):
    """A listing holds records that are not objects, or have no id, or not a text for one."""

    records: list[Any] = field(
        default_factory=lambda: [None, "x", 42, [], {}, {"id": None}, {"id": 7}, {"id": ""}]
    )

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Put them before the others."""
        del call
        content["value"] = [*self.records, *content["value"]]


@dataclass(kw_only=True)
class RowMoves(Changed):
    """The row that ended one page is found on the next one again."""

    times: int | None = None
    _last: dict[str, Any] = field(default_factory=dict, init=False)

    def change(self, call: Call, content: dict[str, Any]) -> None:
        """Repeat it."""
        rows = content["value"]
        before = self._last.get(call.path) if "$skiptoken" in call.query else None
        if rows:
            self._last[call.path] = rows[-1]
        content["value"] = [before, *rows] if before else rows


@dataclass(kw_only=True)
class GroupVanishes(Fault):
    """A group is deleted after it has been listed, before its members are read."""

    match: str = MEMBERS

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        group_id = call.path.split("/")[3]
        if group_id not in stage.tenant.groups:
            return graph_error(call, 404, "Request_ResourceNotFound", NOT_FOUND.format(group_id))
        stage.tenant.remove_group(group_id)
        return await answer(call)


@dataclass(kw_only=True)
class TokensExpire(Fault):
    """All access tokens end, be it that they expired or were revoked."""

    match: str = GRAPH

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        stage.access.endpoint.expire_all()
        return await answer(call)


def _of_type(content: dict[str, Any], of_type: str) -> Iterator[dict[str, Any]]:
    tag = f"#microsoft.graph.{of_type}"
    return (row for row in content["value"] if row.get("@odata.type") == tag)


KINDS: Mapping[str, type[Fault]] = {
    **COMMON,
    "failure": Failure,
    "throttled": Throttled,
    "foreign-next": ForeignNext,
    "repeated-next": RepeatedNext,
    "lost-next": LostNext,
    "lost-value": LostValue,
    "empty": Empty,
    "empty-page": EmptyPage,
    "unreadable-members": UnreadableMembers,
    "lost-members": LostMembers,
    "strange-records": StrangeRecords,
    "row-moves": RowMoves,
    "group-vanishes": GroupVanishes,
    "tokens-expire": TokensExpire,
}

_UNAVAILABLE = {
    "status": 503,
    "code": "serviceNotAvailable",
    "message": "The service is not available. Try the request again after a delay.",
}
PRESETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "storm": ("throttled", {"times": 5}),
    "throttled-silently": ("throttled", {"seconds": None}),
    "unavailable": ("failure", _UNAVAILABLE),
    "retry-after": ("failure", {**_UNAVAILABLE, "headers": {"retry-after": "1"}}),
    "server-error": (
        "failure",
        {"status": 500, "code": "InternalServerError", "message": "Internal server error"},
    ),
    "gateway-html": ("failure", {"status": 504, "body": HTML, "content_type": "text/html"}),
    "gateway-timeout": ("failure", {"status": 504}),
    "expired-page": (
        "failure",
        {
            "match": NEXT_PAGES,
            "status": 400,
            "code": "Directory_ExpiredPageToken",
            "message": "The specified page token value has expired and can no longer be included "
            "in your request.",
        },
    ),
    "denied": (
        "failure",
        {
            "times": None,
            "status": 403,
            "code": "Authorization_RequestDenied",
            "message": "Insufficient privileges to complete the operation.",
        },
    ),
    "login-html": (
        "failure",
        {"match": LOGIN, "status": 200, "body": HTML, "content_type": "text/html"},
    ),
    "login-busy": (
        "failure",
        {
            "match": LOGIN,
            "status": 503,
            "body": '{"error":"temporarily_unavailable","error_description":"AADSTS90033: A '
            'transient error has occurred. Please try again.","error_codes":[90033]}',
        },
    ),
}
"""Kinds with their options, by a name of their own."""


CATALOGUE = Catalogue(GRAPH, KINDS, PRESETS)
make_fault = CATALOGUE.make
