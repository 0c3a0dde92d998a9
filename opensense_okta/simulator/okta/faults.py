"""Faults of Okta's API, beside those that any API can have."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol
from urllib.parse import urlencode
from zlib import crc32

import msgspec

from opensense_okta.simulator.clock import Clock
from opensense_okta.simulator.company.state import State
from opensense_okta.simulator.faults import COMMON, Answer, Catalogue, Fault
from opensense_okta.simulator.messages import Call, Headers, Reply
from opensense_okta.simulator.okta.access import Access
from opensense_okta.simulator.okta.limits import CONCURRENCY_RESET
from opensense_okta.simulator.okta.messages import error

API = "/api/v1/"
LISTINGS = r"GET /api/v1/(users|groups)(/[^/]+/users)?(\?|$)"
MEMBERS = r"GET /api/v1/groups/[^/]+/users"
HTML = "<html><head><title>Okta - Sign In</title></head><body>We are sorry.</body></html>"


class FaultContext(Protocol):
    """What Okta's faults can reach of the simulator."""

    @property
    def org(self) -> State:
        """The org that it serves."""

    @property
    def access(self) -> Access:
        """The tokens that it accepts."""

    @property
    def clock(self) -> Clock:
        """The org's clock."""


@dataclass(kw_only=True)
class Failure(Fault):
    """An error in place of the reply: one of Okta's, by its code, or any status with any body."""

    match: str = API
    status: int = 0
    code: str = ""
    about: str = ""
    cause: str = ""
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The error; Okta's own ones count against the limits and have their headers."""
        del context
        headers: Headers = list(self.headers.items())
        if not self.code:
            return Reply(self.status, self.body.encode(), headers, self.content_type)
        limits = [
            header
            for header in (await answer(call)).headers
            if header[0].startswith("x-rate-limit")
        ]
        return error(self.code, self.about, self.cause, headers + limits, self.status)


@dataclass(kw_only=True)
class RateLimited(Fault):
    """A 429 that no caller caused: the limit is used up, or too many calls run at once."""

    match: str = API
    seconds: int = 1
    concurrency: bool = False

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The 429, in place of the API's reply."""
        del call, answer
        wait = CONCURRENCY_RESET if self.concurrency else self.seconds
        headers = [
            ("x-rate-limit-limit", "0" if self.concurrency else "600"),
            ("x-rate-limit-remaining", "0"),
            ("x-rate-limit-reset", str(int(context.clock.now()) + wait)),
        ]
        return error("E0000047", headers=headers)


@dataclass(kw_only=True)
class Empty(Fault):
    """A listing is empty, with status 200."""

    match: str = LISTINGS

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Drop the rows and the next link."""
        del call
        return replace(reply, body=b"[]", headers=_without_next(reply.headers))


@dataclass(kw_only=True)
class RepeatedCursor(Fault):
    """The next link leads to the same page."""

    match: str = LISTINGS

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Replace the next link by one to the call's own URL."""
        return _with_next(reply, f"{call.base_url}{call.target}")


@dataclass(kw_only=True)
class ForeignNext(Fault):
    """The next link leads to another host."""

    match: str = LISTINGS
    host: str = "https://elsewhere.example"

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Replace the next link."""
        return _with_next(reply, f"{self.host}{call.path}?after=200u&limit=200")


@dataclass(kw_only=True)
class LostLinks(Fault):
    """The link headers are missing: all of them, or the next link only."""

    match: str = LISTINGS
    only_next: bool = False

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Drop the headers."""
        del call
        headers = _without_next(reply.headers)
        if not self.only_next:
            headers = [header for header in headers if header[0] != "link"]
        return replace(reply, headers=headers)


