"""Advice on rules: twelve people, each with an account in okta and one in hr."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import pytest

from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import CheckResult
from opensense_okta.resolution.resolve import resolve
from opensense_okta.resolution.rule_advice import advise
from opensense_okta.storage.lake import Lake
from tests.support.csv_snapshots import account, store
from tests.support.stored import DAY, group

PEOPLE = range(12)
INACTIVE_IN_HR = 11  # the last person's account there does not count

Field = Callable[[int], str]
Fields = Mapping[str, Field | str]


@dataclass(frozen=True)
class Case:
    """An attribute's rule, what the directories hold of it, and the advice on it.

    Attributes:
        attribute: a name of its own, so that one organization has all the cases.
        okta, hr: the value, of each account the same or by the person's number.
    """

    title: str
    attribute: str
    advice: Sequence[str] = ()
    rule: Mapping[str, object] = field(default_factory=dict)
    okta: Field | str = ""
    hr: Field | str = ""


def some(text: str, people: int) -> Field:
    """A value of the first people alone."""
    return lambda person: text if person < people else ""


CASES = (
    Case("no rule", "motto", okta="Verse"),
    Case(
        "a precedence that names a directory which never has the attribute",
        "badge",
        ["precedence_without_values"],
        {"precedence": ["hr", "okta"]},
        okta="Red",
    ),
    Case(
        "a rule for an attribute that nobody has",
        "locker",
        ["rule_without_values"],
        {"precedence": ["hr", "okta"]},
    ),
    Case(
        "a precedence of an attribute that one directory has",
        "desk",
        ["precedence_without_effect"],
        {"precedence": ["okta"]},
        okta="Window",
    ),
    Case(
        "a directory behind one that is always filled",
        "title",
        ["precedence_never_wins"],
        {"precedence": ["hr", "okta"]},
        okta=some("Poet", 11),
        hr="Poet",
    ),
    Case(
        "a directory behind one that is filled for all but one",
        "department",
        [],
        {"precedence": ["hr", "okta"]},
        okta=some("Verse", 11),
        hr=some("Verse", 10),
    ),
    Case(
        "a blank that never wins",
        "region",
        ["blank_without_effect"],
        {"blank": "wins"},
        okta="North",
        hr=some("North", 3),
    ),
    Case(
        "a blank that wins once",
        "locality",
        [],
        {"blank": "wins"},
        okta=some("Oslo", 10),
        hr="Oslo",
    ),
    Case(
        "a blank that wins against nothing but an inactive account, which does not count",
        "country",
        ["blank_without_effect"],
        {"blank": "wins"},
        okta=some("NO", 11),
        hr="NO",
    ),
    Case(
        "lists of one value each",
        "aliases",
        ["merge_without_effect"],
        {"merge": "union"},
        okta="poet",
        hr="poet",
    ),
    Case(
        "a list of several values",
        "skills",
        [],
        {"merge": "union"},
        okta="poetry",
        hr=some("prose", 1),
    ),
    Case(
        "an attribute of which directories always say different things",
        "division",
        ["always_in_conflict"],
        okta="Verse",
        hr=some("Prose", 11),
    ),
    Case(
        "an attribute of which directories often say different things",
        "cost_center",
        [],
        okta="1",
        hr=lambda person: "2" if person < 8 else "1",
    ),
    Case(
        "an attribute written differently, but with the same meaning",
        "work_phone",
        [],
        okta="+1 212 555 0123",
        hr="+12125550123",
    ),
    Case(
        "too few values to say that they always differ",
        "organization",
        [],
        okta=some("Acme", 9),
        hr=some("Globex", 9),
    ),
)


def attribute(name: str, **rule: object) -> Mapping[str, object]:
    """The rules for one attribute."""
    return {"attributes": {name: rule}}


def acme(
    rules: Mapping[str, object], *directories: str, declared: Sequence[str] = ()
) -> Organization:
    """An organization of directories that are files with columns named like the attributes."""
    return Organization.model_validate(
        {
            "name": "acme",
            "timezone": "UTC",
            "first_day": "2026-11-01",
            "directories": {
                name: {
                    "kind": "csv",
                    "users": f"{name}.csv",
                    "attributes": {name: name for name in declared},
                }
                for name in directories
            },
            "resolution": rules,
        }
    )


def fill(
    lake: Lake,
    directory: str,
    fields: Fields,
    *,
    people: Sequence[int] = PEOPLE,
    inactive: Sequence[int] = (),
    day: date = DAY,
    members: Sequence[tuple[str, str]] = (),
) -> None:
    """Stores an account of each person in a directory, with an address and the given values."""
    common: Fields = {"email": lambda person: f"person{person}@acme.test"}
    rows = [
        account(
            str(person),
            {
                name: value if isinstance(value, str) else value(person)
                for name, value in {**common, **fields}.items()
            },
            active=person not in inactive,
        )
        for person in people
    ]
    groups = [group(name, name) for name in {name for name, _ in members}]
    store(lake, directory, day, rows, groups, members)


def advice_on(organization: Organization, lake: Lake) -> list[CheckResult]:
    """The advice on the day, resolved under the organization's rules."""
    return advise(organization, lake, resolve(organization, DAY, lake))


