"""What can go wrong between a reader and Okta's API, beside what any API has."""

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
HTML = b"<html><head><title>Okta - Sign In</title></head><body>We are sorry.</body></html>"


class Stage(Protocol):
    """What a fault can reach of the simulator."""

    @property
    def org(self) -> State:
        """What is served."""

    @property
    def access(self) -> Access:
        """Who may read it."""

    @property
    def clock(self) -> Clock:
        """The org's clock."""


@dataclass(kw_only=True)
class Failure(Fault):
    """An error instead of the answer: one of Okta's by its code, or any status with any body."""

    match: str = API
    status: int = 0
    code: str = ""
    about: str = ""
    cause: str = ""
    body: str = ""
    content_type: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets; errors of Okta's own count against the limits and show them."""
        del stage
        headers: Headers = list(self.headers.items())
        if not self.code:
            return Reply(self.status, self.body.encode(), headers, self.content_type)
        limits = [h for h in (await answer(call)).headers if h[0].startswith("x-rate-limit")]
        return error(self.code, self.about, self.cause, headers + limits, self.status)


@dataclass(kw_only=True)
class RateLimited(Fault):
    """A 429 out of the blue: the window is used up, or too many calls run at once."""

    match: str = API
    seconds: int = 1
    concurrency: bool = False

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del call, answer
        wait = CONCURRENCY_RESET if self.concurrency else self.seconds
        headers = [
            ("x-rate-limit-limit", "0" if self.concurrency else "600"),
            ("x-rate-limit-remaining", "0"),
            ("x-rate-limit-reset", str(int(stage.clock.now()) + wait)),
        ]
        return error("E0000047", headers=headers)


@dataclass(kw_only=True)
class Empty(Fault):
    """A listing says, with status 200, that there is nothing."""

    match: str = LISTINGS

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        return replace(reply, body=b"[]", headers=_without_next(reply.headers))


@dataclass(kw_only=True)
class RepeatedCursor(Fault):
    """The next link leads to the page it is on."""

    match: str = LISTINGS

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        here = f'<{call.base_url}{call.target}>; rel="next"'
        return replace(reply, headers=[*_without_next(reply.headers), ("link", here)])


@dataclass(kw_only=True)
class ForeignNext(Fault):
    """The next link leads to another host."""

    match: str = LISTINGS
    host: str = "https://elsewhere.example"

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        there = f'<{self.host}{call.path}?after=200u&limit=200>; rel="next"'
        return replace(reply, headers=[*_without_next(reply.headers), ("link", there)])


@dataclass(kw_only=True)
class LostLinks(Fault):
    """The link lines are missing: all of them, or only the one that leads on."""

    match: str = LISTINGS
    only_next: bool = False

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        kept = _without_next(reply.headers)
        if not self.only_next:
            kept = [header for header in kept if header[0] != "link"]
        return replace(reply, headers=kept)


@dataclass(kw_only=True)
class JoinedLinks(Fault):
    """A proxy has joined the link lines with a comma."""

    match: str = LISTINGS
    times: int | None = None

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        links = [value for name, value in reply.headers if name == "link"]
        others = [header for header in reply.headers if header[0] != "link"]
        return replace(reply, headers=[*others, ("link", ", ".join(links))])


@dataclass(kw_only=True)
class SmallPages(Fault):
    """Pages are smaller than asked for."""

    match: str = LISTINGS
    times: int | None = None
    limit: int = 10

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        query = urlencode({**call.query, "limit": self.limit})
        return await answer(replace(call, query_string=query))


@dataclass(kw_only=True)
class EmptyLastPage(Fault):
    """The last page with rows leads to one without."""

    match: str = LISTINGS
    times: int | None = None

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        rows = _rows(reply)
        if not rows or any('rel="next"' in value for _, value in reply.headers):
            return reply
        query = urlencode({**call.query, "after": rows[-1]["id"]})
        there = f'<{call.base_url}{call.path}?{query}>; rel="next"'
        return replace(reply, headers=[*reply.headers, ("link", there)])


