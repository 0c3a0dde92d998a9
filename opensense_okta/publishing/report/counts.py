"""The counts that the report shows: of people, accounts and conflicts, without names of people."""

from dataclasses import dataclass

from opensense_okta.storage.sql import Sql

DEPARTMENTS = 15  # with a row of their own
COMBINATIONS = 12  # of directories, with a row of their own


@dataclass(frozen=True)
class PeopleCount:
    """People of the day; `linked` are active and have accounts in several directories."""

    people: int
    active: int
    inactive: int
    linked: int
    in_conflict: int


@dataclass(frozen=True)
class DepartmentCount:
    """Active people of a department.

    Attributes:
        department: None: no department, or the rest.
        departments: the number of departments in the row.
        rest: whether the row is the departments that have no row of their own.
    """

    department: str | None
    departments: int
    people: int
    rest: bool


@dataclass(frozen=True)
class CombinationCount:
    """Active people by the directories that they have accounts in; None: the remaining combinations."""

    directories: list[str] | None
    people: int


@dataclass(frozen=True)
class AccountCount:
    """Accounts of a directory."""

    directory: str
    active: int
    inactive: int


@dataclass(frozen=True)
class ConflictCount:
    """People in conflict, by kind and attribute."""

    kind: str
    attribute: str | None
    people: int


@dataclass(frozen=True)
class AttributeCount:
    """Active people who have a value of the attribute."""

    attribute: str
    people: int


@dataclass(frozen=True)
class Counts:
    """All counts of a day."""

    people: PeopleCount
    departments: list[DepartmentCount]
    combinations: list[CombinationCount]
    accounts: list[AccountCount]
    conflicts: list[ConflictCount]
    completeness: list[AttributeCount]


def count_day(sql: Sql) -> Counts:
    """Counts a day whose tables `people`, `accounts` and `conflicts` are on the connection."""
    return Counts(
        people=sql.row("people.sql", PeopleCount),
        departments=sql.rows("departments.sql", DepartmentCount, most=DEPARTMENTS),
        combinations=sql.rows("directories.sql", CombinationCount, most=COMBINATIONS),
        accounts=sql.rows("accounts.sql", AccountCount),
        conflicts=sql.rows("conflicts.sql", ConflictCount),
        completeness=sql.rows("completeness.sql", AttributeCount),
    )
