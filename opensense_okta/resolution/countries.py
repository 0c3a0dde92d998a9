"""Which country is meant by what a directory calls it: ISO's codes, or a name as people write it.

Okta asks for a code, Graph's `country` is free text, and HR's files say "Germany" or "Deutschland".
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import cache

from babel import Locale, localedata
from babel.core import get_global
from babel.languages import get_official_languages

ALSO = {
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
"""Common names that the Unicode project's tables (CLDR) do not have, being no country's usual one."""


@cache
def country_code(written: str) -> str | None:
    """The two-letter code (ISO 3166-1) of a country by its code of two or three letters or its name.

    A name may be English or of any language that is official somewhere; case, accents and punctuation
    do not matter. None: no country is certain.
    """
    # Windows and ISO write "Moldova, Republic of".
    for name in (written, written.partition(",")[0]):
        meant = _plain(name)
        found = _by_code(meant.upper()) or _english().get(meant) or _of_all_languages().get(meant)
        if found or not meant:
            return found
    return None


def _by_code(code: str) -> str | None:
    if code in Locale("en").territories and re.fullmatch("[A-Z]{2}", code):
        return code
    of_others = get_global("territory_aliases").get(code, [])  # such as DEU, and UK for GB
    return of_others[0] if len(of_others) == 1 else None


@cache
def _english() -> Mapping[str, str]:
    return _by_name(["en"]) | {_plain(name): code for name, code in ALSO.items()}


@cache
def _of_all_languages() -> Mapping[str, str]:
    """Half a second's work, so only for a name that is not English."""
    official = {
        language
        for country in _countries("en")
        for language in get_official_languages(country, de_facto=True)
    }
    return _by_name(language for language in sorted(official) if localedata.exists(language))


def _by_name(languages: Iterable[str]) -> dict[str, str]:
    """The code for each name that is one country's alone."""
    found: dict[str, set[str]] = {}
    for language in languages:
        for code, name in _countries(language).items():
            found.setdefault(_plain(name), set()).add(code)
    return {name: codes.pop() for name, codes in found.items() if len(codes) == 1}


def _countries(language: str) -> Mapping[str, str]:
    territories = Locale.parse(language).territories
    return {code: name for code, name in territories.items() if len(code) == 2}


def _plain(name: str) -> str:
    """What is left when case, accents, punctuation and the article do not count."""
    letters = unicodedata.normalize("NFKD", name.strip().casefold())
    return "".join(filter(str.isalnum, letters.removeprefix("the ")))