@dataclass(kw_only=True)
class JoinedLinks(Fault):
    """A proxy has joined the link headers to one, with commas."""

    match: str = LISTINGS
    times: int | None = None

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Join the headers."""
        del call
        links = [value for name, value in reply.headers if name == "link"]
        others = [header for header in reply.headers if header[0] != "link"]
        return replace(reply, headers=[*others, ("link", ", ".join(links))])


@dataclass(kw_only=True)
class OddLimits(Fault):
    """The rate-limit headers come so many times, as by a proxy, or with another reset time."""

    match: str = API
    times: int | None = None
    copies: int = 2
    reset: str = ""

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Repeat or change the headers."""
        del call
        limits = [header for header in reply.headers if header[0].startswith("x-rate-limit")]
        others = [header for header in reply.headers if header not in limits]
        if self.reset:
            limits = [(name, self.reset if "reset" in name else value) for name, value in limits]
        return replace(reply, headers=[*others, *limits * self.copies])


@dataclass(kw_only=True)
class SmallPages(Fault):
    """Pages are smaller than requested."""

    match: str = LISTINGS
    times: int | None = None
    limit: int = 10

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The API's reply to a call with the smaller limit."""
        del context
        query = urlencode({**call.query, "limit": self.limit})
        return await answer(replace(call, query_string=query))


@dataclass(kw_only=True)
class EmptyLastPage(Fault):
    """The last page with rows has a next link, to a page without rows."""

    match: str = LISTINGS
    times: int | None = None

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Add the next link to the last page."""
        rows = _rows(reply)
        if not rows or any('rel="next"' in value for _, value in reply.headers):
            return reply
        query = urlencode({**call.query, "after": rows[-1]["id"]})
        return _with_next(reply, f"{call.base_url}{call.path}?{query}")


@dataclass(kw_only=True)
class GroupVanishes(Fault):
    """A group is deleted after it was listed, before its members are read."""

    match: str = MEMBERS

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The API's reply after the group was deleted."""
        group_id = call.path.split("/")[4]
        if group_id in context.org.groups:
            context.org.remove_group(group_id)
        return await answer(call)


@dataclass(kw_only=True)
class TokensExpire(Fault):
    """All access tokens expire, and the API tokens too unless `api_tokens` is false."""

    match: str = API
    api_tokens: bool = True

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The API's reply after the tokens have expired."""
        context.access.endpoint.expire_all()
        if self.api_tokens:
            context.access.tokens.clear()
        return await answer(call)


@dataclass(kw_only=True)
class ChangedRows(Fault):
    """The rows of a listing are changed; each kind says how."""

    match: str = LISTINGS

    async def reply(self, call: Call, context: FaultContext, answer: Answer) -> Reply:
        """The API's reply with other rows; anything else but a listing stays as it is."""
        reply = await answer(call)
        rows = _rows(reply)
        if rows is None:
            return reply
        changed = self.change_rows(call, context, rows)
        return replace(reply, body=msgspec.json.encode(list(changed)))

    def change_rows(self, call: Call, context: FaultContext, rows: list[Any]) -> Iterable[Any]:
        """The rows of the page, given those without the fault."""
        del call, context
        return rows


@dataclass(kw_only=True)
class StrangeRecords(ChangedRows):
    """A listing has records that are not objects, or without a usable id."""

    records: list[Any] = field(
        default_factory=lambda: [None, "00u", 42, [], {}, {"id": None}, {"id": 7}, {"id": ""}]
    )

    def change_rows(self, call: Call, context: FaultContext, rows: list[Any]) -> Iterable[Any]:
        """Add the records before the rows."""
        del call, context
        return [*self.records, *rows]


@dataclass(kw_only=True)
class RestrictedAdmin(ChangedRows):
    """The caller's admin role sees only a part of the org, and never "Everyone"."""

    times: int | None = None
    one_in: int = 3

    def change_rows(self, call: Call, context: FaultContext, rows: list[Any]) -> Iterable[Any]:
        """Keep one of so many rows, always the same ones."""
        del call
        everyone = context.org.everyone
        return (
            row
            for row in rows
            if row["id"] != everyone and crc32(row["id"].encode()) % self.one_in == 0
        )


