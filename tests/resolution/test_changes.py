"""The changes between two days: people who were added, removed, changed, merged and split."""

from collections import Counter

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opensense_okta.resolution.changes import Difference, compare
from tests.support.two_days import Day, Person, Value, connected, day, person, store_days

Row = tuple[str | None, str, str | None, str | None, str | None]


def compared(before: Day, after: Day) -> tuple[list[Row], Difference]:
    with connected() as connection:
        store_days(connection, before, after)
        difference = compare(connection)
        return connection.execute("from changes").fetchall(), difference


CASES: dict[str, tuple[Day, Day, list[Row]]] = {
    "nothing differs": (day(person("a", title="Clerk")), day(person("a", title="Clerk")), []),
    "nobody on either day": (day(), day(), []),
    "a person was added": (
        day(),
        day(person("a", title="Clerk")),
        [("a", "added", None, None, None)],
    ),
    "a person was removed": (
        day(person("a", title="Clerk")),
        day(),
        [("a", "removed", None, None, None)],
    ),
    "another value": (
        day(person("a", title="Clerk"), person("b", title="Clerk")),
        day(person("a", title="Boss"), person("b", title="Clerk")),
        [("a", "changed", "title", "Clerk", "Boss")],
    ),
    "a value became blank, and one was filled": (
        day(person("a", title="Clerk", email=None)),
        day(person("a", title=None, email="a@acme.com")),
        [("a", "changed", "email", None, "a@acme.com"), ("a", "changed", "title", "Clerk", None)],
    ),
    "case and white space count as written": (
        day(person("a", title="Clerk")),
        day(person("a", title="clerk ")),
        [("a", "changed", "title", "Clerk", "clerk ")],
    ),
    "any writing, and what looks like another type": (
        day(person("a", title="Größe 静", email='"quoted" \\ {}'), person("b", title="null")),
        day(person("a", title="Größe 静\u00a0", email="[]x"), person("b", title="true")),
        [
            ("a", "changed", "email", '"quoted" \\ {}', "[]x"),
            ("a", "changed", "title", "Größe 静", "Größe 静\u00a0"),
            ("b", "changed", "title", "null", "true"),
        ],
    ),
    "somebody turned inactive": (
        day(person("a")),
        day(person("a", active=False)),
        [("a", "changed", "active", "true", "false")],
    ),
    "another manager": (
        day(person("a", manager_id="b"), person("b"), person("c")),
        day(person("a", manager_id="c"), person("b"), person("c")),
        [("a", "changed", "manager_id", "b", "c")],
    ),
    "lists are JSON, in their order": (
        day(person("a", aliases=["x", "y"]), person("b", aliases=["x", "y"])),
        day(person("a", aliases=["y", "x"]), person("b", aliases=["x", "y"])),
        [("a", "changed", "aliases", '["x","y"]', '["y","x"]')],
    ),
    "an empty list is no value": (
        day(person("a", aliases=["x"]), person("b", aliases=[])),
        day(person("a", aliases=[]), person("b", aliases=None)),
        [("a", "changed", "aliases", '["x"]', None)],
    ),
    "an attribute became a list": (
        day(person("a", aliases="x"), person("b", aliases=None)),
        day(person("a", aliases=["x"]), person("b", aliases=None)),
        [("a", "changed", "aliases", "x", '["x"]')],
    ),
    "an attribute that only one day has is blank on the other": (
        day(person("a", desk="1", title="Clerk"), person("b", desk=None)),
        day(person("a", title="Clerk", floor="2"), person("b", floor=None)),
        [("a", "changed", "desk", "1", None), ("a", "changed", "floor", None, "2")],
    ),
    "the columns' order is no change": (
        day(person("a", title="Clerk", desk="1")),
        day(person("a", desk="1", title="Clerk"), attributes=("desk", "title")),
        [],
    ),
    "an attribute may have any name": (
        day(person("a", key="1", old="1", attribute="1", people="1", group="1", order="1")),
        day(person("a", key="2", old="2", attribute="2", people="2", group="2", order="2")),
        [
            ("a", "changed", name, "1", "2")
            for name in ("attribute", "group", "key", "old", "order", "people")
        ],
    ),
    "an account came": (
        day(person("a", "okta/1")),
        day(person("a", "okta/1", "entra/1")),
        [("a", "changed", "accounts", '["okta/1"]', '["entra/1","okta/1"]')],
    ),
    "the accounts' order is no change": (
        day(person("a", "okta/1", "entra/1")),
        day(person("a", "entra/1", "okta/1")),
        [],
    ),
    "two became one": (
        day(person("a", "okta/1", title="Clerk"), person("b", "entra/1", title="Boss")),
        day(person("a", "okta/1", "entra/1", title="Boss")),
        [
            ("a", "changed", "accounts", '["okta/1"]', '["entra/1","okta/1"]'),
            ("a", "changed", "title", "Clerk", "Boss"),
            ("b", "merged", None, "b", "a"),
        ],
    ),
    "one became two": (
        day(person("a", "okta/1", "entra/1")),
        day(person("a", "okta/1"), person("b", "entra/1")),
        [
            ("a", "changed", "accounts", '["entra/1","okta/1"]', '["okta/1"]'),
            ("b", "split", None, "a", "b"),
        ],
    ),
    "who ended goes on where most of the accounts are": (
        day(
            person("a", "okta/1", "okta/2", "okta/3"), person("b", "okta/4"), person("c", "okta/5")
        ),
        day(person("b", "okta/4", "okta/1"), person("c", "okta/5", "okta/2", "okta/3")),
        [
            ("a", "merged", None, "a", "c"),
            ("b", "changed", "accounts", '["okta/4"]', '["okta/1","okta/4"]'),
            ("c", "changed", "accounts", '["okta/5"]', '["okta/2","okta/3","okta/5"]'),
        ],
    ),
    "an id whose account now has a new id is merged, and nobody is added": (
        day(person("a", "okta/1", "entra/1")),
        day(person("b", "okta/1", "entra/1")),
        [("a", "merged", None, "a", "b")],
    ),
    "who ended with all accounts went": (
        day(person("a", "okta/1"), person("b", "okta/2")),
        day(person("b", "okta/2"), person("c", "okta/3")),
        [("a", "removed", None, None, None), ("c", "added", None, None, None)],
    ),
    "an account that moved from one person to another changes both": (
        day(person("a", "okta/1", "entra/1"), person("b", "okta/2")),
        day(person("a", "okta/1"), person("b", "okta/2", "entra/1")),
        [
            ("a", "changed", "accounts", '["entra/1","okta/1"]', '["okta/1"]'),
            ("b", "changed", "accounts", '["okta/2"]', '["entra/1","okta/2"]'),
        ],
    ),
    "groups came, went and were renamed": (
        day(groups={"g1": "Staff", "g2": "Sales", "g3": None}),
        day(groups={"g1": "Staff", "g3": "Board", "g4": "Sales"}),
        [
            (None, "added", "group", None, "g4"),
            (None, "changed", "group", None, "Board"),
            (None, "removed", "group", "g2", None),
        ],
    ),
    "memberships came and went": (
        day(person("a"), groups={"g1": "1", "g2": "2"}, memberships=(("a", "g1"),)),
        day(person("a"), groups={"g1": "1", "g2": "2"}, memberships=(("a", "g2"),)),
        [("a", "added", "membership", None, "g2"), ("a", "removed", "membership", "g1", None)],
    ),
    "who comes and goes has memberships, too": (
        day(person("a"), groups={"g1": "1"}, memberships=(("a", "g1"),)),
        day(person("b"), groups={"g1": "1"}, memberships=(("b", "g1"),)),
        [
            ("a", "removed", "membership", "g1", None),
            ("a", "removed", None, None, None),
            ("b", "added", "membership", None, "g1"),
            ("b", "added", None, None, None),
        ],
    ),
    "a membership that merged with its person is no change": (
        day(
            person("a", "okta/1"),
            person("b", "entra/1"),
            groups={"g1": "1", "g2": "2", "g3": "3"},
            memberships=(("b", "g1"), ("b", "g2"), ("a", "g2"), ("b", "g3")),
        ),
        day(
            person("a", "okta/1", "entra/1"),
            groups={"g1": "1", "g2": "2", "g3": "3"},
            memberships=(("a", "g1"), ("a", "g2")),
        ),
        [
            ("a", "changed", "accounts", '["okta/1"]', '["entra/1","okta/1"]'),
            ("b", "merged", None, "b", "a"),
            ("b", "removed", "membership", "g3", None),
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_changes_are(case: str) -> None:
    before, after, expected = CASES[case]
    rows, _ = compared(before, after)
    assert sorted(rows, key=str) == sorted(expected, key=str)


def test_the_counts_have_no_personal_data() -> None:
    difference = Difference(
        added=1,
        removed=1,
        changed=3,
        merged=1,
        split=1,
        attributes={"title": 2, "desk": 1, "accounts": 2},
        groups_added=1,
        groups_removed=1,
        groups_changed=1,
        memberships_added=2,
        memberships_removed=1,
    )
    rows, counted = compared(
        day(
            person("goes"),
            person("merges", "entra/m"),
            person("stays", "okta/s", title="Clerk", desk="1"),
            person("parts", "okta/p", "entra/p", title="Clerk"),
            person("retitled", title="Clerk"),
            groups={"g1": "Staff", "g2": "Sales"},
            memberships=(("stays", "g2"),),
        ),
        day(
            person("comes"),
            person("stays", "okta/s", "entra/m", title="Clerk", desk="2"),
            person("parts", "okta/p", title="Boss"),
            person("parted", "entra/p"),
            person("retitled", title="Boss"),
            groups={"g1": "All staff", "g3": "Sales"},
            memberships=(("stays", "g3"), ("comes", "g1")),
        ),
    )
    assert counted == difference
    counts = Counter((change, attribute) for _, change, attribute, _, _ in rows)
    assert counts["changed", "title"] == 2
    assert Difference.model_validate_json(counted.model_dump_json()) == counted


def test_a_second_comparison_replaces_the_first() -> None:
    with connected() as connection:
        store_days(connection, day(person("a")), day(person("b")))
        first = compare(connection)
        store_days(connection, day(person("a")), day(person("a")))
        assert compare(connection) == Difference() != first
        assert connection.execute("from changes").fetchall() == []


# The changes, applied to the earlier day, give the later day.

PEOPLE, ACCOUNTS, GROUPS = ("p", "q", "r", "s"), ("okta/1", "okta/2", "entra/1", "entra/2"), "gh"
TEXTS = st.sampled_from([None, "Clerk", "Größe", '["x"]', "null", " "])
LISTS = st.sampled_from([None, ["x"], ["x", 'y"z']])


@st.composite
def days(draw: st.DrawFn) -> Day:
    """A day with few people, so that two days often have ids, accounts and groups in common.

    The attributes are custom ones: a standard one that the day before lacks is of a newer version, no change.
    """
    owners = draw(st.dictionaries(st.sampled_from(ACCOUNTS), st.sampled_from(PEOPLE)))
    attributes = draw(
        st.lists(st.sampled_from(["badge", "desk", "floor"]), min_size=1, unique=True)
    )
    nicknames = draw(st.booleans())
    people = []
    for name in sorted(set(owners.values())):
        values: dict[str, Value] = {attribute: draw(TEXTS) for attribute in attributes}
        if nicknames:
            values["nicknames"] = draw(LISTS)
        mine = tuple(account for account, owner in owners.items() if owner == name)
        people.append(Person(name, mine, values, draw(st.booleans()), draw(TEXTS)))
    groups = draw(st.dictionaries(st.sampled_from(GROUPS), TEXTS))
    possible = [(human.id, group) for human in people for group in groups]
    members = draw(st.sets(st.sampled_from(possible))) if possible else set()
    return Day(tuple(people), groups, tuple(members), tuple(attributes))


States = dict[str, dict[str, str]]


def states(connection: duckdb.DuckDBPyConnection, age: str) -> States:
    """Every person's filled values as texts."""
    states: States = {}
    relation = connection.execute(f"from {age}_people select * exclude (directories)")
    columns = [column[0] for column in relation.description or []]
    for row in relation.fetchall():
        values = dict(zip(columns, row, strict=True))
        states[values.pop("person_id")] = {
            k: text(k, v) for k, v in values.items() if v is not None
        }
    return states


def text(name: str, value: object) -> str:
    if isinstance(value, list):
        written = (f'"{entry}"' for entry in (sorted(value) if name == "accounts" else value))
        return "[" + ",".join(entry.replace('y"z', 'y\\"z') for entry in written) + "]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def applied(before: States, members: set[tuple[str, str]], rows: list[Row]) -> None:
    """Applies changes in place; values of new ids are not in the changes and stay unknown."""
    memberships = [row for row in rows if row[2] == "membership"]
    members.difference_update(
        (who or "", old or "") for who, kind, _, old, _ in memberships if kind == "removed"
    )
    merged = {old: new or "" for _, kind, _, old, new in rows if kind == "merged"}
    moved = {(merged.get(who, who), group) for who, group in members}
    members.clear()
    members.update(moved)
    members.update(
        (who or "", new or "") for who, kind, _, _, new in memberships if kind == "added"
    )
    for who, kind, attribute, old, new in rows:
        match kind, attribute:
            case "removed" | "merged", None:
                del before[who or ""]
            case "added" | "split", None:
                before[who or ""] = {}
            case "changed", str() if who:
                assert before[who].pop(attribute, None) == old
                before[who] |= {attribute: new} if new is not None else {}
    for new in merged.values():
        before.setdefault(new, {})


@settings(deadline=None, max_examples=30)
@given(before=days(), after=days())
def test_the_changes_lead_from_the_one_day_to_the_other(before: Day, after: Day) -> None:
    with connected() as connection:
        store_days(connection, before, after)
        compare(connection)
        rows: list[Row] = connection.execute("from changes").fetchall()
        old, new = states(connection, "old"), states(connection, "new")
    stayed = old.keys() & new.keys()
    members, group_ids = set(before.memberships), set(before.groups)
    applied(old, members, rows)
    assert old.keys() == new.keys()
    assert {name: old[name] for name in stayed} == {name: new[name] for name in stayed}
    assert members == set(after.memberships)
    for _, kind, attribute, gone, came in rows:
        if attribute == "group" and kind != "changed":
            group_ids ^= {gone or came or ""}
    assert group_ids == set(after.groups)
