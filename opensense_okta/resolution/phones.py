"""Parses phone numbers, so that two spellings of one number can be compared."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import duckdb
import phonenumbers

from opensense_okta.resolution.countries import country_code


class WrittenNumber(NamedTuple):
    """A number as a directory writes it, and the country of the account.

    Attributes:
        country: a code or a name, or blank: an international number needs none.
    """

    value: str
    country: str


def parse(written: Iterable[WrittenNumber]) -> Sequence[tuple[WrittenNumber, str]]:
    """Returns the texts that are phone numbers, each with its number: E.164 with the extension."""
    parsed = ((text, _number(text.value, text.country)) for text in written)
    return [(text, number) for text, number in parsed if number is not None]


def store(
    connection: duckdb.DuckDBPyConnection, parsed: Sequence[tuple[WrittenNumber, str]]
) -> None:
    """Fills table `phone_numbers`."""
    connection.execute(
        "insert into phone_numbers"
        " select unnest($1::varchar[]), unnest($2::varchar[]), unnest($3::varchar[])",
        [
            [text.value for text, _ in parsed],
            [text.country for text, _ in parsed],
            [number for _, number in parsed],
        ],
    )


def _number(text: str, country: str) -> str | None:
    region = country_code(country) if country else None
    number = next(_parsed(text, region), None)
    if number is None:
        return None
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{e164};ext={number.extension}" if number.extension else e164


def _parsed(text: str, region: str | None) -> Iterator[phonenumbers.PhoneNumber]:
    """The possible numbers of a text, most likely first."""
    # In nearly all countries 00 means +, and no national number begins with it.
    for spelling in dict.fromkeys((re.sub(r"^\W*00", "+", text), text)):
        try:
            yield phonenumbers.parse(spelling, region)
        except phonenumbers.NumberParseException:
            continue
