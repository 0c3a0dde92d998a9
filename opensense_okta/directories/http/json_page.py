"""Pages that are a JSON object: the list of their records, and what leads to the next page."""

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import msgspec

from opensense_okta.directories.errors import ServerTrouble
from opensense_okta.directories.http.client import Answer
from opensense_okta.directories.json_text import MALFORMED, members
from opensense_okta.directories.records import Records, are_plain, read_records

_OBJECT = msgspec.json.Decoder(dict[str, msgspec.Raw])


class Identified(msgspec.Struct):
    """A record of which only the id and some other fields matter."""

    id: str


Named = TypeVar("Named", bound=Identified)


@dataclass(frozen=True)
class JsonPage:
    """A page.

    Attributes:
        records: the list of records as JSON; None: the page has no such key.
        following: what leads to the next page; None: the page has no such key, or null.
    """

    records: bytes | None
    following: str | None


def parse_page(answer: Answer, records: str, following: str, api: str) -> JsonPage:
    """Takes a page apart; each record stays as it is written.

    Args:
        answer: the page.
        records: the key of the list of records.
        following: the key of what leads to the next page.
        api: the API's name in messages.

    Raises:
        ServerTrouble: it is no JSON object, or what leads to the next page is no text.
    """
    parts = _parts(answer.body)
    if parts is None:
        raise trouble(api, "a broken or cut-off page")
    try:
        link = json.loads(bytes(parts.get(following, b"null")))
    except ValueError:
        raise trouble(api, "a broken or cut-off page") from None
    if not isinstance(link, str | None):
        raise trouble(api, f"a page whose `{following}` is no text")
    rows = parts.get(records)
    return JsonPage(None if rows is None else bytes(rows), link)


def read_named(
    body: bytes, decoder: msgspec.json.Decoder[list[Named]], name: Callable[[Named], str]
) -> Records:
    """The names of a list of records, without the records.

    Args:
        body: the list as JSON.
        decoder: decodes it at once; fields other than the id must accept any value.
        name: the name of a record.

    Raises:
        ServerTrouble: it is no JSON array.
    """
    with suppress(*MALFORMED):
        decoded = decoder.decode(body)
        if are_plain([record.id for record in decoded], body):
            return Records((), [name(record) for record in decoded])
    records = read_records(body)
    decoded = decoder.decode(b"[" + b",".join(map(bytes, records.rows)) + b"]")
    return Records((), [name(record) for record in decoded], records.set_aside)


def trouble(api: str, what: str) -> ServerTrouble:
    """The error for an answer that cannot be used."""
    return ServerTrouble(
        f"{api} sent {what}.",
        remedy="If it continues, look for a proxy that changes answers.",
    )


def _parts(body: bytes) -> Mapping[str, bytes | msgspec.Raw] | None:
    with suppress(*MALFORMED):
        return _OBJECT.decode(body)
    # What the decoder refuses, such as half of a surrogate pair, is for `read_records`.
    return members(body.decode("utf-8", errors="replace").encode())
