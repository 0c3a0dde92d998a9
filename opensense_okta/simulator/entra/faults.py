"""Faults of Graph and of Entra's login endpoint, beside those that any API can have."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from opensense_okta.simulator import page_faults
from opensense_okta.simulator.entra.access import Access
from opensense_okta.simulator.entra.limits import refusal_headers
from opensense_okta.simulator.entra.messages import NOT_FOUND, graph_error
from opensense_okta.simulator.entra.tenant import Tenant
from opensense_okta.simulator.faults import COMMON, Answer, Catalogue, Fault
from opensense_okta.simulator.messages import Call, Headers, Reply
from opensense_okta.simulator.page_faults import OF_PAGES

GRAPH = r" /v1\.0/"
USERS = r"GET /v1\.0/users(\?|$)"
GROUPS = r"GET /v1\.0/groups(\?|$)"
MEMBERS = r"GET /v1\.0/groups/[^/]+/members"
LISTINGS = rf"{USERS}|{GROUPS}|{MEMBERS}"
NEXT_PAGES = r"skiptoken="
LOGIN = r"POST /[^/]+/oauth2/v2\.0/token"
HTML = "<html><head><title>Sign in to your account</title></head><body></body></html>"


class FaultContext(Protocol):
    """What Entra's faults can reach of the simulator."""

    @property
    def tenant(self) -> Tenant:
        """The tenant that it serves."""

    @property
    def access(self) -> Access:
        """The tokens that it accepts."""


@dataclass(kw_only=True)
class Failure(Fault):
    """An error in place of the reply: one of Graph's, by its code, or any status with any body."""

    match: str = GRAPH
    status: int = 500
    code: str = ""
    message: str = ""
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The error."""
        del context, answer
        headers: Headers = list(self.headers.items())
        if self.code:
            return graph_error(call, self.status, self.code, self.message, headers)
        return Reply(self.status, self.body.encode(), headers, self.content_type)


@dataclass(kw_only=True)
class Throttled(Fault):
    """A 429 that no caller caused.

    Attributes:
        seconds: The value of Retry-After, which may have a fraction; None leaves the header out.
        reason: Which limit was reached.
    """

    match: str = GRAPH
    seconds: float | None = 0.128
    reason: str = "ResourceUnitLimitExceeded"

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The 429, in place of Graph's reply."""
        del answer
        app = next(iter(context.access.endpoint.apps), "")
        headers = refusal_headers(app, self.seconds, self.reason)
        return graph_error(call, 429, "TooManyRequests", "Please retry again later.", headers)


@dataclass(kw_only=True)
class ChangedPage(page_faults.ChangedPage):
    """The page of a listing is changed; each kind says how."""

    match: str = LISTINGS


@dataclass(kw_only=True)
class ForeignNext(ChangedPage):
    """The next link leads to another host."""

    host: str = "https://elsewhere.example"

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Replace the next link."""
        page["@odata.nextLink"] = f"{self.host}{call.path}?$skiptoken=x"


@dataclass(kw_only=True)
class RepeatedNext(ChangedPage):
    """The next link leads to the same page."""

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Replace the next link by one to the call's own URL."""
        page["@odata.nextLink"] = f"{call.base_url}{call.target}"


@dataclass(kw_only=True)
class LostNext(ChangedPage):
    """The next link is missing, as if this was the last page."""

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Drop the next link."""
        del call
        page.pop("@odata.nextLink", None)


@dataclass(kw_only=True)
class LostValue(ChangedPage):
    """A page without `value`, which is not the same as an empty page."""

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Drop the rows and their key."""
        del call
        page.pop("value", None)


@dataclass(kw_only=True)
class Empty(ChangedPage):
    """A listing is empty, with status 200."""

    match: str = USERS

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Drop the rows and the next link."""
        del call
        page.pop("@odata.nextLink", None)
        page["value"] = []


@dataclass(kw_only=True)
class EmptyPage(ChangedPage):
    """A page has no rows, but its next link leads to the rows that it should have."""

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Drop the rows, and link to the same page by another URL: Graph ignores the option."""
        sign = "&" if call.query_string else "?"
        page["@odata.nextLink"] = f"{call.base_url}{call.target}{sign}again={self.struck}"
        page["value"] = []


@dataclass(kw_only=True)
class UnreadableUsers(ChangedPage):
    """Users show only their id, as without the permission User.Read.All."""

    match: str = USERS
    times: int | None = None

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Set all other properties to null."""
        del call
        for row in page["value"]:
            row.update({name: None for name in row if name != "id"})


@dataclass(kw_only=True)
class UnreadableMembers(ChangedPage):
    """Members of one type show only their type and id, as without the permission to read them."""

    match: str = MEMBERS
    times: int | None = None
    of_type: str = "user"

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Set all other properties to null."""
        del call
        for row in _of_type(page, self.of_type):
            row.update({name: None for name in row if name not in ("@odata.type", "id")})


@dataclass(kw_only=True)
class LostMembers(ChangedPage):
    """Members of one type are missing, such as the groups in a group."""

    match: str = MEMBERS
    times: int | None = None
    of_type: str = "group"

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Drop these members."""
        del call
        lost = [row["id"] for row in _of_type(page, self.of_type)]
        page["value"] = [row for row in page["value"] if row["id"] not in lost]


@dataclass(kw_only=True)
class GroupVanishes(Fault):
    """A group is deleted after it was listed, before its members are read."""

    match: str = MEMBERS

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """Graph's reply after the group was deleted."""
        group_id = call.path.split("/")[3]
        if group_id not in context.tenant.groups:
            return graph_error(call, 404, "Request_ResourceNotFound", NOT_FOUND.format(group_id))
        context.tenant.remove_group(group_id)
        return await answer(call)


@dataclass(kw_only=True)
class TokensExpire(Fault):
    """All access tokens end: they expired or were revoked."""

    match: str = GRAPH

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """Graph's reply after the tokens have ended."""
        context.access.endpoint.expire_all()
        return await answer(call)


def _of_type(page: dict[str, Any], of_type: str) -> Iterator[dict[str, Any]]:
    tag = f"#microsoft.graph.{of_type}"
    return (row for row in page["value"] if row.get("@odata.type") == tag)


KINDS: Mapping[str, type[Fault]] = {
    **COMMON,
    **OF_PAGES,
    "failure": Failure,
    "throttled": Throttled,
    "foreign-next": ForeignNext,
    "repeated-next": RepeatedNext,
    "lost-next": LostNext,
    "lost-value": LostValue,
    "empty": Empty,
    "empty-page": EmptyPage,
    "unreadable-users": UnreadableUsers,
    "unreadable-members": UnreadableMembers,
    "lost-members": LostMembers,
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
"""Kinds with their options, under a name of their own."""


CATALOGUE = Catalogue(GRAPH, KINDS, PRESETS, LISTINGS)
make_fault = CATALOGUE.make
