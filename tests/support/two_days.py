"""Two resolved days written by hand, as the tables that a comparison reads."""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import duckdb

from tests.support.scratch import scratch

Value = str | list[str] | None


@dataclass(frozen=True)
class Account:
    """An account and its person."""

    name: str
    person: str
    active: bool
    values: Mapping[str, Value]


@dataclass(frozen=True)
class Person:
    """A person with accounts (`directory/id`), which have the same values."""

    id: str
    accounts: tuple[str, ...]
    values: Mapping[str, Value]
    active: bool = True
    manager_id: str | None = None

    def each_account(self) -> Iterator[Account]:
        for name in self.accounts:
            yield Account(name, self.id, self.active, self.values)


def person(
    name: str,
    *accounts: str,
    active: bool = True,
    manager_id: str | None = None,
    **values: Value,
) -> Person:
    return Person(name, accounts or (f"okta/{name}",), values, active, manager_id)


@dataclass(frozen=True)
class Day:
    """One resolved day.

    Attributes:
        attributes: columns, also if nobody has a value.
        accounts: instead of those that follow from the people.
        groups: names by id.
        sources: the merged groups, by id of the group.
    """

    people: tuple[Person, ...] = ()
    groups: Mapping[str, str | None] = field(default_factory=dict)
    memberships: tuple[tuple[str, str], ...] = ()
    attributes: tuple[str, ...] = ("title",)
    accounts: tuple[Account, ...] | None = None
    sources: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


def day(*people: Person, **others: object) -> Day:
    return Day(people, **others)  # type: ignore[arg-type]  # names of the fields above


@contextmanager
def connected() -> Iterator[duckdb.DuckDBPyConnection]:
    """A database without tables."""
    with scratch() as connection:
        yield connection


def store_days(connection: duckdb.DuckDBPyConnection, before: Day, after: Day) -> None:
    """Makes the tables of two days: `old_people`, `new_people` and so on."""
    _store_day(connection, "old", before)
    _store_day(connection, "new", after)


def _store_day(connection: duckdb.DuckDBPyConnection, age: str, day: Day) -> None:
    accounts = day.accounts
    if accounts is None:
        accounts = tuple(account for human in day.people for account in human.each_account())
    columns = attribute_columns(day)
    _table(
        connection,
        f"{age}_people",
        {
            "person_id": "varchar",
            "active": "boolean",
            **columns,
            "manager_id": "varchar",
            "directories": "varchar[]",
            "accounts": "varchar[]",
        },
        (
            [
                human.id,
                human.active,
                *(human.values.get(name) for name in columns),
                human.manager_id,
                sorted({name.split("/")[0] for name in human.accounts}),
                list(human.accounts),
            ]
            for human in day.people
        ),
    )
    fixed = ("directory", "id", "person_id", "status")
    _table(
        connection,
        f"{age}_accounts",
        {**dict.fromkeys(fixed, "varchar"), "active": "boolean"}
        | dict.fromkeys(columns, "varchar"),
        (
            [
                *account.name.split("/"),
                account.person,
                "ACTIVE" if account.active else "SUSPENDED",
                account.active,
                *(str(value) if (value := account.values.get(name)) else None for name in columns),
            ]
            for account in accounts
        ),
    )
    text = "varchar"
    _table(
        connection,
        f"{age}_groups",
        {"group_id": text, "name": text, "sources": "varchar[]"},
        ([group, name, day.sources.get(group, [group])] for group, name in day.groups.items()),
    )
    _table(
        connection,
        f"{age}_memberships",
        {"person_id": text, "group_id": text},
        day.memberships,
    )


def attribute_columns(day: Day) -> dict[str, str]:
    """The types of the attributes' columns: an attribute that a person has a list of is a list."""
    columns = dict.fromkeys(day.attributes, "varchar")
    for human in day.people:
        for name, value in human.values.items():
            columns[name] = "varchar[]" if isinstance(value, list) else columns.get(name, "varchar")
    return columns


def _table(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: Mapping[str, str],
    rows: Iterable[Iterable[object]],
) -> None:
    # As one JSON document: hundreds of people are one statement.
    written = json.dumps([dict(zip(columns, row, strict=True)) for row in rows])
    shapes = {column: ["varchar"] if "[]" in kind else kind for column, kind in columns.items()}
    connection.execute(
        f"create or replace table {name} as"
        f" select unnest(from_json(?, '{json.dumps([shapes])}'), max_depth := 2)",
        [written],
    )
