"""Takes JSON apart that the decoder refuses as a whole, so that one record does not cost a page."""

import json
import re
from collections.abc import Mapping

import msgspec

MALFORMED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for a text that is not valid, has numbers beyond its range, or is nested too deeply."""

_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)
_CLOSING = {ord("["): ord("]"), ord("{"): ord("}")}
_NAME = re.compile(rb'\s*("[^"\\]*(?:\\.[^"\\]*)*")\s*:', re.DOTALL)
_HALF_A_PAIR = re.compile("[\ud800-\udfff]")
_LONGEST_NUMBER = 4000  # digits; Python reads no number of more than 4,300


def elements(text: bytes) -> list[bytes] | None:
    """The elements of a JSON array, each as it is written; None if it is no array, or cut off.

    Only the brackets are checked: an element may be invalid.
    """
    return _parts(text, ord("["))


def members(text: bytes) -> Mapping[str, bytes] | None:
    """The members of a JSON object, with their values as they are written; None if it is none.

    Of a member that is there twice the last one counts, as for msgspec.
    """
    parts = _parts(text, ord("{"))
    names = [_NAME.match(part) for part in parts or ()]
    if parts is None or not all(names):
        return None
    return {
        json.loads(name[1]): part[name.end() :]
        for name, part in zip(names, parts, strict=True)
        if name is not None
    }


def depth(text: bytes) -> int:
    """How deeply the arrays and objects of a valid JSON text are nested."""
    deepest = now = 0
    for token in _TOKEN.finditer(text):
        mark = token[0][:1]
        now += (mark in b"[{") - (mark in b"]}")
        deepest = max(deepest, now)
    return deepest


def has_doubled_key(text: bytes) -> bool:
    """Whether an object in a JSON text has a key twice.

    Raises:
        RecursionError: it is nested too deeply.
        ValueError: it is no JSON.
    """
    doubled = False

    def look(pairs: list[tuple[str, object]]) -> None:
        nonlocal doubled
        doubled = doubled or len({key for key, _ in pairs}) < len(pairs)

    json.loads(text, object_pairs_hook=look, parse_int=str)
    return doubled


def repaired(text: bytes) -> bytes | None:
    """A JSON text in UTF-8 with U+FFFD for each half of a surrogate pair; None if it is still not valid.

    Raises:
        ValueError: it is no JSON at all.
    """
    try:
        parsed = json.loads(text, parse_int=_number)
    except RecursionError:
        return None
    again = _HALF_A_PAIR.sub("\ufffd", json.dumps(parsed, ensure_ascii=False)).encode()
    try:
        msgspec.json.decode(again)
    except MALFORMED:
        return None
    return again


def _number(digits: str) -> float:
    return int(digits) if len(digits) <= _LONGEST_NUMBER else float("inf")


def _parts(text: bytes, opening: int) -> list[bytes] | None:
    """The parts between the commas of the outermost array or object; None if it does not end as one."""
    if text.lstrip()[:1] != bytes([opening]):
        return None
    parts: list[bytes] = []
    start, level = text.index(opening) + 1, 0
    for token in _TOKEN.finditer(text):
        mark = text[token.start()]
        if mark in b"[{":
            level += 1
        elif level == 1 and mark in b",]}":
            parts.append(text[start : token.start()])
            start = token.end()
        if mark in b"]}":
            level -= 1
            if level == 0:
                ended = mark == _CLOSING[opening] and not text[start:].strip()
                return _without_empty(parts) if ended else None
    return None


def _without_empty(parts: list[bytes]) -> list[bytes]:
    return [] if len(parts) == 1 and not parts[0].strip() else parts
