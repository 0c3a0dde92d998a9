"""Faults of the Directory API and of the token endpoint, beside those that any API can have."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from opensense_okta.simulator import page_faults
from opensense_okta.simulator.faults import COMMON, Answer, Catalogue, Fault
from opensense_okta.simulator.google.account import Account
from opensense_okta.simulator.google.login import Login
from opensense_okta.simulator.google.messages import api_error
from opensense_okta.simulator.messages import Call, Reply
from opensense_okta.simulator.page_faults import OF_PAGES, rows_of

API = r" /admin/directory/v1/"
USERS = r"GET /admin/directory/v1/users(\?|$)"
GROUPS = r"GET /admin/directory/v1/groups(\?|$)"
MEMBERS = r"GET /admin/directory/v1/groups/[^/]+/members"
LISTINGS = rf"{USERS}|{GROUPS}|{MEMBERS}"
NEXT_PAGES = r"pageToken="
LOGIN = r"POST /token"
HTML = "<html><head><title>502</title></head><body>That is an error.</body></html>"


class FaultContext(Protocol):
    """What Google's faults can reach of the simulator."""

    @property
    def account(self) -> Account:
        """The account that it serves."""

    @property
    def login(self) -> Login:
        """The tokens that it accepts."""


@dataclass(kw_only=True)
class Failure(Fault):
    """An error in place of the reply: one of the API's, by its reason, or any status with any body."""

    match: str = API
    status: int = 0
    reason: str = ""
    message: str = ""
    body: str = ""
    content_type: str = "text/plain"
    headers: dict[str, str] = field(default_factory=dict)

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The error."""
        del call, context, answer
        headers = list(self.headers.items())
        if self.reason:
            return api_error(self.reason, self.message, status=self.status, headers=headers)
        return Reply(self.status, self.body.encode(), headers, self.content_type)


@dataclass(kw_only=True)
class ChangedPage(page_faults.ChangedPage):
    """The page of a listing is changed; each kind says how."""

    match: str = LISTINGS


@dataclass(kw_only=True)
class RepeatedToken(ChangedPage):
    """Each page has the same token."""

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Replace the token by the call's own one, or by a fixed one on the first page."""
        page["nextPageToken"] = call.query.get("pageToken") or page.get("nextPageToken", "again")


@dataclass(kw_only=True)
class LostToken(ChangedPage):
    """The token is missing, as if this was the last page."""

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Drop the token."""
        del call
        page.pop("nextPageToken", None)


@dataclass(kw_only=True)
class EmptyToken(ChangedPage):
    """The last page has an empty token."""

    times: int | None = None

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Add a token without text where there is none."""
        del call
        page.setdefault("nextPageToken", "")


@dataclass(kw_only=True)
class LostRows(ChangedPage):
    """A page with status 200 whose rows are missing; an empty listing looks the same."""

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Drop the rows with their key."""
        del call
        page.pop(rows_of(page), None)


@dataclass(kw_only=True)
class Empty(ChangedPage):
    """A listing is empty, with status 200: neither rows nor a token."""

    match: str = USERS

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Drop the rows and the token."""
        del call
        page.pop(rows_of(page), None)
        page.pop("nextPageToken", None)


@dataclass(kw_only=True)
class WithoutFields(ChangedPage):
    """The rows lack some fields."""

    match: str = USERS
    times: int | None = None
    names: tuple[str, ...] = ("suspended", "archived")

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Drop the fields."""
        del call
        for row in page.get(rows_of(page), []):
            for name in self.names:
                row.pop(name, None)


@dataclass(kw_only=True)
class GroupVanishes(Fault):
    """A group is deleted after it was listed, before its members are read."""

    match: str = MEMBERS

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The reply after the group was deleted."""
        context.account.remove_group(call.path.split("/")[5])
        return await answer(call)


@dataclass(kw_only=True)
class TokensExpire(Fault):
    """All access tokens end: they expired or were revoked."""

    match: str = API

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The reply after the tokens have ended."""
        context.login.expire_all()
        return await answer(call)


KINDS: Mapping[str, type[Fault]] = {
    **COMMON,
    **OF_PAGES,
    "failure": Failure,
    "repeated-token": RepeatedToken,
    "lost-token": LostToken,
    "empty-token": EmptyToken,
    "lost-rows": LostRows,
    "empty": Empty,
    "without-fields": WithoutFields,
    "group-vanishes": GroupVanishes,
    "tokens-expire": TokensExpire,
}

PRESETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "throttled": ("failure", {"reason": "rateLimitExceeded"}),
    "user-throttled": ("failure", {"reason": "userRateLimitExceeded"}),
    "crowded": ("failure", {"reason": "quotaExceeded"}),
    "too-many": ("failure", {"status": 429, "reason": "rateLimitExceeded"}),
    "storm": ("failure", {"status": 429, "reason": "rateLimitExceeded", "times": 5}),
    "throttled-plainly": (
        "failure",
        {"status": 403, "body": "Request rate higher than configured."},
    ),
    "unavailable": ("failure", {"reason": "backendError"}),
    "server-error": ("failure", {"status": 500, "reason": "internalError"}),
    "gateway-html": ("failure", {"status": 502, "body": HTML, "content_type": "text/html"}),
    "gateway-timeout": ("failure", {"status": 504}),
    "expired-page": ("failure", {"match": NEXT_PAGES, "reason": "invalid"}),
    "old-listing": ("failure", {"match": NEXT_PAGES, "reason": "backendError"}),
    "denied": ("failure", {"reason": "forbidden", "times": None}),
    "not-enabled": ("failure", {"reason": "accessNotConfigured", "times": None}),
    "switched-off": ("failure", {"reason": "domainCannotUseApis", "times": None}),
    "login-html": (
        "failure",
        {"match": LOGIN, "status": 200, "body": HTML, "content_type": "text/html"},
    ),
    "login-busy": (
        "failure",
        {
            "match": LOGIN,
            "status": 503,
            "body": '{"error":"internal_failure","error_description":"Backend Error"}',
            "content_type": "application/json",
        },
    ),
}
"""Kinds with their options, under a name of their own."""

CATALOGUE = Catalogue(API, KINDS, PRESETS, LISTINGS)
make_fault = CATALOGUE.make