@dataclass(kw_only=True)
class GroupVanishes(Fault):
    """A group is deleted after it has been listed, before its members are read."""

    match: str = MEMBERS

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        group_id = call.path.split("/")[4]
        if group_id in stage.org.groups:
            stage.org.remove_group(group_id)
        return await answer(call)


@dataclass(kw_only=True)
class StrangeRecords(Fault):
    """A listing holds records that are not objects, or have no id, or not a text for one."""

    match: str = LISTINGS
    records: list[Any] = field(
        default_factory=lambda: [None, "00u", 42, [], {}, {"id": None}, {"id": 7}, {"id": ""}]
    )

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        rows = _rows(reply)
        return reply if rows is None else _with_rows(reply, [*self.records, *rows])


@dataclass(kw_only=True)
class RestrictedAdmin(Fault):
    """The caller's admin role sees but a part of the org, and never "Everyone"."""

    match: str = LISTINGS
    times: int | None = None
    one_in: int = 3

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        reply = await answer(call)
        rows = _rows(reply)
        if rows is None:
            return reply
        return _with_rows(reply, [row for row in rows if self._sees(row["id"], stage)])

    def _sees(self, some_id: str, stage: Stage) -> bool:
        return some_id != stage.org.everyone and crc32(some_id.encode()) % self.one_in == 0


@dataclass(kw_only=True)
class TokensExpire(Fault):
    """All tokens end: access tokens, and API tokens too."""

    match: str = API
    api_tokens: bool = True

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        stage.access.endpoint.expire_all()
        if self.api_tokens:
            stage.access.tokens.clear()
        return await answer(call)


@dataclass(kw_only=True)
class RowMoves(Fault):
    """The row that ended one page is found on the next one again."""

    match: str = LISTINGS
    times: int | None = None
    _last: dict[str, Any] = field(default_factory=dict, init=False)

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        rows = _rows(reply)
        if rows is None:
            return reply
        before = [self._last[call.path]] if "after" in call.query and self._last else []
        if rows:
            self._last[call.path] = rows[-1]
        return _with_rows(reply, [*before, *rows])


@dataclass(kw_only=True)
class StaleStamps(Fault):
    """Groups keep showing the membership stamps they had when they were first seen."""

    match: str = r"GET /api/v1/groups(\?|$)"
    times: int | None = None
    _first: dict[str, str] = field(default_factory=dict, init=False)

    async def reply(self, call: Call, stage: Stage, answer: Answer) -> Reply:
        """What the caller gets."""
        del stage
        reply = await answer(call)
        rows = _rows(reply) or []
        for row in rows:
            row["lastMembershipUpdated"] = self._first.setdefault(
                row["id"], row["lastMembershipUpdated"]
            )
        return _with_rows(reply, rows) if rows else reply


def _without_next(headers: Headers) -> Headers:
    return [(name, value) for name, value in headers if 'rel="next"' not in value]


def _rows(reply: Reply) -> list[Any] | None:
    """The rows of a listing; None when the reply is something else, such as an error."""
    content = msgspec.json.decode(reply.body) if reply.status == 200 else None
    return content if isinstance(content, list) else None


def _with_rows(reply: Reply, rows: Iterable[object]) -> Reply:
    return replace(reply, body=msgspec.json.encode(list(rows)))


KINDS: Mapping[str, type[Fault]] = {
    **COMMON,
    "failure": Failure,
    "rate-limited": RateLimited,
    "empty": Empty,
    "repeated-cursor": RepeatedCursor,
    "foreign-next": ForeignNext,
    "lost-links": LostLinks,
    "joined-links": JoinedLinks,
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
        {"status": 502, "body": HTML.decode(), "content_type": "text/html; charset=UTF-8"},
    ),
    "gateway-timeout": ("failure", {"status": 504}),
    "retry-after": ("failure", {"code": "E0000010", "headers": {"retry-after": "1"}}),
    "unknown-org": (
        "failure",
        {
            "status": 404,
            "body": HTML.decode(),
            "content_type": "text/html; charset=UTF-8",
            "times": None,
        },
    ),
    "lost-next": ("lost-links", {"only_next": True}),
}
"""Kinds with their options, by a name of their own."""


CATALOGUE = Catalogue(API, KINDS, PRESETS)
make_fault = CATALOGUE.make
