"""Who `publish.people` chooses, of a small day."""

from collections.abc import Iterator, Mapping

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensense_okta.config.models import ExportedPeople
from opensense_okta.resolution.people_rules import count_left_out, find_exported
from tests.support.scratch import scratch
from tests.support.two_days import Day, Person, Value, day, person, store_days

PEOPLE = (
    person("ada", email="Ada@Acme.com ", department="Sales", aliases=["ada@x.test", "al@acme.com"]),
    person("bob", email="bob@acme.com", department="R&D (50%)", aliases=["b@x.test"]),
    person("cyd", email="svc-print@acme.com", aliases=[]),
    person("dag", email="dag@partner.test", department="Café"),
    person("eve", email="eve@acme.com", department="Sales", active=False),
)
GROUPS = {"okta/g1": "Staff", "okta/g2": "Staff (Berlin)", "okta/g3": "staff_x", "okta/g4": None}
MEMBERS = (
    ("ada", "okta/g1"), ("eve", "okta/g1"), ("bob", "okta/g2"), ("ada", "okta/g2"), ("cyd", "okta/g3"),
    ("dag", "okta/g4"),
)  # fmt: skip
SMALL = day(*PEOPLE, groups=GROUPS, memberships=MEMBERS)


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with scratch() as connection:
        store_days(connection, Day(), SMALL)
        yield connection


def exported(connection: duckdb.DuckDBPyConnection, rules: Mapping[str, object]) -> str:
    """The ids of the exported people, in order."""
    find_exported(connection, ExportedPeople.model_validate(rules), "new")
    return " ".join(sorted(row[0] for row in connection.table("new_exported").fetchall()))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # Without a rule everyone who is active.
        ({}, "ada bob cyd dag"),
        # Groups: names with *, or ids; case counts, and other signs mean themselves.
        ({"groups": ["Staff"]}, "ada"),
        ({"groups": ["Staff*"]}, "ada bob"),
        ({"groups": ["staff_*"]}, "cyd"),
        ({"groups": ["Staff (*)"]}, "ada bob"),
        ({"groups": ["Sta_f"]}, ""),
        ({"groups": ["g1", "okta/g4"]}, "ada dag"),
        ({"groups": ["*"]}, "ada bob cyd"),
        ({"groups": ["Stuff"]}, ""),
        # Attributes: one of the values must match as a whole; neither case nor white space around it counts.
        ({"include": {"email": ["*@acme.com"]}}, "ada bob cyd"),
        ({"include": {"email": ["ada@ACME.com"]}}, "ada"),
        ({"include": {"email": ["acme"]}}, ""),
        ({"include": {"department": ["R&D (50%)"]}}, "bob"),
        ({"include": {"department": ["%"]}}, ""),
        ({"include": {"department": ["cafe\u0301"]}}, "dag"),
        ({"include": {"department": ["*"]}}, "ada bob dag"),
        ({"include": {"aliases": ["*@acme.com"]}}, "ada"),
        # A person must match each attribute of include, and none of exclude.
        ({"include": {"email": ["*@acme.com"], "department": ["Sales", "R&D*"]}}, "ada bob"),
        ({"exclude": {"email": ["svc-*", "*@partner.test"]}}, "ada bob"),
        ({"exclude": {"aliases": ["*@x.test"]}}, "cyd dag"),
        ({"exclude": {"email": ["svc-*"], "department": ["Sales"]}}, "bob dag"),
        ({"groups": ["Staff*"], "exclude": {"department": ["Sales"]}}, "bob"),
        ({"include": {"email": ["*"]}, "exclude": {"email": ["*"]}}, ""),
        # A day from before the attribute was declared: nobody has a value.
        ({"include": {"desk": ["*"]}}, ""),
        ({"exclude": {"desk": ["*"]}}, "ada bob cyd dag"),
    ],
)
def test_rules_choose(
    connection: duckdb.DuckDBPyConnection, rules: Mapping[str, object], expected: str
) -> None:
    assert exported(connection, rules) == expected


def test_each_rule_counts_whom_it_leaves_out(connection: duckdb.DuckDBPyConnection) -> None:
    rules = {
        "groups": ["Staff*", "Gone"],
        "include": {"email": ["*@acme.com", "*@b.test"]},
        "exclude": {"department": ["Sales"], "email": ["svc-*", "x*"]},
    }
    assert exported(connection, rules) == "bob"
    left_out = count_left_out(connection, "new")
    assert left_out.count == 3
    assert left_out.by_rule == {
        "groups": 2,
        "include.email": 1,
        "exclude.department": 1,
        "exclude.email": 1,
    }
    assert left_out.unmatched == (
        ("exclude.email", "x*"),
        ("groups", "Gone"),
        ("include.email", "*@b.test"),
    )


VALUES = st.one_of(st.none(), st.sampled_from(["ab", "AB", "a%", "b_", "*", "a\\b", "abc"]))
PATTERNS = st.lists(
    st.sampled_from(["*", "a*", "*b", "a%", "b_", "a\\*", "ab", "*b*"]), min_size=1, unique=True
)
RULES = st.fixed_dictionaries({}, optional=dict.fromkeys(("email", "title"), PATTERNS)).filter(bool)


def matches(value: Value, patterns: list[str]) -> bool:
    """The same, written another way."""
    if not isinstance(value, str):
        return False

    def fits(text: str, pattern: str) -> bool:
        first, *others = pattern.lower().split("*")
        if not others:
            return text == first
        if not text.startswith(first):
            return False
        return any(
            fits(text[start:], "*".join(others)) for start in range(len(first), len(text) + 1)
        )

    return any(fits(value.lower(), pattern) for pattern in patterns)


@settings(deadline=None, max_examples=30)
@given(values=st.lists(st.tuples(VALUES, VALUES), max_size=6), include=RULES, exclude=RULES)
def test_who_matches_no_rule_is_not_exported(
    connection: duckdb.DuckDBPyConnection,
    values: list[tuple[Value, Value]],
    include: dict[str, list[str]],
    exclude: dict[str, list[str]],
) -> None:
    people: list[Person] = [
        person(f"p{number}", email=email, title=title)
        for number, (email, title) in enumerate(values)
    ]
    store_days(connection, Day(), day(*people, attributes=("email", "title")))
    expected = {
        human.id
        for human in people
        if all(matches(human.values[name], patterns) for name, patterns in include.items())
        and not any(matches(human.values[name], patterns) for name, patterns in exclude.items())
    }
    assert exported(connection, {"include": include, "exclude": exclude}).split() == sorted(
        expected
    )
