import unicodedata

import pytest

from opensense_okta.simulator.company.people import (
    OFFICES,
    People,
    ascii_letters,
    dice,
    digits,
    names_of,
)


@pytest.mark.parametrize(
    ("written", "spelled"),
    [
        ("Ángel", "angel"),
        ("Weiß", "weiss"),
        ("Łukasz", "lukasz"),
        ("Yılmaz", "yilmaz"),  # noqa: RUF001 - Turkish
        ("Nguyễn", "nguyen"),
        ("Хрещатик", "khreshchatik"),
        ("Олексій", "oleksiy"),
        ("Άγγελος", "aggelos"),
        ("건우", "geonu"),
        ("محمد", "mhmd"),
        ("O'Neil-Smith", "oneilsmith"),
        ("王", ""),
    ],
)
def test_a_name_of_any_alphabet_is_spelled_in_ascii(written: str, spelled: str) -> None:
    assert ascii_letters(written) == spelled


def test_people_have_names_in_many_scripts_and_unique_ascii_logins() -> None:
    rng, people = dice(1), People()
    profiles = [people.profile(rng, number) for number in range(2000)]
    scripts = {
        unicodedata.name(profile["lastName"][0]).split()[0].split("-")[0] for profile in profiles
    }
    assert {
        "LATIN",
        "CJK",
        "CYRILLIC",
        "ARABIC",
        "HEBREW",
        "GREEK",
        "DEVANAGARI",
        "HANGUL",
        "THAI",
    } <= scripts
    logins = [profile["login"] for profile in profiles]
    assert len(set(logins)) == len(logins)
    assert all(login.isascii() and " " not in login for login in logins)


def test_every_office_has_first_and_last_names_for_women_and_men() -> None:
    for office in OFFICES:
        for names in names_of(office.names):
            assert len(names.first) >= 5, office.names
            assert len(names.last) >= 5, office.names


def test_profiles_have_gaps_nulls_leading_zeros_and_custom_attributes_of_all_types() -> None:
    rng, people = dice(1), People()
    profiles = [people.profile(rng, number) for number in range(2000)]
    assert all({"firstName", "lastName", "mobilePhone", "secondEmail"} <= set(p) for p in profiles)
    assert any(p["mobilePhone"] is None for p in profiles)
    assert any("employeeNumber" not in p for p in profiles)
    assert any(p["title"] is None for p in profiles)
    assert any(p.get("primaryPhone") == "" for p in profiles)
    assert all(p["employeeNumber"].startswith("00") for p in profiles if "employeeNumber" in p)
    types = {type(value) for p in profiles for value in p.values()}
    assert types == {str, int, float, bool, list, type(None)}


def test_a_pattern_has_a_digit_for_every_number_sign() -> None:
    assert digits(dice(1), "+49 (0) x").startswith("+49 (0) x")
    number = digits(dice(1), "+49 89 ###-##")
    assert number.startswith("+49 89 ")
    assert number.replace("+49 89 ", "").replace("-", "").isdecimal()
    assert len(number) == len("+49 89 ###-##")