@dataclass(kw_only=True)
class RowMoves(ChangedRows):
    """The last row of a page is also on the next page."""

    times: int | None = None
    _last: dict[str, Any] = field(default_factory=dict, init=False)

    def change_rows(self, call: Call, context: FaultContext, rows: list[Any]) -> Iterable[Any]:
        """Repeat the last row of the page before."""
        del context
        before = [self._last[call.path]] if "after" in call.query and self._last else []
        if rows:
            self._last[call.path] = rows[-1]
        return [*before, *rows]


@dataclass(kw_only=True)
class StaleStamps(ChangedRows):
    """Groups keep the membership stamps that they had when they were first listed."""

    match: str = r"GET /api/v1/groups(\?|$)"
    times: int | None = None
    _first: dict[str, str] = field(default_factory=dict, init=False)

    def change_rows(self, call: Call, context: FaultContext, rows: list[Any]) -> Iterable[Any]:
        """Set the first stamps again."""
        del call, context
        stamp = "lastMembershipUpdated"
        return [row | {stamp: self._first.setdefault(row["id"], row[stamp])} for row in rows]


def _without_next(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if 'rel="next"' not in value]


def _with_next(reply: Reply, url: str) -> Reply:
    """The reply with a next link to a URL, in place of its own one."""
    link = ("link", f'<{url}>; rel="next"')
    return replace(reply, headers=[*_without_next(reply.headers), link])


def _rows(reply: Reply) -> list[Any] | None:
    """The rows of a listing; None for any other reply, such as an error."""
    content = msgspec.json.decode(reply.body) if reply.status == 200 else None
    return content if isinstance(content, list) else None


KINDS: Mapping[str, type[Fault]] = {
    **COMMON,
    "failure": Failure,
    "rate-limited": RateLimited,
    "empty": Empty,
    "repeated-cursor": RepeatedCursor,
    "foreign-next": ForeignNext,
    "lost-links": LostLinks,
    "joined-links": JoinedLinks,
    "odd-limits": OddLimits,
    "small-pages": SmallPages,
    "empty-last-page": EmptyLastPage,
    "group-vanishes": GroupVanishes,
    "strange-records": StrangeRecords,
    "restricted-admin": RestrictedAdmin,
    "tokens-expire": TokensExpire,
    "row-moves": RowMoves,
    "stale-stamps": StaleStamps,
}

PRESETS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "crowded": ("rate-limited", {"concurrency": True}),
    "server-error": ("failure", {"code": "E0000009"}),
    "read-only": ("failure", {"code": "E0000010"}),
    "search-down": ("failure", {"code": "E0000100"}),
    "invalid-cursor": ("failure", {"code": "E0000029", "cause": "Invalid cursor."}),
    "invalid-token": ("failure", {"code": "E0000011", "headers": {"www-authenticate": "SSWS"}}),
    "invalid-session": ("failure", {"code": "E0000005"}),
    "forbidden": ("failure", {"code": "E0000006", "times": None}),
    "gateway-html": (
        "failure",
        {"status": 502, "body": HTML, "content_type": "text/html; charset=UTF-8"},
    ),
    "gateway-timeout": ("failure", {"status": 504}),
    "doubled-limits": ("odd-limits", {}),
    "no-limits": ("odd-limits", {"copies": 0}),
    "retry-after": ("failure", {"code": "E0000010", "headers": {"retry-after": "1"}}),
    "unknown-org": (
        "failure",
        {
            "status": 404,
            "body": HTML,
            "content_type": "text/html; charset=UTF-8",
            "times": None,
        },
    ),
    "lost-next": ("lost-links", {"only_next": True}),
}
"""Kinds with their options, under a name of their own."""


CATALOGUE = Catalogue(API, KINDS, PRESETS)
make_fault = CATALOGUE.make
