"""The hand-written cases: accounts and rules in, people and conflicts out (`cases/*.yaml`)."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256

import pytest

from opensense_okta.resolution.resolve import resolve
from opensense_okta.resolution.snapshots import NothingToResolve, StaleDirectory
from opensense_okta.storage.lake import Lake
from tests.support.csv_snapshots import Tables, tables_of
from tests.support.stored import DAY, Row
from tests.support.written_cases import (
    EXPLAINED,
    Case,
    as_one,
    mark_of,
    organizations,
    set_up,
    written_cases,
)

CASES = written_cases()
RESOLVED = [case for case in CASES if not case.fails]
MARK = re.compile("\u27e8[0-9a-f]{6}\u27e9")
NOT_VALUES = {"person_id", "manager_id", "directories", "accounts"}


@dataclass(frozen=True)
class Outcome:
    """A case and the tables that came out of it.

    Attributes:
        people: each person's row by its accounts.
        person: the row of the person that each account belongs to.
    """

    case: Case
    people: Mapping[frozenset[str], Row]
    person: Mapping[str, Row]
    accounts: list[Row]
    provenance: list[Row]
    conflicts: list[Row]
    memberships: list[Row]

    def id_of(self, account: str) -> object:
        """The id of the person that an account belongs to."""
        return self.person[account]["person_id"]


Resolved = Callable[[Case], Outcome]


@pytest.fixture(scope="module")
def resolved_with_others(tmp_path_factory: pytest.TempPathFactory) -> Resolved:
    """The outcome of a case. The organization that it is part of is resolved once."""
    shared = organizations(RESOLVED)

    @cache
    def of_organization(common: str) -> Mapping[str, Tables]:
        lake = Lake(tmp_path_factory.mktemp("lake"), "acme")
        resolve(set_up(as_one(shared[common]), lake), DAY, lake)
        return by_mark(tables_of(lake))

    common = {case.title: organization for organization, cases in shared.items() for case in cases}
    outcomes: dict[str, Outcome] = {}

    def of_case(case: Case) -> Outcome:
        if case.title not in outcomes:
            own = of_organization(common[case.title]).get(mark_of(case), {})
            outcomes[case.title] = outcome_of(case, own)
        return outcomes[case.title]

    return of_case


def by_mark(tables: Tables) -> Mapping[str, Tables]:
    """The rows of the people of each case, by the mark in the ids of their accounts."""
    marks = {}
    for row in tables["people"]:
        (mark,) = set(MARK.findall(str(row["accounts"])))
        marks[row["person_id"]] = mark
    found: dict[str, dict[str, list[Row]]] = {}
    for table, rows in tables.items():
        for row in rows:
            if row.get("person_id") in marks:
                mark = marks[row["person_id"]]
                found.setdefault(mark, {}).setdefault(table, []).append(row)
    return found


@pytest.fixture
def outcome(request: pytest.FixtureRequest, resolved_with_others: Resolved) -> Outcome:
    return resolved_with_others(request.param)


def outcome_of(case: Case, tables: Tables) -> Outcome:
    mark = mark_of(case)
    own = {
        table: [without_mark(row, mark) for row in tables.get(table, [])]
        for table in ("people", "accounts", "provenance", "conflicts", "memberships")
    }
    people = {frozenset(_strings(row["accounts"])): row for row in own["people"]}
    return Outcome(
        case=case,
        people=people,
        person={account: row for accounts, row in people.items() for account in accounts},
        accounts=own["accounts"],
        provenance=own["provenance"],
        conflicts=own["conflicts"],
        memberships=own["memberships"],
    )


def all_that(have: Callable[[Case], object] = bool) -> pytest.MarkDecorator:
    """Parametrizes a test with the outcome of each case that the predicate selects."""
    cases = [case for case in RESOLVED if have(case)]
    return pytest.mark.parametrize(
        "outcome", cases, indirect=True, ids=[case.title for case in cases]
    )


def without_mark(row: Row, mark: str) -> Row:
    """A row as it is when the case is resolved alone."""

    def unmarked(value: object) -> object:
        if isinstance(value, str):
            return value.replace(mark, "")
        if isinstance(value, list):
            return [unmarked(item) for item in value]
        if isinstance(value, dict):
            return {name: unmarked(item) for name, item in value.items()}
        return value

    return {name: unmarked(value) for name, value in row.items()}


@all_that()
def test_the_people_are(outcome: Outcome) -> None:
    assert set(outcome.people) == {frozenset(accounts.split()) for accounts in outcome.case.people}


@all_that(lambda case: any(case.people.values()))
def test_their_values_are(outcome: Outcome) -> None:
    for accounts, expected in outcome.case.people.items():
        person = outcome.people[frozenset(accounts.split())]
        wanted = {name: value for name, value in expected.items() if name not in EXPLAINED}
        assert {name: person[name] for name in wanted} == wanted
        if "manager_is" in expected:
            manager = expected["manager_is"]
            assert person["manager_id"] == (outcome.id_of(str(manager)) if manager else None)


@all_that()
def test_their_ids_follow_from(outcome: Outcome) -> None:
    for accounts, expected in outcome.case.people.items():
        anchor = accounts.split()[0]
        first, _, number = str(expected.get("id_of", anchor)).partition(" ")
        source = "\n".join(filter(None, [f"{first}{mark_of(outcome.case)}", number]))
        assert outcome.id_of(anchor) == sha256(source.encode()).hexdigest()[:32]


@all_that(lambda case: any("because" in expected for expected in case.people.values()))
def test_their_values_come_from(outcome: Outcome) -> None:
    explained = {(row["person_id"], row["attribute"]): row for row in outcome.provenance}
    for accounts, expected in outcome.case.people.items():
        person = outcome.id_of(accounts.split()[0])
        because = expected.get("because") or {}
        assert isinstance(because, dict)
        for attribute, wanted in because.items():
            row = explained[person, attribute]
            losing = row["losing"]
            assert isinstance(losing, list)
            lost = [f"{value['directory']} has {value['value']}" for value in losing]
            assert [f"{row['directory']}/{row['account_id']}", *lost] == wanted


@all_that()
def test_the_conflicts_are(outcome: Outcome) -> None:
    wanted = {
        (conflict.kind, conflict.on, outcome.id_of(account))
        for conflict in outcome.case.conflicts
        for account in conflict.of
    }
    conflicts = {(row["kind"], _about(row, outcome), row["person_id"]) for row in outcome.conflicts}
    assert conflicts == wanted


@all_that(lambda case: case.conflicts)
def test_conflicts_name_their_evidence(outcome: Outcome) -> None:
    """The accounts of all who are concerned, and the values that differ or the key."""
    concerned = {
        (conflict.kind, conflict.on, outcome.id_of(account)): conflict.of
        for conflict in outcome.case.conflicts
        for account in conflict.of
    }
    for row in outcome.conflicts:
        evidence = set(_strings(json.loads(str(row["detail"]))))
        about = _about(row, outcome)
        if row["kind"] == "value":
            saying = [
                a for a in outcome.accounts if a["person_id"] == row["person_id"] and a[about]
            ]
            assert {f"{a['directory']}/{a['id']}" for a in saying} <= evidence
            for value in (a[about] for a in saying):
                if isinstance(value, list):  # as its directory wrote it
                    assert all(any(item in text for text in evidence) for item in value)
                else:
                    assert str(value) in evidence
            continue
        for account in concerned[str(row["kind"]), about, row["person_id"]]:
            person = outcome.person[account]
            assert evidence & set(_strings(person["accounts"])), f"nothing of {account}"


@all_that(lambda case: case.members)
def test_the_groups_members_are(outcome: Outcome) -> None:
    assert outcome.case.members is not None
    members = {(row["group_id"], row["person_id"]): row["direct"] for row in outcome.memberships}
    assert members == {
        (group, outcome.id_of(account)): account not in outcome.case.not_direct.get(group, ())
        for group, accounts in outcome.case.members.items()
        for account in accounts
    }
    assert len(outcome.memberships) == len(members)


@all_that()
def test_the_tables_agree(outcome: Outcome) -> None:
    """Each account belongs to one person; each filled value has provenance, and no blank one has."""
    assert {f"{a['directory']}/{a['id']}": a["person_id"] for a in outcome.accounts} == {
        account: row["person_id"] for account, row in outcome.person.items()
    }
    explained = [(row["person_id"], row["attribute"]) for row in outcome.provenance]
    assert sorted(explained, key=str) == sorted(
        (
            (row["person_id"], name)
            for row in outcome.people.values()
            for name, value in row.items()
            if name not in NOT_VALUES and value is not None
        ),
        key=str,
    )


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.fails], ids=lambda case: case.title
)
def test_the_day_fails(case: Case, lake: Lake) -> None:
    organization = set_up(case, lake)
    with pytest.raises((NothingToResolve, StaleDirectory), match=case.fails):
        resolve(organization, DAY, lake)
    assert lake.resolved_days() == []


def test_every_case_has_a_title_of_its_own() -> None:
    titles = [case.title for case in CASES]
    assert len(titles) == len(set(titles))


def _about(row: Row, outcome: Outcome) -> str:
    """The attribute that a conflict is on; the key that it names."""
    if row["kind"] == "value":
        return str(row["attribute"])
    match = outcome.case.rules.get("match", ["email"])
    named = set(_strings(json.loads(str(row["detail"]))["key"]))
    (key,) = named & set(_strings(match))
    return key


def _strings(value: object) -> Iterator[str]:
    """All text in a JSON document: keys and values."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner)
    elif value is not None:
        yield str(value)
