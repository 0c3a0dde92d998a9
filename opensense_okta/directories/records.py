"""Parses the pages of an API into records: valid records are kept unchanged, the others are set aside.

A record is set aside if it is no object with a usable id, if it has a key twice (its values depend on who
reads it), or if it is too large or too deeply nested for DuckDB. The other records of its page count.
"""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeGuard, cast

import msgspec

from opensense_okta.directories.errors import ServerTrouble
from opensense_okta.directories.json_text import (
    MALFORMED,
    depth,
    elements,
    has_doubled_key,
    repaired,
)

DEEPEST = 64  # levels; DuckDB reads 128
LARGEST_RECORD = 4_000_000  # bytes; DuckDB reads lines of 16 MB
LONGEST_ID = 255
SMALL_PAGE = 20  # rows; on it a doubled id cannot be recognised by counting


class _Identified(msgspec.Struct, gc=False):
    id: str


_IDENTIFIED = msgspec.json.Decoder(list[_Identified])
_RAW = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()


@dataclass(frozen=True)
class Records:
    """The records of one page.

    Attributes:
        rows: each record as JSON, an object with an id.
        ids: the ids, in the same order.
        set_aside: the number of rows that cannot be used.
        first_set_aside: which row of the page the first of them is, from 1; 0: there is none.
        others: of members, the number of those that are no users, if the kind counts them.
    """

    rows: Sequence[bytes | msgspec.Raw]
    ids: Sequence[str]
    set_aside: int = 0
    first_set_aside: int = 0
    others: int = 0


def read_records(body: bytes) -> Records:
    """The full records of a page.

    Raises:
        ServerTrouble: the page is not a JSON array.
    """
    try:
        raw, parsed = _RAW.decode(body), _ANY.decode(body)
    except MALFORMED:
        return _one_by_one(body)
    rows = [bytes(row) for row in raw]
    # A key that is there twice is missing in what is written again; other spellings differ, too.
    written = msgspec.json.encode(parsed)
    if written == body or written == msgspec.json.format(body, indent=-1):
        ids = [record.get("id") if isinstance(record, dict) else None for record in parsed]
        if _are_usable_ids(ids) and all(map(_fits, rows)):
            return Records(rows, ids)
    return _kept(zip(rows, parsed, strict=True))


def read_identifiers(body: bytes) -> Records:
    """The ids of the records of a page; five times as fast as `read_records`.

    Raises:
        ServerTrouble: the page is not a JSON array.
    """
    with suppress(*MALFORMED):
        ids = [record.id for record in _IDENTIFIED.decode(body)]
        if are_plain(ids, body):
            return Records((), ids)
    records = read_records(body)
    return replace(records, rows=())


def are_plain(ids: Sequence[str], body: bytes) -> bool:
    """Whether the ids of a page can be used without a look at its records.

    A doubled id shows in how often a key is named `id`: records of one page are alike. Only a small page may
    have a record that hides it. To count once takes as long as to decode the page.
    """
    return len(ids) > SMALL_PAGE and body.count(b'"id"') % len(ids) == 0 and _are_usable_ids(ids)


def _are_usable_ids(ids: Sequence[object]) -> TypeGuard[Sequence[str]]:
    """Whether each id means only itself as a part of an address; much faster than one by one."""
    if not all(isinstance(name, str) for name in ids):
        return False
    names = cast(Sequence[str], ids)
    return (
        _is_one_word("".join(names))
        and {"", ".", ".."}.isdisjoint(names)
        and max(map(len, names), default=0) <= LONGEST_ID
    )


def _is_one_word(text: str) -> bool:
    """Whether a text has no slash, no white space and no invisible character."""
    return text.isprintable() and not any(mark in text for mark in ("/", "\\", " "))


def _kept(pairs: Iterable[tuple[bytes, object]]) -> Records:
    """The usable records of the pairs of JSON and what it means."""
    rows, ids, unusable = [], [], []
    for number, (row, record) in enumerate(pairs, start=1):
        if (
            isinstance(record, dict)
            and _are_usable_ids([record.get("id")])
            and _fits(row)
            and not _has_doubled_key(row, record)
        ):
            rows.append(row)
            ids.append(record["id"])
        else:
            unusable.append(number)
    return Records(rows, ids, len(unusable), unusable[0] if unusable else 0)


def _fits(row: bytes) -> bool:
    """Whether DuckDB can read a record."""
    return len(row) <= LARGEST_RECORD and (
        row.count(b"[") + row.count(b"{") <= DEEPEST or depth(row) <= DEEPEST
    )


def _has_doubled_key(row: bytes, record: object) -> bool:
    same = msgspec.json.encode(record) == msgspec.json.format(row, indent=-1)
    return not same and has_doubled_key(row)


def _one_by_one(body: bytes) -> Records:
    """Parses a page that the decoder refuses, record by record.

    Invalid text, such as half of a surrogate pair, becomes U+FFFD, so that no record is lost because of it.
    """
    parts = elements(body.decode("utf-8", errors="replace").encode())
    if parts is None:
        raise _no_array(body)
    return _kept([_decoded(part, body) for part in parts])


def _decoded(part: bytes, body: bytes) -> tuple[bytes, object]:
    """A record and what it means; None if it cannot be decoded."""
    with suppress(*MALFORMED):
        return part.strip(), _ANY.decode(part)
    try:
        if has_doubled_key(part):  # it would be gone from the repaired text
            return b"", None
        again = repaired(part)
    except RecursionError:
        return b"", None
    except ValueError:
        raise _no_array(body) from None
    return (b"", None) if again is None else (again, _ANY.decode(again))


def _no_array(body: bytes) -> ServerTrouble:
    return ServerTrouble(
        f"The answer is not a JSON array but {_glimpse(body)}.",
        remedy="If it continues, look for a proxy that changes answers.",
    )


def _glimpse(body: bytes) -> str:
    """Describes a body without its content, which may be personal data."""
    kinds = {b"{": "a JSON object", b"<": "markup", b"[": "a broken or cut-off one", b"": "nothing"}
    return kinds.get(body.lstrip()[:1], "something else") + f" of {len(body)} bytes"
