"""Faults of listings whose page is a JSON object with the list of its records under a key."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

from opensense_okta.simulator.faults import Fault
from opensense_okta.simulator.messages import Call, Reply

ROWS = ("value", "users", "groups", "members")
NEXT_PAGE = ("$skiptoken", "pageToken")


@dataclass(kw_only=True)
class ChangedPage(Fault):
    """The page of a listing is changed; each kind says how."""

    def change_reply(self, call: Call, reply: Reply) -> Reply:
        """Change the page; an error stays as it is."""
        if reply.status != 200 or not reply.body.startswith(b"{"):
            return reply
        page = msgspec.json.decode(reply.body)
        self.change_page(call, page)
        return replace(reply, body=msgspec.json.encode(page))

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Change the page in place."""


@dataclass(kw_only=True)
class StrangeRecords(ChangedPage):
    """A listing has records that are not objects, or without a usable id."""

    records: list[Any] = field(
        default_factory=lambda: [None, "x", 42, [], {}, {"id": None}, {"id": 7}, {"id": ""}]
    )

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Add the records before the rows."""
        del call
        if key := rows_of(page):
            page[key] = [*self.records, *page[key]]


@dataclass(kw_only=True)
class RowMoves(ChangedPage):
    """The last row of a page is also on the next page: the directory changed between them."""

    times: int | None = None
    _last: dict[str, Any] = field(default_factory=dict, init=False)

    def change_page(self, call: Call, page: dict[str, Any]) -> None:
        """Repeat the last row of the page before."""
        key = rows_of(page)
        rows = page.get(key, [])
        follows = any(name in call.query for name in NEXT_PAGE)
        before = self._last.get(call.path) if follows else None
        if rows:
            self._last[call.path] = rows[-1]
        if before:
            page[key] = [before, *rows]


def rows_of(page: Mapping[str, Any]) -> str:
    """The key of the rows of a page; empty if it has none."""
    return next((name for name in ROWS if name in page), "")


OF_PAGES: Mapping[str, type[Fault]] = {"strange-records": StrangeRecords, "row-moves": RowMoves}
"""The kinds that any API with such pages has."""
