"""How words and numbers are written for people."""

import pytest

from opensense_okta.config.text import did_you_mean, duration, nearest, percent, plural


@pytest.mark.parametrize(
    ("count", "total", "written"),
    [
        (0, 10, "0 %"),
        (10, 10, "100 %"),
        (1, 3, "33.3 %"),
        (1, 1_000_000, "0.1 %"),
        (999_999, 1_000_000, "99.9 %"),
        (0, 0, "\N{EN DASH}"),
    ],
)
def test_a_share_is_never_all_or_nothing_when_it_is_not(
    count: int, total: int, written: str
) -> None:
    assert percent(count, total) == written


@pytest.mark.parametrize(
    ("seconds", "written"),
    [
        (0.2, "0 s"),
        (59, "59 s"),
        (59.6, "1 min 00 s"),
        (3599, "59 min 59 s"),
        (7_320, "2 h 02 min"),
    ],
)
def test_a_duration_has_two_units_at_most(seconds: float, written: str) -> None:
    assert duration(seconds) == written


def test_a_plural_has_its_number_before_it() -> None:
    assert plural(1, "day") == "1 day"
    assert plural(1_204, "day") == "1,204 days"
    assert plural(2, "person", "people") == "2 people"


def test_the_nearest_known_word_is_offered_without_regard_to_case() -> None:
    known = ["Employee Number", "email"]
    assert nearest("employee number", known) == "Employee Number"
    assert did_you_mean("emial", known) == "; did you mean email?"
    assert did_you_mean("zzz", known) == "."