def names_and_subjects(advice: Sequence[CheckResult]) -> list[tuple[str, str]]:
    """What the advice is and what it is about."""
    return [(item.name, item.subject) for item in advice]


@pytest.fixture(scope="module")
def advice_on_attributes(tmp_path_factory: pytest.TempPathFactory) -> list[CheckResult]:
    """The advice on an organization that has the attributes of all cases."""
    lake = Lake(tmp_path_factory.mktemp("advice"), "acme")
    fill(lake, "okta", {case.attribute: case.okta for case in CASES})
    hr = {case.attribute: case.hr for case in CASES}
    fill(lake, "hr", hr, inactive=[INACTIVE_IN_HR])
    rules = {case.attribute: case.rule for case in CASES if case.rule}
    declared = [case.attribute for case in CASES]
    organization = acme(
        {"attributes": rules, "inactive_accounts": "ignore"}, "okta", "hr", declared=declared
    )
    return advice_on(organization, lake)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_advice_is_given_on(case: Case, advice_on_attributes: list[CheckResult]) -> None:
    advice = [item for item in advice_on_attributes if item.subject == case.attribute]

    assert [item.name for item in advice] == list(case.advice)
    assert all(item.message and item.hint for item in advice)


def test_there_is_no_other_advice_on_attributes(advice_on_attributes: list[CheckResult]) -> None:
    attributes = {case.attribute for case in CASES}

    assert {item.subject for item in advice_on_attributes} <= attributes


def test_a_match_key_that_is_blank_or_repeated_in_a_directory_is_reported(lake: Lake) -> None:
    """hr has the employee number of one person only, and okta has one number for two people."""
    fill(lake, "okta", {"employee_number": lambda person: str(max(person, 1))})
    fill(lake, "hr", {"employee_number": some("1", 1), "division": "d"})

    repeated, blank = advice_on(acme({"match": ["employee_number", "email"]}, "okta", "hr"), lake)

    assert (repeated.name, repeated.subject) == ("key_not_unique", "employee_number")
    assert repeated.numbers == {"keys": 11, "repeated": 1}
    assert (blank.name, blank.subject) == ("key_mostly_blank", "employee_number")
    assert blank.numbers == {"accounts": 12, "filled": 1}


def test_accounts_in_rules_that_do_not_exist_are_counted_without_ids(lake: Lake) -> None:
    rules = {
        "always_same": [["okta/1", "hr/1"], ["okta/2", "hr/ada@acme.test"]],
        "never_same": [["okta/3", "okta/bob@acme.test"]],
    }
    fill(lake, "okta", {})
    fill(lake, "hr", {"division": "d"})

    advice = advice_on(acme(rules, "okta", "hr"), lake)

    assert names_and_subjects(advice) == [
        ("always_same_unknown", "resolution.always_same 2"),
        ("never_same_unknown", "resolution.never_same 1"),
    ]
    assert "acme.test" not in " ".join(f"{item.text}" for item in advice)


