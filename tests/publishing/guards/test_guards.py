"""What a guard lets through, what it holds, and what it says of the cause."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import NamedTuple

import duckdb
import pytest

from opensense_okta.config.models import Guards
from opensense_okta.config.text import plural
from opensense_okta.publishing.guards.evaluate import (
    COMPARING,
    GuardContext,
    Source,
    Verdict,
    evaluate_guards,
    examples,
)
from opensense_okta.resolution.changes import compare
from tests.support.two_days import Account, Day, Person, Value, connected, store_days

DAY = date(2026, 11, 23)
SINCE = DAY - timedelta(days=1)
READ = Source(before=SINCE, now=DAY)
TODAY = GuardContext(day=DAY, since=SINCE, sources={"okta": READ})
BOTH = replace(TODAY, sources={"okta": READ, "entra": READ})


def company(
    *names: int, directories: tuple[str, ...] = ("okta",), active: bool = True, **values: Value
) -> tuple[Person, ...]:
    """People by number; `{}` in a value stands for the number."""
    return tuple(
        Person(
            f"p{name:04}",
            tuple(f"{directory}/{name:04}" for directory in directories),
            {
                "display_name": f"Person {name:04}",
                "email": f"p{name:04}@acme.com",
                **{k: v.format(name) if isinstance(v, str) else v for k, v in values.items()},
            },
            active,
        )
        for name in names
    )


def staff(count: int, start: int = 0, **values: Value) -> tuple[Person, ...]:
    return company(*range(start, start + count), **values)  # type: ignore[arg-type]  # values alone


def pair(count: int, start: int = 0, **values: Value) -> tuple[Person, ...]:
    """People with an account in each of two directories."""
    names = range(start, start + count)
    return company(*names, directories=("okta", "entra"), active=True, **values)


def day(*people: tuple[Person, ...], **others: object) -> Day:
    everybody = tuple(one for some in people for one in some)
    fields = {"attributes": ("display_name", "email", "title"), **others}
    return Day(everybody, **fields)  # type: ignore[arg-type]  # names of its fields


Key = tuple[str, str | None, str | None]


@dataclass(frozen=True)
class Judged:
    """The verdicts on one pair of days, by guard, directory and attribute."""

    verdicts: list[Verdict]

    def __getitem__(self, key: Key) -> Verdict:
        (found,) = [v for v in self.verdicts if (v.name, v.directory, v.attribute) == key]
        return found

    @property
    def held(self) -> set[Key]:
        return {(v.name, v.directory, v.attribute) for v in self.verdicts if v.outcome == "error"}


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected() as each:
        each.execute("set threads = 1")  # a handful of rows
        yield each


def judged(
    connection: duckdb.DuckDBPyConnection,
    before: Day,
    after: Day,
    circumstances: GuardContext = TODAY,
    guards: Mapping[str, object] | None = None,
) -> Judged:
    store_days(connection, before, after)
    compare(connection)
    return Judged(evaluate_guards(connection, Guards.model_validate(guards or {}), circumstances))


REMOVED = ("removed", None, None)


def test_a_day_on_which_nothing_changes_passes(connection: duckdb.DuckDBPyConnection) -> None:
    same = day(pair(5, title="Clerk"), groups={"g": "G"}, memberships=(("p0001", "g"),))
    found = judged(connection, same, same, BOTH)
    assert found.held == set()
    assert all(verdict.passed and not verdict.cause for verdict in found.verdicts)
    assert {verdict.name for verdict in found.verdicts} == {
        "comparison_missing",
        "directory_missing",
        "directory_stale",
        *COMPARING,
    }


# People who are gone or inactive.


class Gone(NamedTuple):
    of: int
    gone: int
    why: str
    removed: Mapping[str, float] = {}


GONE = [
    Gone(300, 15, ""),  # exactly 5 %
    Gone(300, 16, "more than 10 and more than 5 %"),
    Gone(100, 10, ""),  # exactly 10
    Gone(100, 11, "more than 10 and more than 5 %"),
    Gone(100, 2, "", {"count": 0, "percent": 2}),
    Gone(100, 3, "more than 0 and more than 2 %", {"count": 0, "percent": 2}),
    Gone(100, 20, "", {"percent": 50, "max": 20}),
    Gone(100, 21, "more than 20", {"percent": 50, "max": 20}),
    Gone(40, 19, "", {"count": 30}),
    Gone(40, 20, "half of them or more", {"count": 30}),
    Gone(40, 40, "all of them", {"count": 100}),
    Gone(1, 0, ""),
    Gone(1, 1, "all of them"),
    Gone(2, 1, "half of them or more"),
    Gone(2, 2, "all of them"),
    Gone(3, 1, ""),
    Gone(3, 2, "half of them or more"),
    Gone(8, 3, ""),
    Gone(8, 4, "half of them or more"),
]


@pytest.mark.parametrize("case", GONE, ids=lambda c: f"{c.gone} of {c.of}")
def test_people_who_leave_are_held_beyond_the_limits(
    connection: duckdb.DuckDBPyConnection, case: Gone
) -> None:
    found = judged(
        connection,
        day(staff(case.of)),
        day(staff(case.of - case.gone, start=case.gone)),
        guards={"removed": case.removed},
    )
    for key in (REMOVED, ("removed", "okta", None)):
        verdict = found[key]
        assert (verdict.count, verdict.of, verdict.passed) == (case.gone, case.of, not case.why)
        assert f": {case.why}." in verdict.message if case.why else "cause" not in verdict.message


def test_who_turns_inactive_is_as_gone(connection: duckdb.DuckDBPyConnection) -> None:
    after = day(company(*range(9), active=False), staff(80, start=20))
    found = judged(connection, day(staff(100)), after)
    assert found.held == {REMOVED, ("removed", "okta", None)}
    assert (
        "20 of 100 active people (20.0 %) are gone (11) or inactive (9)" in found[REMOVED].message
    )


@pytest.mark.parametrize(("ended", "is_the_cause"), [(20, True), (10, True), (9, False)])
def test_people_whose_last_day_is_over_are_the_cause_if_they_are_half_of_the_loss(
    connection: duckdb.DuckDBPyConnection, ended: int, is_the_cause: bool
) -> None:
    names = ("display_name", "email", "end_date")
    over, last = str(TODAY.day - timedelta(days=1)), str(TODAY.day)
    after = day(
        company(*range(ended), active=False, end_date=over),
        company(*range(ended, 20), active=False, end_date=last),  # inactive for another reason
        staff(80, start=20),
        attributes=names,
    )
    found = judged(connection, day(staff(100), attributes=names), after)
    for key in (REMOVED, ("removed", "okta", None)):
        verdict = found[key]
        assert (verdict.cause == "ended") == is_the_cause
        assert (f"{ended} ended by end_date" in verdict.message) == is_the_cause


def test_a_day_without_dates_of_an_older_version_has_another_cause(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    after = day(company(*range(20), active=False), staff(80, start=20))
    assert judged(connection, day(staff(100)), after)[REMOVED].cause == "directory"


def test_who_comes_is_never_held(connection: duckdb.DuckDBPyConnection) -> None:
    assert judged(connection, day(staff(3)), day(staff(300))).held == set()


def test_who_was_inactive_anyway_is_not_counted(connection: duckdb.DuckDBPyConnection) -> None:
    former = company(*range(50), active=False, title="Clerk")
    found = judged(connection, day(former, staff(30, 100)), day(staff(30, 100)))
    assert found.held == set()
    assert found[REMOVED].of == 30


def merging(active: bool) -> tuple[Day, Day]:
    apart = (company(*range(10)), company(*range(10, 20), directories=("entra",)))
    together = tuple(
        replace(one, accounts=(*one.accounts, other.accounts[0]), active=active)
        for one, other in zip(*apart, strict=True)
    )
    return day(*apart), day(together)


def test_who_merged_is_not_gone(connection: duckdb.DuckDBPyConnection) -> None:
    found = judged(connection, *merging(active=True), BOTH)
    assert (found[REMOVED].count, found[REMOVED].of) == (0, 20)
    assert REMOVED not in found.held


def test_who_merged_into_somebody_inactive_is(connection: duckdb.DuckDBPyConnection) -> None:
    found = judged(connection, *merging(active=False), BOTH)
    assert (found[REMOVED].count, found[REMOVED].of) == (20, 20)
    assert not found[REMOVED].passed


# Memberships.


class Lost(NamedTuple):
    of: int
    lost: int
    why: str
    removed: Mapping[str, float] = {}


@pytest.mark.parametrize(
    "case",
    [
        Lost(300, 15, ""),
        Lost(300, 16, "more than 10 and more than 5 %"),
        Lost(100, 40, "", {"percent": 50, "max": 20}),  # max is for people alone
        Lost(8, 3, ""),
        Lost(8, 4, "half of them or more"),
        Lost(2, 1, ""),
        Lost(2, 2, "all of them"),
    ],
    ids=lambda c: f"{c.lost} of {c.of}",
)
def test_memberships_that_go_are_held_beyond_the_limits(
    connection: duckdb.DuckDBPyConnection, case: Lost
) -> None:
    people = staff(case.of)
    members = tuple((one.id, "okta/g") for one in people)
    found = judged(
        connection,
        day(people, groups={"okta/g": "G"}, memberships=members),
        day(people, groups={"okta/g": "G"}, memberships=members[case.lost :]),
        guards={"removed": case.removed},
    )
    for directory in (None, "okta"):
        verdict = found["removed_memberships", directory, None]
        assert (verdict.count, verdict.of, verdict.passed) == (case.lost, case.of, not case.why)
        assert f": {case.why}." in verdict.message if case.why else not verdict.cause
        assert "max" not in verdict.limits


def members(people: tuple[Person, ...], group: str) -> tuple[tuple[str, str], ...]:
    return tuple((one.id, group) for one in people)


def test_one_directorys_memberships_are_judged_by_themselves(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    people, groups = pair(300), {"okta/g": "Staff", "entra/g": "Sales"}
    okta, entra = members(people, "okta/g"), members(people[:20], "entra/g")
    found = judged(
        connection,
        day(people, groups=groups, memberships=(*okta, *entra)),
        day(people, groups=groups, memberships=(*okta, *entra[12:])),
        BOTH,
    )
    assert found.held == {("removed_memberships", "entra", None)}
    assert found["removed_memberships", "entra", None].message.startswith(
        "12 of 20 memberships of entra (60.0 %) are gone: more than 10 and more than 5 %."
    )


def test_where_groups_of_one_name_are_one_a_membership_is_of_the_persons_directories(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    ours, theirs = staff(300), company(*range(300, 320), directories=("entra",))
    one = {"groups": {"okta/g": "Staff"}, "sources": {"okta/g": ("okta/g", "entra/g")}}
    there = members(ours, "okta/g"), members(theirs, "okta/g")
    before = day(ours, theirs, memberships=(*there[0], *there[1]), **one)
    after = day(ours, theirs, memberships=(*there[0], *there[1][12:]), **one)
    found = judged(connection, before, after, BOTH)
    assert found.held == {("removed_memberships", "entra", None)}
    assert found["removed_memberships", "okta", None].of == 300


# Values that became blank, or others.


class Altered(NamedTuple):
    """Of all the people `of` have a value of the attribute, and so many of these values differ."""

    guard: str
    of: int
    altered: int
    why: str

    def value(self, number: int, *, after: bool) -> str | None:
        if number >= self.of:
            return None
        if after and number < self.altered:
            return None if self.guard == "blanked" else "Boss"
        return "Clerk"


ALTERED: dict[int, list[Altered]] = {
    300: [
        Altered("blanked", 300, 30, ""),  # exactly 10 %
        Altered("blanked", 300, 31, "more than 10 and more than 10 %"),
        Altered("rewritten", 300, 90, ""),  # exactly 30 %
        Altered("rewritten", 300, 91, "more than 10 and more than 30 %"),
        # What hardly anybody has.
        Altered("blanked", 8, 6, ""),
        Altered("blanked", 4, 4, ""),
        Altered("rewritten", 4, 4, ""),
        Altered("blanked", 5, 5, "all of them"),
        Altered("blanked", 12, 11, "more than 10 and more than 10 %"),
    ],
    50: [
        Altered("blanked", 50, 10, ""),  # exactly 10
        Altered("blanked", 50, 11, "more than 10 and more than 10 %"),
        Altered("rewritten", 20, 10, ""),
        Altered("rewritten", 20, 11, "more than 10 and more than 30 %"),
    ],
    8: [
        Altered("blanked", 8, 8, "all of them"),
        Altered("blanked", 8, 4, "half of them or more"),
        Altered("blanked", 8, 3, ""),
        Altered("blanked", 3, 2, "half of them or more"),
        Altered("blanked", 2, 2, ""),
        Altered("rewritten", 8, 8, "all of them"),
        Altered("rewritten", 8, 4, "half of them or more"),
        Altered("rewritten", 8, 3, ""),
    ],
    1: [Altered("blanked", 1, 1, ""), Altered("rewritten", 1, 1, "")],
}


@pytest.mark.parametrize("people", ALTERED)
def test_values_are_held_beyond_the_limits(
    connection: duckdb.DuckDBPyConnection, people: int
) -> None:
    cases = {f"{case.altered}_of_{case.of}_{case.guard}": case for case in ALTERED[people]}

    def of(*, after: bool) -> Day:
        everybody = (
            {name: case.value(number, after=after) for name, case in cases.items()}
            for number in range(people)
        )
        return day(*(staff(1, number, **values) for number, values in enumerate(everybody)))

    found = judged(connection, of(after=False), of(after=True))
    held = {
        (case.guard, directory, name): case
        for name, case in cases.items()
        for directory in (None, "okta")
        if case.why
    }
    assert found.held == held.keys()
    for key, case in held.items():
        assert (found[key].count, found[key].of) == (case.altered, case.of)
        assert f": {case.why}." in found[key].message


def test_the_limits_of_values_are_the_organizations(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    limits: dict[str, object] = {"rewritten": {"count": 4, "percent": 4}}
    days = day(staff(100)), day(company(*range(5), email="new{}@acme.com"), staff(95, start=5))
    assert judged(connection, *days).held == set()
    assert judged(connection, *days, guards=limits).held == {
        ("rewritten", whose, "email") for whose in (None, "okta")
    }
    limits["directories"] = {"okta": {"rewritten": {"count": 5}}}
    assert judged(connection, *days, guards=limits).held == {("rewritten", None, "email")}


def test_who_leaves_or_turns_inactive_blanks_nothing(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    after = day(company(*range(10), active=False), staff(180, start=20, title="Clerk"))
    found = judged(connection, day(staff(200, title="Clerk")), after)
    assert ("blanked", None, None) not in found.held
    assert found["blanked", None, None].of == 180


def test_filling_what_was_blank_is_never_held(connection: duckdb.DuckDBPyConnection) -> None:
    assert judged(connection, day(staff(50)), day(staff(50, title="Clerk"))).held == set()


def test_values_are_compared_as_written(connection: duckdb.DuckDBPyConnection) -> None:
    found = judged(connection, day(staff(50)), day(staff(50, email="P{:04}@acme.com")))
    assert found.held == {("rewritten", None, "email"), ("rewritten", "okta", "email")}


def test_lists_are_guarded_too(connection: duckdb.DuckDBPyConnection) -> None:
    found = judged(connection, day(staff(50, aliases=["x"])), day(staff(50, aliases=[])))
    assert ("blanked", None, "aliases") in found.held


def test_an_attribute_may_have_any_name(connection: duckdb.DuckDBPyConnection) -> None:
    names = [
        "guard",
        "count",
        "of",
        "attribute",
        "filled",
        "blanked",
        "value",
        "key",
        "old",
        "limit",
    ]
    before = company(*range(20), **dict.fromkeys(names, "1"))  # type: ignore[arg-type]  # as in `staff`
    found = judged(connection, day(before), day(staff(20)))
    assert found.held == {("blanked", who, name) for who in (None, "okta") for name in names}


def test_an_attribute_may_have_the_name_of_a_table_of_the_comparison(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    same = dict.fromkeys(["old_people", "new_people", "old_accounts", "new_accounts"], "1")
    names = ("title", *same)
    before, after = (
        day(staff(50, start=0, title=title, **same), attributes=names)
        for title in ("Clerk", "Boss")
    )
    assert judged(connection, before, after).held == {
        ("rewritten", who, "title") for who in (None, "okta")
    }


def test_who_manages_whom_is_guarded_as_it_is_written_alone(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    team = tuple(replace(one, manager_id="p0000") for one in staff(50))
    apart = tuple(replace(one, manager_id=None) for one in team)
    assert judged(connection, day(team), day(apart)).held == set()


def test_a_guard_that_passes_names_the_attribute_that_lost_most(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = judged(
        connection,
        day(staff(200, title="Clerk")),
        day(staff(3), staff(197, start=3, title="Clerk")),
    )
    assert found["blanked", None, None].message == (
        "title: 3 of 200 values of active people (1.5 %) became blank, the largest share of all"
        " attributes. Held back when more than 10 values and more than 10 % of one attribute become blank."
    )


# One directory alone.


def test_each_directory_is_judged_by_its_own_limits(connection: duckdb.DuckDBPyConnection) -> None:
    half_gone = company(*range(60))
    strict = {"directories": {"entra": {"removed": {"count": 0, "percent": 1}}}}
    before = day(pair(300))
    after = day(company(*range(4)), pair(296, start=4))
    assert judged(connection, before, after, BOTH).held == set()
    assert judged(connection, before, after, BOTH, strict).held == {("removed", "entra", None)}
    assert judged(connection, before, day(half_gone, pair(240, 60)), BOTH).held == {
        ("removed", "entra", None)
    }


def test_one_directorys_values_are_judged_though_another_ones_win(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    people = pair(40, title="Clerk")
    blank = tuple(
        replace(account, values={**account.values, "title": None})
        if account.name.startswith("entra/")
        else account
        for one in people
        for account in one.each_account()
    )
    found = judged(connection, day(people), day(people, accounts=blank), BOTH)
    assert found.held == {("blanked", "entra", "title")}


# Directories that are missing or stale.

ANY = day(staff(3))


class ComparisonTargets(NamedTuple):
    source: Source
    passed: bool
    says: str


PLACES = {
    "read": ComparisonTargets(READ, True, "The snapshot of 2026-11-23 was used."),
    "new": ComparisonTargets(Source(None, DAY), True, "The snapshot of 2026-11-23 was used."),
    "without a snapshot": ComparisonTargets(
        Source(SINCE, None),
        False,
        "okta is in the published directory with its snapshot of 2026-11-22, and 2026-11-23 has no"
        " snapshot of it. Read it again, or take it out of the organization file.",
    ),
    "taken out of the rules": ComparisonTargets(
        Source(SINCE, None, configured=False),
        False,
        "okta is in the published directory, and no longer in the organization file.",
    ),
    "never read": ComparisonTargets(
        Source(None, None),
        False,
        "okta is in the organization file, and has never been read. Find out why with `opensense-okta"
        " doctor`, or take it out of the organization file.",
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_missing_directory_is_held_even_from_the_first_publication(
    connection: duckdb.DuckDBPyConnection, name: str
) -> None:
    source, passed, says = PLACES[name]
    first = replace(TODAY, since=None, sources={"okta": source})
    (verdict,) = [
        v for v in evaluate_guards(connection, Guards(), first) if v.name == "directory_missing"
    ]
    assert (verdict.passed, verdict.message) == (passed, says)


def test_missing_directories_are_held_later_too(connection: duckdb.DuckDBPyConnection) -> None:
    sources = {name: place.source for name, place in PLACES.items()}
    found = judged(connection, ANY, ANY, replace(TODAY, sources=sources))
    assert found.held == {
        ("directory_missing", name, None) for name, place in PLACES.items() if not place.passed
    }


@pytest.mark.parametrize(("age", "warns"), [(0, False), (3, False), (4, True)])
def test_a_stale_directory_is_said_and_not_held(
    connection: duckdb.DuckDBPyConnection, age: int, warns: bool
) -> None:
    sources = {"okta": Source(SINCE, DAY - timedelta(days=age))}
    verdicts = evaluate_guards(connection, Guards(), replace(TODAY, since=None, sources=sources))
    (verdict,) = [v for v in verdicts if v.name == "directory_stale"]
    assert (verdict.outcome, verdict.count) == ("warning" if warns else "passed", age)
    assert f"{plural(age, 'day')} old; it is stale after 3." in verdict.message
    assert ("Until okta is read again, its people stay as they were." in verdict.message) is warns


def test_the_first_publication_has_nothing_to_be_compared_with() -> None:
    with connected() as empty:
        verdicts = evaluate_guards(empty, Guards(), replace(TODAY, since=None))
    assert all(verdict.passed for verdict in verdicts)
    says = {v.name: v.message for v in verdicts if v.name in COMPARING}
    assert set(says.values()) == {"Nothing is published yet that could be compared with."}
    assert set(says) == set(COMPARING)


# Whether people are still found in several directories.


class Linked(NamedTuple):
    before: int
    after: int
    passed: bool
    of: int = 100


@pytest.mark.parametrize(
    "case",
    [
        Linked(100, 80, True),
        Linked(100, 79, False),
        Linked(10, 0, False, of=10),
        Linked(20, 10, False, of=20),
        Linked(20, 11, True, of=20),  # 9 people
        Linked(15, 4, True),  # 11 points
        Linked(2, 0, True, of=2),
        Linked(50, 100, True),
    ],
    ids=lambda c: f"{c.before} to {c.after} of {c.of}",
)
def test_correlation_may_not_collapse(connection: duckdb.DuckDBPyConnection, case: Linked) -> None:
    def of(linked: int) -> Day:
        return day(pair(linked), staff(case.of - linked, start=linked))

    verdict = judged(connection, of(case.before), of(case.after), BOTH)["correlation", None, None]
    assert verdict.passed is case.passed
    assert verdict.count == max(case.before - case.after, 0)


def test_people_who_come_to_one_directory_alone_are_no_collapse(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    found = judged(connection, day(pair(50)), day(pair(50), staff(500, start=1000)), BOTH)
    assert found["correlation", None, None].passed


# The likely cause, the most specific first.


class Why(NamedTuple):
    key: Key
    cause: str
    says: str
    before: Day
    after: Day
    circumstances: GuardContext = TODAY


HALF_OF_OKTA = day(staff(100)), day(staff(50))
BLANK = day(staff(50, title="Clerk")), day(staff(50))
BLANK_BOTH = day(pair(50, title="Clerk")), day(pair(50))
NO_ENTRA = day(pair(50), company(*range(50, 90), directories=("entra",))), day(staff(50))
GROUP = {"okta/g": "Staff"}
NO_MEMBERS = (
    day(staff(50), groups=GROUP, memberships=members(staff(50), "okta/g")),
    day(staff(50), groups=GROUP),
)
ENTRA_GONE = replace(TODAY, sources={"okta": READ, "entra": Source(SINCE, None)})
ENTRA_DROPPED = replace(
    TODAY, sources={"okta": READ, "entra": Source(SINCE, None, configured=False)}
)
IN_ENTRA = company(*range(40, 100), directories=("entra",))
HALF_OF_ENTRA = day(staff(40), IN_ENTRA), day(staff(40), IN_ENTRA[:30])
IN_BOTH = {"okta/g": "Staff", "entra/g": "Partners"}
HALF_OF_OKTA_AND_ENTRA = (
    day(
        staff(40),
        IN_ENTRA[:1],
        groups=IN_BOTH,
        memberships=(*members(staff(40), "okta/g"), *members(IN_ENTRA[:1], "entra/g")),
    ),
    day(staff(18), groups=IN_BOTH, memberships=members(staff(18), "okta/g")),
)
WHY = {
    "a directory vanished": Why(
        REMOVED,
        "directory_missing",
        "entra was published on 2026-11-22, and was not read.",
        *NO_ENTRA,
        replace(ENTRA_GONE, rules_changed=True, scope_changed=("okta",)),
    ),
    "people are not in several directories, as one vanished": Why(
        ("correlation", None, None),
        "directory_missing",
        "entra was published on 2026-11-22, and was not read.",
        *NO_ENTRA,
        ENTRA_GONE,
    ),
    "the vanished directory itself": Why(
        ("removed", "entra", None),
        "directory_missing",
        "the organization file no longer has entra.",
        *NO_ENTRA,
        ENTRA_DROPPED,
    ),
    "the scope": Why(
        REMOVED,
        "scope_changed",
        "the scope or the address of okta was changed since 2026-11-22; people outside of it are gone.",
        *HALF_OF_OKTA,
        replace(TODAY, scope_changed=("okta",), rules_changed=True),
    ),
    "a rule of the scope": Why(
        REMOVED,
        "left_out",
        "45 more accounts of okta are left out by scope.exclude.email now.",
        *HALF_OF_OKTA,
        replace(TODAY, left_out={"okta": {"scope.exclude.email": 45}}, rules_changed=True),
    ),
    "another cause, though a rule leaves out a few more": Why(
        REMOVED,
        "directory",
        "50 of 100 active accounts of okta (50.0 %) are gone (50) or inactive (0): the cause is there.",
        *HALF_OF_OKTA,
        replace(TODAY, left_out={"okta": {"scope.exclude.email": 5}}),
    ),
    "another directory's loss, though a scope was changed": Why(
        REMOVED,
        "directory",
        "30 of 60 active accounts of entra (50.0 %) are gone (30) or inactive (0): the cause is there.",
        *HALF_OF_ENTRA,
        replace(BOTH, scope_changed=("okta",)),
    ),
    "the scope of the directory that lost, of two": Why(
        REMOVED,
        "scope_changed",
        "the scope or the address of entra was changed since 2026-11-22; people outside of it are gone.",
        *HALF_OF_ENTRA,
        replace(BOTH, scope_changed=("okta", "entra")),
    ),
    "another directory's loss, though a small one vanished": Why(
        REMOVED,
        "directory",
        "1 of 1 active accounts of entra (100.0 %) are gone (1) or inactive (0); 22 of 40 active accounts"
        " of okta (55.0 %) are gone (22) or inactive (0): the cause is there.",
        *HALF_OF_OKTA_AND_ENTRA,
        replace(ENTRA_DROPPED, rules_changed=True),
    ),
    "memberships of another directory, though a small one vanished": Why(
        ("removed_memberships", None, None),
        "directory",
        "1 of 1 active accounts of entra (100.0 %) are gone (1) or inactive (0); 22 of 40 active accounts"
        " of okta (55.0 %) are gone (22) or inactive (0): the cause is there.",
        *HALF_OF_OKTA_AND_ENTRA,
        replace(ENTRA_DROPPED, rules_changed=True),
    ),
    "values that went with the vanished directory": Why(
        ("blanked", None, "title"),
        "directory_missing",
        "entra was published on 2026-11-22, and was not read.",
        day(
            pair(50, title="Clerk"),
            accounts=tuple(
                account
                for some in (staff(50), company(*range(50), directories=("entra",), title="Clerk"))
                for one in some
                for account in one.each_account()
            ),
        ),
        day(staff(50)),
        ENTRA_GONE,
    ),
    "values that another directory lost, though a small one vanished": Why(
        ("blanked", None, "title"),
        "directory",
        "title: 50 of 50 values of active accounts of okta (100.0 %) became blank: the cause is there.",
        day(staff(50, title="Clerk"), company(50, directories=("entra",))),
        day(staff(50)),
        ENTRA_GONE,
    ),
    "the scope does not blank a directory's values": Why(
        ("blanked", "okta", "title"),
        "unknown",
        "the field was emptied or renamed in the directory, or may no longer be read.",
        *BLANK,
        replace(TODAY, scope_changed=("okta",)),
    ),
    "the rules": Why(
        ("blanked", "okta", "title"),
        "rules_changed",
        "the rules were changed since 2026-11-22; `opensense-okta preview` shows what they do.",
        *BLANK,
        replace(TODAY, rules_changed=True),
    ),
    "the rules do not remove a directory's accounts": Why(
        ("removed", "okta", None),
        "unknown",
        "people really left, or only a part of them was listed, as in a file that is half there, or to"
        " an administrator with a restricted role.",
        *HALF_OF_OKTA,
        replace(TODAY, rules_changed=True),
    ),
    "an attribute that the rules no longer have": Why(
        ("blanked", None, "desk"),
        "rules_changed",
        "the organization file no longer has the attribute desk.",
        day(staff(50, desk="1")),
        day(staff(50)),
    ),
    "a directory's own loss": Why(
        REMOVED,
        "directory",
        "50 of 100 active accounts of okta (50.0 %) are gone (50) or inactive (0): the cause is there.",
        *HALF_OF_OKTA,
        replace(TODAY, rules_changed=True),
    ),
    "both directories' own loss": Why(
        ("blanked", None, "title"),
        "directory",
        "title: 50 of 50 values of active accounts of entra (100.0 %) became blank; title: 50 of 50"
        " values of active accounts of okta (100.0 %) became blank: the cause is there.",
        *BLANK_BOTH,
        BOTH,
    ),
    "memberships of those who left": Why(
        ("removed_memberships", None, None),
        "directory",
        "50 of 100 active accounts of okta",
        replace(HALF_OF_OKTA[0], memberships=tuple((one.id, "g") for one in staff(100))),
        replace(HALF_OF_OKTA[1], memberships=tuple((one.id, "g") for one in staff(50))),
    ),
    "memberships of those who left one directory": Why(
        ("removed_memberships", "okta", None),
        "directory",
        "50 of 100 active accounts of okta",
        day(staff(100), groups=GROUP, memberships=members(staff(100), "okta/g")),
        day(staff(50), groups=GROUP, memberships=members(staff(50), "okta/g")),
    ),
    "one directory's memberships": Why(
        ("removed_memberships", None, None),
        "directory",
        "50 of 50 memberships of okta (100.0 %) are gone: the cause is there.",
        *NO_MEMBERS,
    ),
    "one directory's memberships themselves": Why(
        ("removed_memberships", "okta", None),
        "unknown",
        "a large group was deleted or emptied, or its members can no longer be read.",
        *NO_MEMBERS,
    ),
    "the values that accounts are matched by": Why(
        ("correlation", None, None),
        "directory",
        "entra's email, okta's email changed, and accounts may be matched by it.",
        day(pair(50)),
        day(
            staff(50, email="x{}@acme.com"),
            company(*range(50), directories=("entra",), email="y{}@acme.com"),
        ),
        BOTH,
    ),
    "nobody knows": Why(
        ("removed_memberships", None, None),
        "unknown",
        "a large group was deleted or emptied, or its members can no longer be read.",
        day(staff(50), memberships=tuple((one.id, "g") for one in staff(50))),
        day(staff(50)),
    ),
}


@pytest.mark.parametrize("name", WHY)
def test_the_likely_cause_is_named(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    why = WHY[name]
    verdict = judged(connection, why.before, why.after, why.circumstances)[why.key]
    assert not verdict.passed
    assert verdict.cause == why.cause
    assert f"Likely cause: {why.says}" in verdict.message


LEFT_API = (
    "people really left, or only a part of them was listed, as to an administrator with a restricted"
    " role."
)
LEFT_FILE = "people really left, or the file has only a part of them."


@pytest.mark.parametrize(
    ("kind", "says"), [("okta", LEFT_API), ("entra", LEFT_API), ("csv", LEFT_FILE)]
)
def test_the_unknown_cause_of_a_loss_fits_the_kind_of_directory(
    connection: duckdb.DuckDBPyConnection, kind: str, says: str
) -> None:
    context = replace(TODAY, sources={"okta": replace(READ, kind=kind)})
    verdict = judged(connection, day(staff(100)), day(staff(50)), context)["removed", "okta", None]
    assert verdict.message.endswith(f"Likely cause: {says}")


@pytest.mark.parametrize(
    ("guard", "says"),
    [
        (
            "removed",
            (
                "0 of 20 active people (0.0 %) are gone (0) or inactive (0). Held back when more than 10"
                " people and more than 5 %, or more than 500 people, are gone or inactive."
            ),
        ),
        (
            "removed_memberships",
            (
                "0 of 20 memberships (0.0 %) are gone. Held back when more than 10 memberships and more than"
                " 5 % are gone."
            ),
        ),
        (
            "rewritten",
            (
                "No value of active people became another value. Held back when more than 10 values and more"
                " than 30 % of one attribute become other values."
            ),
        ),
        (
            "correlation",
            (
                "20 of 20 active people (100.0 %) have several accounts; 20 of 20 (100.0 %) had. Held"
                " back when more than 10 people fewer have several accounts, and their share is lower by"
                " more than 20 percentage points."
            ),
        ),
    ],
)
def test_a_guard_that_passes_says_when_a_day_is_held_back(
    connection: duckdb.DuckDBPyConnection, guard: str, says: str
) -> None:
    people = pair(20)
    same = day(people, groups={"okta/g": "Staff"}, memberships=members(people, "okta/g"))
    assert judged(connection, same, same, BOTH)[guard, None, None].message == says


def test_the_directory_that_lost_most_is_named_though_it_is_within_its_own_limits(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    people = (staff(200), company(*range(200, 400), directories=("entra",)))
    after = day(people[0][12:], people[1][1:])
    lax = {"directories": {"okta": {"removed": {"percent": 50}}}, "removed": {"percent": 2}}
    verdict = judged(connection, day(*people), after, BOTH, lax)[REMOVED]
    assert verdict.cause == "directory"
    assert verdict.message == (
        "13 of 400 active people (3.2 %) are gone (13) or inactive (0): more than 10 and more than 2 %."
        " Likely cause: 12 of 200 active accounts of okta"
        " (6.0 %) are gone (12) or inactive (0); the other directories lost almost nothing."
    )


def test_verdicts_that_version_0_1_stored_are_read() -> None:
    stored = {"guard": "directory_stale", "says": "hr is old.", "count": 9}
    assert Verdict.model_validate({**stored, "passed": True, "warns": True}) == Verdict(
        name="directory_stale", passed=False, severity="warning", count=9, message="hr is old."
    )
    assert Verdict.model_validate({**stored, "passed": False, "warns": False}).outcome == "error"
    assert Verdict.model_validate({**stored, "passed": True, "warns": False}).passed


def test_a_verdict_is_kept_as_json_without_anybodys_name(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    for verdict in judged(connection, *BLANK_BOTH, BOTH).verdicts:
        kept = verdict.model_dump_json()
        assert Verdict.model_validate_json(kept) == verdict
        assert "p0001" not in kept
        assert "Clerk" not in kept


# Examples are for a person's eyes.


class Shown(NamedTuple):
    key: Key
    before: Day
    after: Day
    rows: list[dict[str, object]]


def accounts_of(*people: Person, title: str | None) -> tuple[Account, ...]:
    return tuple(
        replace(account, values={**account.values, "title": title})
        for one in people
        for account in one.each_account()
    )


WHO = {"display_name": "Person 0001", "email": "p0001@acme.com"}
SHOWN = {
    "who is gone or inactive": Shown(
        REMOVED,
        day(pair(2), staff(1, start=2)),
        day(company(0, directories=("okta", "entra"), active=False), staff(1, start=2)),
        [
            {"display_name": "Person 0000", "email": "p0000@acme.com", "now": "inactive"},
            {**WHO, "now": "gone"},
        ],
    ),
    "whose account is": Shown(
        ("removed", "entra", None),
        day(pair(2)),
        day(staff(2)),
        [
            {"display_name": "Person 0000", "account": "entra/0000", "now": "gone"},
            {**WHO, "account": "entra/0001", "now": "gone"},
        ],
    ),
    "which groups lost members": Shown(
        ("removed_memberships", None, None),
        day(
            staff(3),
            groups={"g1": "Staff", "g2": "Sales"},
            memberships=(("p0000", "g1"), ("p0001", "g1"), ("p0002", "g1"), ("p0000", "g2")),
        ),
        day(staff(3), groups={"g1": "Staff"}, memberships=(("p0000", "g1"),)),
        [
            {"group": "Staff", "had": 3, "lost": 2, "now": "there"},
            {"group": "Sales", "had": 1, "lost": 1, "now": "gone"},
        ],
    ),
    "which groups of one directory did": Shown(
        ("removed_memberships", "entra", None),
        day(
            pair(2),
            groups={"okta/g": "Staff", "entra/g": "Sales"},
            memberships=(*members(pair(2), "okta/g"), *members(pair(2), "entra/g")),
        ),
        day(pair(2), groups={"okta/g": "Staff", "entra/g": "Sales"}),
        [{"group": "Sales", "had": 2, "lost": 2, "now": "there"}],
    ),
    "which values differ, the most frequent change first": Shown(
        ("rewritten", None, "title"),
        day(staff(4, title="Clerk")),
        day(company(0, title="Boss"), staff(3, start=1, title="Chief")),
        [
            {
                "display_name": f"Person {n:04}",
                "before": "Clerk",
                "after": after,
                "directory": "okta",
            }
            for n, after in ((1, "Chief"), (2, "Chief"), (3, "Chief"), (0, "Boss"))
        ],
    ),
    "which of one directory became blank": Shown(
        ("blanked", "entra", "title"),
        day(pair(5, title="Clerk")),
        day(
            pair(5, title="Clerk"),
            accounts=(
                *accounts_of(*staff(5), title="Clerk"),
                *accounts_of(*company(*range(5), directories=("entra",)), title=None),
            ),
        ),
        [
            {
                "account": f"entra/{n:04}",
                "email": f"p{n:04}@acme.com",
                "before": "Clerk",
                "after": None,
            }
            for n in range(5)
        ],
    ),
    "who was one person": Shown(
        ("correlation", None, None),
        day(pair(3)),
        day(staff(3), company(10, 11, 12, directories=("entra",))),
        [
            {
                "display_name": f"Person {n:04}",
                "before": f"entra/{n:04}, okta/{n:04}",
                "after": f"okta/{n:04}",
            }
            for n in range(3)
        ],
    ),
}


@pytest.mark.parametrize("name", SHOWN)
def test_examples_show(connection: duckdb.DuckDBPyConnection, name: str) -> None:
    key, before, after, rows = SHOWN[name]
    verdict = judged(connection, before, after, BOTH)[key]
    assert not verdict.passed
    found = examples(connection, verdict)
    assert [
        {column: shown[column] for column in row} for shown, row in zip(found, rows, strict=True)
    ] == rows
    assert examples(connection, verdict, limit=1) == found[:1]


def test_a_missing_directory_has_no_examples(connection: duckdb.DuckDBPyConnection) -> None:
    found = judged(connection, ANY, ANY, replace(TODAY, sources={"okta": Source(SINCE, None)}))
    assert examples(connection, found["directory_missing", "okta", None]) == []
