"""Parses phone numbers, so that two spellings of one number can be compared."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import duckdb
import phonenumbers

from opensense_okta.resolution.countries import country_code

FORMATS: Mapping[str, int] = {
    "international": phonenumbers.PhoneNumberFormat.INTERNATIONAL,
    "national": phonenumbers.PhoneNumberFormat.NATIONAL,
    "e164": phonenumbers.PhoneNumberFormat.E164,
}


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


class NumberToFormat(NamedTuple):
    """A number as a directory writes it, the country of the account, and how it is to be written."""

    value: str
    country: str
    format: str


def format_numbers(written: Iterable[NumberToFormat]) -> Sequence[tuple[NumberToFormat, str]]:
    """Returns the texts that are phone numbers, each as its format wants it.

    A number with the code of its country needs a possible length only. One without must be valid in the
    country of the account: else an internal number such as 4711 would get that country's code.
    """
    formatted = ((text, _formatted(text)) for text in written)
    return [(text, number) for text, number in formatted if number is not None]


def store_formatted(
    connection: duckdb.DuckDBPyConnection, formatted: Sequence[tuple[NumberToFormat, str]]
) -> None:
    """Fills table `formatted_phones`."""
    connection.execute(
        "insert into formatted_phones select unnest($1::varchar[]), unnest($2::varchar[]),"
        " unnest($3::varchar[]), unnest($4::varchar[])",
        [
            [text.value for text, _ in formatted],
            [text.country for text, _ in formatted],
            [text.format for text, _ in formatted],
            [number for _, number in formatted],
        ],
    )


def _formatted(text: NumberToFormat) -> str | None:
    region = country_code(text.country) if text.country else None
    for number in _parsed(text.value, region):
        if phonenumbers.is_valid_number(number) or (
            _is_international(text.value) and phonenumbers.is_possible_number(number)
        ):
            if text.format == "e164" and number.extension:
                return _e164(number)
            return phonenumbers.format_number(number, FORMATS[text.format])
    return None


def _is_international(text: str) -> bool:
    return re.match(r"\W*(\+|\uff0b|00)", text) is not None


def _number(text: str, country: str) -> str | None:
    region = country_code(country) if country else None
    number = next(_parsed(text, region), None)
    if number is None:
        return None
    return _e164(number)


def _e164(number: phonenumbers.PhoneNumber) -> str:
    """E.164, which has no extensions: they follow as in an address of RFC 3966."""
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