def test_facts_are_reported_for_a_few_people_too(lake: Lake) -> None:
    rules = {
        "match": ["employee_number", "user_name", "email"],
        "attributes": {
            "title": {"precedence": ["hr"]},
            "department": {"precedence": ["okta"]},
            "division": {"precedence": ["okta"]},
        },
    }
    numbers: Fields = {"employee_number": lambda person: str(max(person, 1))}
    fill(lake, "okta", {**numbers, "title": "Poet", "division": "North"}, people=PEOPLE[:3])
    fill(lake, "hr", {"employee_number": lambda person: str(person or 9)}, people=PEOPLE[:3])

    assert names_and_subjects(advice_on(acme(rules, "okta", "hr"), lake)) == [
        ("precedence_without_values", "title"),
        ("rule_without_values", "department"),
        ("precedence_without_effect", "division"),
        ("key_not_unique", "employee_number"),
        ("key_mostly_blank", "user_name"),
        ("key_mostly_blank", "user_name"),
    ]


def test_statistical_advice_is_not_given_on_a_few_people(lake: Lake) -> None:
    rules = {
        "match": ["employee_number", "email"],
        "attributes": {
            "title": {"precedence": ["hr", "okta"]},
            "department": {"blank": "wins"},
            "skills": {"merge": "union"},
        },
    }
    common: Fields = {"title": "Poet", "department": "Verse", "skills": "poetry"}
    numbers: Fields = {"employee_number": some("1", 1), "division": "d"}
    fill(lake, "okta", {**common, "region": "North", "locale": "de"}, people=PEOPLE[:4])
    fill(lake, "hr", {**common, **numbers, "region": "South"}, people=PEOPLE[:4])
    fill(lake, "entra", {"employee_number": some("1", 1), "locality": "Oslo"}, people=PEOPLE[:4])

    assert names_and_subjects(advice_on(acme(rules, "hr", "okta", "entra"), lake)) == [
        ("key_mostly_blank", "employee_number")  # of okta, which has it never
    ]


@pytest.mark.parametrize("people", [12, 2])
def test_a_directory_with_the_same_values_as_another_contributes_nothing(
    lake: Lake, people: int
) -> None:
    fill(lake, "okta", {"title": "Poet"}, people=PEOPLE[:people])
    fill(lake, "hr", {"title": "Poet"}, people=PEOPLE[:people])

    (advice,) = advice_on(acme({}, "okta", "hr"), lake)

    assert (advice.name, advice.subject) == ("directory_contributes_nothing", "hr")
    assert advice.numbers == {"accounts": people, "won": 0, "members": 0}


def test_a_directory_with_a_group_with_members_contributes(lake: Lake) -> None:
    fill(lake, "okta", {"title": "Poet"})
    fill(lake, "hr", {"title": "Poet"}, members=[("poets", "1")])

    assert advice_on(acme({}, "okta", "hr"), lake) == []


def test_a_directory_without_accounts_is_reported(lake: Lake) -> None:
    fill(lake, "okta", {})
    fill(lake, "hr", {}, people=[])

    assert names_and_subjects(advice_on(acme({}, "okta", "hr"), lake)) == [
        ("directory_without_accounts", "hr")
    ]


def test_a_stale_directory_of_lowest_precedence_is_not_reported_for_winning_nothing(
    lake: Lake,
) -> None:
    rules = {**attribute("title", precedence=["hr", "okta"]), "when_stale": "lowest"}
    fill(lake, "okta", {"title": "Poet"})
    fill(lake, "hr", {"title": "Poet"}, day=DAY - timedelta(days=9))

    assert advice_on(acme(rules, "okta", "hr"), lake) == []


def test_there_is_no_advice_on_a_directory_that_was_never_read(lake: Lake) -> None:
    rules = {**attribute("title", precedence=["hr", "okta"]), "never_same": [["hr/1", "hr/2"]]}
    fill(lake, "okta", {"title": "Poet"})

    assert advice_on(acme(rules, "okta", "hr"), lake) == []


def test_one_directory_without_rules_gives_no_advice(lake: Lake) -> None:
    fill(lake, "okta", {"email": "shared@acme.test"})

    assert advice_on(acme({}, "okta"), lake) == []


def test_rules_changed_after_the_day_was_resolved_are_not_evaluated(lake: Lake) -> None:
    fill(lake, "okta", {})
    resolved = resolve(acme({}, "okta"), DAY, lake)

    (advice,) = advise(acme({"match": ["user_name"]}, "okta"), lake, resolved)

    assert advice.name == "rules_not_applied"
    assert "opensense-okta sync acme" in advice.hint
