"""Finds the country for the text that a directory has: a code of ISO 3166-1, or a name.

Okta requires a code, Graph's `country` is free text, and HR's files have "Germany" or "Deutschland".
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache

from babel import Locale, localedata
from babel.core import get_global
from babel.languages import get_official_languages

OTHER_NAMES = {
    "Great Britain": "GB",
    "England": "GB",
    "Scotland": "GB",
    "Wales": "GB",
    "Northern Ireland": "GB",
    "United States of America": "US",
    "Russian Federation": "RU",
    "Korea": "KR",
    "Republic of Korea": "KR",
    "Hong Kong SAR": "HK",
    "Macedonia": "MK",
    "UAE": "AE",
}
"""Common names that are missing in the Unicode project's tables (CLDR), which have the usual names only."""


@cache
def country_code(text: str) -> str | None:
    """Returns the two-letter code (ISO 3166-1) of a country; None if no country is certain.

    Args:
        text: the code of two or three letters, or the name in English or in any language that is official
            in a country. Case, accents and punctuation do not matter.
    """
    # Windows and ISO write "Moldova, Republic of".
    for name in (text, text.partition(",")[0]):
        letters = _letters(name)
        code = (
            _by_code(letters.upper())
            or _english_names().get(letters)
            or _official_names().get(letters)
        )
        if code or not letters:
            return code
    return None


def _by_code(code: str) -> str | None:
    if code in Locale("en").territories and re.fullmatch("[A-Z]{2}", code):
        return code
    aliases = get_global("territory_aliases").get(code, [])  # such as DEU for DE, UK for GB
    return aliases[0] if len(aliases) == 1 else None


@cache
def _english_names() -> Mapping[str, str]:
    return _by_name(["en"]) | {_letters(name): code for name, code in OTHER_NAMES.items()}


@cache
def _official_names() -> Mapping[str, str]:
    """The names in all official languages. It takes half a second, so English names are looked up first."""
    official = {
        language
        for country in _countries("en")
        for language in get_official_languages(country, de_facto=True)
    }
    return _by_name(language for language in sorted(official) if localedata.exists(language))


def _by_name(languages: Iterable[str]) -> dict[str, str]:
    """The code for each name that only one country has."""
    codes_by_name: dict[str, set[str]] = {}
    for language in languages:
        for code, name in _countries(language).items():
            codes_by_name.setdefault(_letters(name), set()).add(code)
    return {name: codes.pop() for name, codes in codes_by_name.items() if len(codes) == 1}


def _countries(language: str) -> Mapping[str, str]:
    territories = Locale.parse(language).territories
    return {code: name for code, name in territories.items() if len(code) == 2}


def _letters(name: str) -> str:
    """The letters and digits of a name, without case, accents and the article."""
    letters = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(filter(str.isalnum, letters.removeprefix("the ")))
