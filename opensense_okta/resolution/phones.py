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
    number = _parsed(text.value, text.country)
    if number is None or not (
        phonenumbers.is_valid_number(number)
        or (_is_international(text.value) and phonenumbers.is_possible_number(number))
    ):
        return None
    if text.format == "e164" and number.extension:
        return _e164(number)
    return phonenumbers.format_number(number, FORMATS[text.format])


def _is_international(text: str) -> bool:
    return re.match(r"\W*(\+|\uff0b|00)", text) is not None


def _number(text: str, country: str) -> str | None:
    number = _parsed(text, country)
    return _e164(number) if number is not None else None


def _e164(number: phonenumbers.PhoneNumber) -> str:
    """E.164, which has no extensions: they follow as in an address of RFC 3966."""
    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"{e164};ext={number.extension}" if number.extension else e164


def _parsed(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    """The number that a text most likely is; None: it is no phone number."""
    region = country_code(country) if country else None
    numbers = [*_spelled(text, region)]
    if len(numbers) > 1:
        # In Australia, 0011 comes before the code of a country: 0011 64 is New Zealand, not +11 64.
        for is_likely in (phonenumbers.is_valid_number, phonenumbers.is_possible_number):
            numbers = [*filter(is_likely, numbers)] or numbers
    return next(iter(numbers), None)


def _spelled(text: str, region: str | None) -> Iterator[phonenumbers.PhoneNumber]:
    """The number of each possible spelling of a text."""
    # In nearly all countries 00 means +, and no national number begins with it.
    for spelling in dict.fromkeys((re.sub(r"^\W*00", "+", text), text)):
        try:
            yield phonenumbers.parse(spelling, region)
        except phonenumbers.NumberParseException:
            continue
