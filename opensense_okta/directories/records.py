"""Pages of an API as records: what can be understood is kept as it came, the rest is set aside."""

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import msgspec

from opensense_okta.directories.errors import ServerTrouble


class _Identified(msgspec.Struct):
    id: str


_IDENTIFIED = msgspec.json.Decoder(list[_Identified])
_RAW = msgspec.json.Decoder(list[msgspec.Raw])
_ANY = msgspec.json.Decoder()
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True)
class Records:
    """The records of one page.

    Attributes:
        rows: each record as JSON, an object with an id.
        ids: their ids, in the same order.
        set_aside: how many rows could not be understood: not an object, or without an id.
    """

    rows: Sequence[bytes | msgspec.Raw]
    ids: Sequence[str]
    set_aside: int = 0


def read_records(body: bytes) -> Records:
    """The records of a page whose whole content matters.

    Raises:
        ServerTrouble: the page is not a JSON array.
    """
    try:
        raw, parsed = _RAW.decode(body), _ANY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _leniently(body)
    understood = [_understood(record) for record in parsed]
    if all(understood):
        return Records(raw, [record["id"] for record in parsed])
    rows = [row for row, good in zip(raw, understood, strict=True) if good]
    ids = [record["id"] for record, good in zip(parsed, understood, strict=True) if good]
    return Records(rows, ids, len(raw) - len(rows))


def read_identifiers(body: bytes) -> Records:
    """The records of a page of which only the ids matter; five times as fast.

    Raises:
        ServerTrouble: the page is not a JSON array.
    """
    with suppress(msgspec.DecodeError, UnicodeDecodeError):
        ids = [record.id for record in _IDENTIFIED.decode(body)]
        if all(ids):
            return Records((), ids)
    found = read_records(body)
    return Records((), found.ids, found.set_aside)


def _understood(record: object) -> bool:
    return isinstance(record, dict) and isinstance(record.get("id"), str) and bool(record["id"])


def _leniently(body: bytes) -> Records:
    """Reads what strict JSON does not allow, record by record.

    Text that cannot be, such as half of a surrogate pair, becomes U+FFFD: nobody is lost for half an
    emoji.
    """
    try:
        parsed = json.loads(body.decode("utf-8", errors="replace"))
    except ValueError:
        parsed = None
    if not isinstance(parsed, list):
        raise ServerTrouble(
            f"The answer is not a JSON array but {_glimpse(body)}.",
            remedy="It is retried automatically; if it continues, look for a proxy that changes answers.",
        )
    kept = [(_strictly(record), record) for record in parsed if _understood(record)]
    rows = [row for row, _ in kept if row is not None]
    ids = [record["id"] for row, record in kept if row is not None]
    return Records(rows, ids, len(parsed) - len(rows))


def _strictly(record: dict[str, object]) -> bytes | None:
    text = _HALF_A_PAIR.sub("\ufffd", json.dumps(record, ensure_ascii=False)).encode()
    try:
        _ANY.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return text


def _glimpse(body: bytes) -> str:
    """What kind of thing a body is; never its content, which may be personal."""
    kinds = {b"{": "a JSON object", b"<": "markup", b"[": "a broken or cut-off one", b"": "nothing"}
    return kinds.get(body.lstrip()[:1], "something else") + f" of {len(body)} bytes"
