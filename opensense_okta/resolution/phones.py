"""Whether two ways to write a phone number mean the same one."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import duckdb
import phonenumbers

from opensense_okta.resolution.countries import country_code


class Spelled(NamedTuple):
    """A number as a directory writes it, and the country whose way of writing it may be.

    The country is a code or a name, or blank: a number that is written internationally needs none.
    """

    value: str
    country: str


def parse(written: Iterable[Spelled]) -> Sequence[tuple[Spelled, str]]:
    """Those that are phone numbers, each with what it means: E.164 with the extension."""
    return [(one, number) for one in written if (number := _number(*one)) is not None]


def store(connection: duckdb.DuckDBPyConnection, parsed: Sequence[tuple[Spelled, str]]) -> None:
    """Fills the table `phone_numbers`."""
    connection.execute(
        "insert into phone_numbers"
        " select unnest($1::varchar[]), unnest($2::varchar[]), unnest($3::varchar[])",
        [
            [one.value for one, _ in parsed],
            [one.country for one, _ in parsed],
            [number for _, number in parsed],
        ],
    )


def _number(text: str, country: str) -> str | None:
    region = country_code(country) if country else None
    number = next(_parsed(text, region), None)
    if number is None:
        return None
    meant = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{meant};ext={number.extension}" if number.extension else meant


def _parsed(text: str, region: str | None) -> Iterator[phonenumbers.PhoneNumber]:
    """The ways to understand a number, the likeliest first."""
    # 00 stands for + nearly everywhere, and begins no national number.
    for spelling in dict.fromkeys((re.sub(r"^\W*00", "+", text), text)):
        try:
            yield phonenumbers.parse(spelling, region)
        except phonenumbers.NumberParseException:
            continue
