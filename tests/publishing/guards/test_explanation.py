"""Why a day is held back: a line for each cause, and each number once."""

import re
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest

from opensense_okta.directories.checks import CheckResult
from opensense_okta.publishing.guards.evaluate import GuardContext, Source, Verdict
from opensense_okta.publishing.guards.explanation import MAX_REASONS, reasons
from tests.publishing.guards.test_guards import (
    BOTH,
    READ,
    SINCE,
    TODAY,
    company,
    day,
    judged,
    members,
    pair,
    staff,
)
from tests.support.two_days import Day, Person, connected

LEFT = (
    "Likely cause: people really left, or only a part of them was listed, as in a file that is half there,"
    " or to an administrator with a restricted role."
)
EMPTIED = (
    "Likely cause: a large group was deleted or emptied, or its members can no longer be read."
)
THREE = replace(BOTH, sources={"okta": READ, "entra": READ, "hr": READ})


@pytest.fixture(scope="module")
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with connected() as connection:
        yield connection


def lines(
    connection: duckdb.DuckDBPyConnection, before: Day, after: Day, context: GuardContext = TODAY
) -> list[str]:
    return reasons([], judged(connection, before, after, context).verdicts)


def test_one_loss_that_trips_four_guards_is_one_line_with_each_number_once(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    groups = {"okta/g": "Staff", "okta/h": "All"}

    def with_memberships(count: int) -> Day:
        people = staff(count)
        both = (*members(people, "okta/g"), *members(people[:80], "okta/h"))
        return day(people, groups=groups, memberships=both)

    (line,) = lines(connection, with_memberships(100), with_memberships(60))
    assert line == (
        "okta: 40 of 100 active people (40.0 %) are gone (40) or inactive (0): more than 10 and more than"
        " 5 %. 60 of 180 memberships (33.3 %) are gone: more than 10 and more than 5 %."
        f" {LEFT}"
    )


def test_a_directory_without_memberships_is_not_the_cause_of_lost_memberships(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """HR's file is half there, and on the same day groups of Okta and Entra lost members."""
    groups = {"okta/g": "Staff", "entra/g": "Partners"}

    def company_of(hr: int, okta: int, entra: int) -> Day:
        people = tuple(
            replace(one, accounts=one.accounts[: 3 if number < hr else 2])
            for number, one in enumerate(company(*range(100), directories=("okta", "entra", "hr")))
        )
        joined = (*members(people[:okta], "okta/g"), *members(people[:entra], "entra/g"))
        return day(people, groups=groups, memberships=joined)

    hr, memberships = lines(
        connection, company_of(100, 100, 60), company_of(30, 76, 42), context=THREE
    )
    assert hr == (
        "hr: 70 of 100 active accounts of hr (70.0 %) are gone (70) or inactive (0): more than 10 and more"
        f" than 5 %. {LEFT}"
    )
    assert memberships == (
        "42 of 160 memberships (26.2 %) are gone: more than 10 and more than 5 % (18 of entra, 24 of okta)."
        f" {EMPTIED}"
    )


def test_lost_memberships_of_one_directory_name_it(connection: duckdb.DuckDBPyConnection) -> None:
    groups = {"okta/g": "Staff", "entra/g": "Partners"}
    people = pair(100)
    before = (*members(people, "okta/g"), *members(people, "entra/g"))
    after = (*members(people, "okta/g"), *members(people[:49], "entra/g"))
    (line,) = lines(
        connection,
        day(people, groups=groups, memberships=before),
        day(people, groups=groups, memberships=after),
        BOTH,
    )
    assert line == (
        f"entra: 51 of 200 memberships (25.5 %) are gone: more than 10 and more than 5 %. {EMPTIED}"
    )


def test_blank_values_of_a_directory_are_one_line(connection: duckdb.DuckDBPyConnection) -> None:
    names = ("title", "department", "division", "desk", "country")
    values = dict.fromkeys(names, "x")

    def filled(count: int) -> tuple[Person, ...]:
        return tuple(replace(one, values={**one.values, **values}) for one in staff(count))

    attributes = ("display_name", "email", *names)
    (line,) = lines(
        connection,
        day(filled(50), attributes=attributes),
        day(filled(20), staff(30, start=20), attributes=attributes),
    )
    assert line == (
        "okta: country: 30 of 50 values of active people (60.0 %) became blank: more than 10 and more than"
        " 10 %; department (30 of 50), desk (30 of 50) and 2 other attributes, too. Likely cause: the field"
        " was emptied or renamed in the directory, or may no longer be read."
    )


def test_what_a_missing_directory_takes_with_it_is_in_its_line(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    gone = replace(TODAY, sources={"okta": READ, "entra": Source(SINCE, None)})
    (line,) = lines(
        connection,
        day(staff(50), company(*range(50, 90), directories=("entra",))),
        day(staff(50)),
        gone,
    )
    assert line == (
        "entra is in the published directory with its snapshot of 2026-11-22, and 2026-11-23 has no"
        " snapshot of it. Read it again, or take it out of the organization file. 40 of 90 active people"
        " (44.4 %) are gone (40) or inactive (0): more than 10 and more than 5 %."
    )


def unproven(directory: str | None, name: str) -> CheckResult:
    return CheckResult(name=name, passed=False, message="It failed.", directory=directory)


def lost(directory: str, percent: float) -> Verdict:
    return Verdict(
        name="removed",
        directory=directory,
        passed=False,
        count=1,
        percent=percent,
        cause="unknown",
        found=f"{percent} % are gone",
        because="people left.",
        message="",
    )


def test_data_that_is_not_proven_comes_first_and_then_the_largest_loss() -> None:
    assert reasons([unproven("okta", "ids_unique")], [lost("hr", 20), lost("entra", 60)]) == [
        "okta: ids_unique: It failed.",
        "entra: 60 % are gone. Likely cause: people left.",
        "hr: 20 % are gone. Likely cause: people left.",
    ]


def test_a_loss_of_unproven_data_needs_no_other_cause() -> None:
    (line,) = reasons([unproven("okta", "ids_unique")], [lost("okta", 20)])
    assert line == "okta: ids_unique: It failed. 20 % are gone."


def test_many_causes_are_as_few_lines() -> None:
    verdicts = [lost(f"d{number}", 90 - number) for number in range(6)]
    found = reasons([unproven(None, "accounts_of_one_person")], verdicts)
    assert len(found) == MAX_REASONS
    assert found[0] == "accounts_of_one_person: It failed."
    assert found[1].startswith("d0: 90 % are gone.")
    assert found[2].startswith("Besides: d1: 89 % are gone. d2: 88 % are gone. ")
    assert len(re.findall("are gone", found[2])) == 5


def test_verdicts_of_an_older_version_are_explained_by_their_message() -> None:
    stored = Verdict(name="removed", passed=False, count=412, message="412 of 1,000 are gone.")
    assert reasons([], [stored]) == ["412 of 1,000 are gone."]
