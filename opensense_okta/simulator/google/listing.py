"""The parameters of a listing, and its pages by token."""

import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from opensense_okta.simulator.google.fields import Mask, invalid_selection, parse_fields
from opensense_okta.simulator.google.messages import refused
from opensense_okta.simulator.messages import Call

Row = TypeVar("Row")

TOKEN_LIFE = 3 * 86_400.0
"""Seconds that a page token is good for."""

LONGEST_LISTING = 3600.0
"""Seconds that a listing may be paged for, before the backend refuses."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page that is asked for.

    Attributes:
        after: the sort key of the row before its first one; empty for the first page.
        begun: when the first page was asked for.
        digest: of the other parameters, which must stay the same.
        size: the number of rows.
        mask: what is asked for of the whole answer; empty: everything.
    """

    after: str
    begun: float
    digest: str
    size: int
    mask: Mask

    def of_rows(self, key: str, known: frozenset[str]) -> Mask:
        """What is asked for of each row.

        Raises:
            RefusedError: a field of the rows does not exist.
        """
        below = self.mask.get(key, {})
        for name in below:
            if name not in known and name != "*":
                raise invalid_selection(name)
        return below


def read_page(call: Call, now: float, *, usual: int, most: int) -> Page:
    """The page that a call asks for.

    Raises:
        RefusedError: a parameter is wrong, or the token is foreign or too old.
    """
    others = sorted((name, value) for name, value in call.query.items() if name != "pageToken")
    digest = hashlib.blake2b(repr((call.path, others)).encode(), digest_size=8).hexdigest()
    after, begun = "", now
    if "pageToken" in call.query:
        after, begun, issued, of = _read_token(call.query["pageToken"])
        if of != digest or now - issued > TOKEN_LIFE:
            raise refused("invalid")
        if now - begun > LONGEST_LISTING:
            raise refused("backendError")
    size = call.query.get("maxResults", str(usual))
    if not size.isdecimal() or not 1 <= int(size) <= most:
        raise refused(
            "invalid", f"Invalid value '{size}'. Values must be within the range: [1, {most}]"
        )
    mask = parse_fields(call.query["fields"]) if "fields" in call.query else {}
    return Page(after, begun, digest, int(size), mask)


def cut(
    rows: Sequence[Row], page: Page, key: Callable[[Row], str], now: float
) -> tuple[Sequence[Row], str | None]:
    """The rows of a page, and the token of the next one."""
    start = bisect_right(rows, page.after, key=key) if page.after else 0
    chosen = rows[start : start + page.size]
    if start + page.size >= len(rows):
        return chosen, None
    content = msgspec.json.encode([key(chosen[-1]), page.begun, now, page.digest])
    return chosen, urlsafe_b64encode(content).decode()


def _read_token(token: str) -> tuple[str, float, float, str]:
    try:
        decoded = msgspec.json.decode(
            urlsafe_b64decode(token), type=tuple[str, float, float, str], strict=False
        )
    except (ValueError, msgspec.DecodeError):
        raise refused("invalid") from None
    if not token:
        raise refused("invalid")
    return decoded
