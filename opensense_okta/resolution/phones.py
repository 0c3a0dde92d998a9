"""Whether two ways to write a phone number mean the same one."""

import re
from collections.abc import Iterable, Iterator

import duckdb
import phonenumbers

from opensense_okta.resolution.countries import country_code


def store(connection: duckdb.DuckDBPyConnection, written: Iterable[tuple[str, object]]) -> None:
    """Fills the table `phone_numbers` with those that are phone numbers, as E.164 with the extension.

    Args:
        connection: with the table.
        written: numbers as directories write them, each with the country (a code or a name) whose way
            of writing it may be; one that is written internationally needs none.
    """
    known = [
        (text, country, number)
        for text, country in written
        if (number := _number(text, country)) is not None
    ]
    values, countries, numbers = zip(*known, strict=True) if known else ((), (), ())
    connection.execute(
        "insert into phone_numbers"
        " select unnest($1::varchar[]), unnest($2::varchar[]), unnest($3::varchar[])",
        [list(values), list(countries), list(numbers)],
    )


def _number(text: str, country: object) -> str | None:
    region = country_code(str(country)) if country else None
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
