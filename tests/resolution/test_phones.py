"""Different spellings of one phone number, and different names of one country."""

import pytest

from opensense_okta.resolution import phones
from opensense_okta.resolution.countries import country_code

BERLIN = "+4930901820"


def numbers_of(*written: tuple[str, str]) -> set[str | None]:
    """The number of each text and country; None: not a number."""
    texts = [phones.WrittenNumber(*text) for text in written]
    numbers = dict(phones.parse(texts))
    return {numbers.get(text) for text in texts}


@pytest.mark.parametrize(
    "written",
    [
        "+49 30 901820",
        "+49 (0)30 / 90 18 20",
        "+49(30)901820",
        "0049 30 901820",
        "0049 (0) 30-901820",
        "tel:+49-30-901820",
        "\u200e\uff0b49.30.901820",
    ],
)
@pytest.mark.parametrize("country", ["", "US", "Germany", "nowhere in particular"])
def test_an_international_number_needs_no_country(written: str, country: str) -> None:
    assert numbers_of((written, country)) == {BERLIN}


@pytest.mark.parametrize("country", ["DE", "de", "DEU", "Germany", "GERMANY", "Deutschland"])
def test_a_national_number_is_parsed_by_the_rules_of_the_country(country: str) -> None:
    assert numbers_of(("030 901820", country), ("(030) 90-1820", country)) == {BERLIN}


@pytest.mark.parametrize("country", ["", "Atlantis", "EU"])
def test_a_national_number_without_a_country_is_not_parsed(country: str) -> None:
    assert numbers_of(("030 901820", country)) == {None}


def test_a_countrys_prefix_for_international_calls_is_understood() -> None:
    assert numbers_of(("011 49 30 901820", "USA")) == {BERLIN}
    assert numbers_of(("0011 64 3 331 5005", "Australia")) == {"+6433315005"}


def test_a_zero_that_belongs_to_the_number_stays() -> None:
    assert numbers_of(("+39 06 1234567", ""), ("06 1234567", "Italy")) == {"+39061234567"}


def test_an_extension_belongs_to_the_number() -> None:
    ways = ["x123", "ext. 123", "#123", ";ext=123"]
    numbers = [(f"+1 212 555 0123 {way}", "") for way in ways]

    assert numbers_of(*numbers) == {"+12125550123;ext=123"}
    assert numbers_of(("+1 212 555 0123", "")) == {"+12125550123"}


@pytest.mark.parametrize("text", ["n/a", "+", "00", "4711", "+49 30 901820 / +49 171 1234567"])
def test_other_texts_are_not_parsed(text: str) -> None:
    assert numbers_of((text, "")) == {None}


@pytest.mark.parametrize(
    ("written", "country", "international", "national", "e164"),
    [
        ("030 901820", "Germany", "+49 30 901820", "030 901820", BERLIN),
        ("0049 (0)30/901820", "", "+49 30 901820", "030 901820", BERLIN),
        ("+4930901820", "US", "+49 30 901820", "030 901820", BERLIN),
        ("(212) 555-0123", "USA", "+1 212-555-0123", "(212) 555-0123", "+12125550123"),
        (
            "212 555 0123 x45",
            "US",
            "+1 212-555-0123 ext. 45",
            "(212) 555-0123 ext. 45",
            "+12125550123;ext=45",
        ),
        # 0011 is Australia's prefix, and not 00 before +11.
        ("0011 64 3 331 5005", "AU", "+64 3 331 5005", "03 331 5005", "+6433315005"),
        ("0061 2 9374 4000", "AU", "+61 2 9374 4000", "(02) 9374 4000", "+61293744000"),
        # With the code of its country, a number of a possible length is enough.
        ("+1 555 010 0123", "", "+1 555-010-0123", "(555) 010-0123", "+15550100123"),
        # An internal number is no number of the country.
        ("4711", "Germany", None, None, None),
        ("030 901820", "", None, None, None),
        ("030 901820", "Atlantis", None, None, None),
        ("+49", "", None, None, None),
        ("n/a", "US", None, None, None),
    ],
)
def test_a_number_is_formatted(
    written: str, country: str, international: str | None, national: str | None, e164: str | None
) -> None:
    texts = [
        phones.NumberToFormat(written, country, form)
        for form in ("international", "national", "e164")
    ]
    formatted = dict(phones.format_numbers(texts))
    assert [formatted.get(text) for text in texts] == [international, national, e164]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["US", "USA", "U.S.A.", "840", "United States", "United States of America"], "US"),
        (["GB", "UK", "U.K.", "Great Britain", "united kingdom", "Scotland"], "GB"),
        (["The Netherlands", "Nederland", "Holland", "NLD"], "NL"),
        (["Schweiz", "Suisse", "Svizzera", " Switzerland "], "CH"),
        (["Österreich", "Osterreich", "AUT"], "AT"),
        (["Korea, Republic of", "South Korea", "대한민국"], "KR"),
        (["Czech Republic", "Czechia", "Česko"], "CZ"),
        (["Côte d\u2019Ivoire", "Cote d'Ivoire", "Ivory Coast"], "CI"),
        (["Frankreich", "FRANCE", "Francia"], "FR"),
        (["Kosovo", "XK"], "XK"),
    ],
)
def test_a_country_has_many_names(names: list[str], code: str) -> None:
    assert {country_code(name) for name in names} == {code}


@pytest.mark.parametrize("name", ["", " ", "-", "X", "QQ", "Europe", "Remote", "SU", "Deutchland"])
def test_other_texts_are_no_country(name: str) -> None:
    assert country_code(name) is None
