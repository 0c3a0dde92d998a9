"""Start and end dates: how they are read, and who is active because of them."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pytest

from opensense_okta.config.models import Organization
from opensense_okta.resolution import rules
from opensense_okta.resolution.checks import check_resolved_day
from opensense_okta.resolution.resolve import ResolvedManifest, resolve
from opensense_okta.storage.lake import Lake
from tests.support.stored import DAY, OKTA, Row, company, resolved, store, user

SOURCES = {"start_date": "start", "end_date": "end"}
HR: Mapping[str, object] = {
    "kind": "csv",
    "users": "/hr.csv",
    "attributes": SOURCES,
    "date_format": "%d.%m.%Y",
}
YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)


def day(written: date | None) -> str | None:
    return None if written is None else written.isoformat()


def acme(**resolution: object) -> Organization:
    """Okta writes dates as ISO 8601, HR as German ones."""
    return company({"okta": {**OKTA, "attributes": SOURCES}, "hr": HR}, resolution=resolution)


def people(lake: Lake) -> Mapping[object, Row]:
    return {row["email"]: row for row in resolved(lake, "people")}


def counts(manifest: ResolvedManifest) -> Mapping[str, int]:
    return {
        name: manifest.evidence[name] for name in ("dates", "dates_unreadable", "dates_placeholder")
    }


# Written in a directory without and with `date_format: "%d.%m.%Y"`; the date that it is read as.
ISO: Mapping[str, date | None] = {
    "2026-11-23": DAY,
    " 2026-11-23\u00a0": DAY,
    "2026-11-23T00:00:00Z": DAY,
    "2026-11-23 08:30": DAY,
    "2024-02-29": date(2024, 2, 29),
    "23.11.2026": None,
    "2026-02-29": None,
    "20261123": None,
    "2026-11": None,
    "N/A": None,
    "0000-00-00": None,
    "46349": None,
    "0001-01-01": None,
    "1753-01-01": None,
    "1899-12-30": None,
    "1900-01-01": None,
    "1970-01-01": None,
    "2079-06-06": None,
    "2099-12-31": None,
    "9999-12-31": None,
}
GERMAN: Mapping[str, date | None] = {
    "23.11.2026": DAY,
    " 3.1.2026 ": date(2026, 1, 3),
    "31.12.9999": None,
    "01.01.1900": None,
    "2026-11-23": None,
    "31.11.2026": None,
}
PLACEHOLDERS = 10  # of both tables


def test_a_date_is_read_or_counts_as_none(lake: Lake) -> None:
    """A blank one is not counted."""
    okta = [user(f"o{n}", {"start": text}) for n, text in enumerate([*ISO, " "])]
    hr = [user(f"h{n}", {"start": text}) for n, text in enumerate(GERMAN)]
    store(lake, okta)
    store(lake, hr, directory="hr")
    manifest = resolve(acme(), DAY, lake)
    accounts = {row["id"]: row["start_date"] for row in resolved(lake, "accounts")}
    assert {text: accounts[f"o{n}"] for n, text in enumerate(ISO)} == ISO
    assert {text: accounts[f"h{n}"] for n, text in enumerate(GERMAN)} == GERMAN
    unread = [*ISO.values(), *GERMAN.values()].count(None)
    assert counts(manifest) == {
        "dates": len(ISO) + len(GERMAN),
        "dates_unreadable": unread - PLACEHOLDERS,
        "dates_placeholder": PLACEHOLDERS,
    }
    checks = {result.name: result for result in check_resolved_day(manifest, None)}
    assert checks["dates_readable"].outcome == "warning"
    assert "date_format" in checks["dates_readable"].hint


def test_a_date_that_is_written_otherwise_is_explained(lake: Lake) -> None:
    store(lake, [user("h", {"start": "3.1.2026"})], directory="hr")
    resolve(acme(), DAY, lake)
    rows = {row["attribute"]: row for row in resolved(lake, "provenance")}
    assert rows["start_date"]["value"] == "2026-01-03"
    assert rows["start_date"]["rule"] == 'only_value; a date written as "3.1.2026"'


# First and last day of an account that is active by its status; whether it counts on DAY.
SPANS: Sequence[tuple[date | None, date | None, bool]] = (
    (None, None, True),
    (DAY, None, True),
    (YESTERDAY, None, True),
    (TOMORROW, None, False),
    (None, DAY, True),
    (None, TOMORROW, True),
    (None, YESTERDAY, False),
    (DAY, DAY, True),
    (YESTERDAY, TOMORROW, True),
    (TOMORROW, YESTERDAY, False),
    (TOMORROW, TOMORROW, False),
)


def test_the_own_dates_of_an_account_decide_whether_it_is_active(lake: Lake) -> None:
    spans = enumerate(SPANS)
    users = [user(str(n), {"start": day(first), "end": day(last)}) for n, (first, last, _) in spans]
    gone = user("gone", {"start": day(YESTERDAY)}, status="DEPROVISIONED")
    store(lake, [*users, gone])
    resolve(acme(), DAY, lake)
    expected = {str(n): active for n, (_, _, active) in enumerate(SPANS)} | {"gone": False}
    assert {row["id"]: row["active"] for row in resolved(lake, "accounts")} == expected
    assert {row["accounts"][0]: row["active"] for row in resolved(lake, "people")} == {  # type: ignore[index]
        f"okta/{name}": active for name, active in expected.items()
    }


def joined(
    lake: Lake, okta: Mapping[str, object], hr: Mapping[str, object], **rules: object
) -> Row:
    """The person of an account in each directory, with the row of `active` in provenance."""
    store(lake, [user("o", {"email": "ada@acme.test", **okta})])
    store(lake, [user("h", {"email": "ada@acme.test", **hr})], directory="hr")
    resolve(acme(**rules), DAY, lake)
    (person,) = resolved(lake, "people")
    (active,) = [row for row in resolved(lake, "provenance") if row["attribute"] == "active"]
    assert active["value"] == str(person["active"]).lower()
    return {**person, "rule": active["rule"]}


def test_the_end_date_of_hr_ends_a_person_whose_account_in_okta_is_active(lake: Lake) -> None:
    person = joined(lake, {}, {"end": "22.11.2026"})
    assert (person["active"], person["end_date"]) == (False, YESTERDAY)
    assert person["rule"] == "default_precedence; ended by end_date 2026-11-22"


@pytest.mark.parametrize(
    ("okta", "hr", "says"),
    [
        ({"end": "2026-11-22"}, {"end": "30.11.2026"}, "; ended by end_date 2026-11-22"),
        ({"start": "2026-11-24"}, {"start": "1.1.2020"}, "; not started by start_date 2026-11-24"),
        # The dates of the person say it, and not those of the account again.
        ({"end": "2026-11-22"}, {"end": "20.11.2026"}, "; ended by end_date 2026-11-20"),
        ({"end": "2026-11-22"}, {}, "; ended by end_date 2026-11-22"),
    ],
)
def test_an_account_that_its_own_dates_end_says_so(
    lake: Lake, okta: Mapping[str, object], hr: Mapping[str, object], says: str
) -> None:
    """Also if another directory has other dates for the person."""
    dates = {"precedence": ["hr", "okta"]}
    person = joined(lake, okta, hr, attributes={"start_date": dates, "end_date": dates})
    assert (person["active"], person["rule"]) == (False, f"default_precedence{says}")


def test_a_person_is_active_on_the_last_day(lake: Lake) -> None:
    person = joined(lake, {}, {"end": "23.11.2026"})
    assert (person["active"], person["end_date"]) == (True, DAY)
    assert person["rule"] == "default_precedence"


def test_a_person_who_has_not_started_says_so(lake: Lake) -> None:
    person = joined(lake, {}, {"start": "24.11.2026"})
    assert (person["active"], person["start_date"]) == (False, TOMORROW)
    assert person["rule"] == "default_precedence; not started by start_date 2026-11-24"


def test_the_date_with_the_highest_precedence_counts(lake: Lake) -> None:
    """HR's own account has ended, so its values count last: Okta's date wins."""
    person = joined(lake, {"end": "2026-12-31"}, {"end": "22.11.2026"})
    assert (person["active"], person["end_date"]) == (True, date(2026, 12, 31))


def test_people_who_start_or_leave_within_seven_days_are_counted(lake: Lake) -> None:
    def on(field: str, days: int) -> Row:
        return user(f"{field} {days}", {field: day(DAY + timedelta(days=days))})

    users = [on("start", days) for days in (-1, 0, 1, 7, 8)]
    users += [on("end", days) for days in (-1, 0, 7, 8)]
    store(lake, users)
    manifest = resolve(acme(), DAY, lake)
    checks = {result.name: result for result in check_resolved_day(manifest, None)}
    result = checks["starting_and_leaving"]
    assert result.passed
    assert result.message == "Within seven days, 2 people start and 2 leave."


def test_the_date_format_is_a_rule() -> None:
    assert rules.digest(company({"hr": {**HR, "date_format": None}})) != rules.digest(
        company({"hr": HR})
    )


@pytest.mark.parametrize("wrong", ["%d.%m", "dd.mm.yyyy", "%Y-%m", "%", "%Q", ""])
def test_a_date_format_has_year_month_and_day(wrong: str) -> None:
    with pytest.raises(ValueError, match="must have year, month and day"):
        company({"hr": {**HR, "date_format": wrong}})


@pytest.mark.parametrize("wrong", ["%x", "%c", "on %x"])
def test_a_date_format_has_no_part_that_programs_read_differently(wrong: str) -> None:
    with pytest.raises(ValueError, match="must not have %c or %x; write its parts"):
        company({"hr": {**HR, "date_format": wrong}})


def test_a_percent_sign_in_a_date_format_is_no_part() -> None:
    accepted = company({"hr": {**HR, "date_format": "%d.%m.%Y %%x"}})
    assert accepted.directories["hr"].date_format == "%d.%m.%Y %%x"


def test_each_day_has_its_own_active_people(lake: Lake) -> None:
    store(lake, [user("o", {"start": day(DAY), "end": day(DAY)})], day=YESTERDAY)
    actives = {}
    for resolved_day in (YESTERDAY, DAY, TOMORROW):
        resolve(acme(), resolved_day, lake)
        (person,) = resolved(lake, "people", day=resolved_day)
        actives[resolved_day] = person["active"]
    assert actives == {YESTERDAY: False, DAY: True, TOMORROW: False}
