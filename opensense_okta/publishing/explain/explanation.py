"""Explains a person's values, from the stored tables alone (invariant 7)."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
from pydantic import BaseModel, ConfigDict, Json

from opensense_okta.config.errors import UserError
from opensense_okta.publishing.explain.find_person import StoredDay, stored_day
from opensense_okta.publishing.explain.nested_groups import load_nested_groups
from opensense_okta.publishing.history import read_days
from opensense_okta.publishing.published import published_days
from opensense_okta.resolution.resolve import TABLES, UNUSED_DATES
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import is_stored
from opensense_okta.storage.sql import Sql

Content = bool | str | list[str]
"""A value: `active` is a boolean, a value united from several is a list, all others are texts."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Losing(_Part):
    """A value that was not selected."""

    directory: str
    value: Content


class Value(_Part):
    """A filled value of a person, and where it comes from.

    Attributes:
        as_of: the day of the directory's data.
        since: the published day on which the value became as it is, or the first stored one; None:
            not known, because the day has not been compared with the published one.
    """

    attribute: str
    value: Content
    directory: str
    account_id: str
    rule: str
    losing: tuple[Losing, ...]
    as_of: date | None
    since: date | None = None


class Account(_Part):
    """An account of a person."""

    directory: str
    id: str
    status: str | None
    active: bool


class Group(_Part):
    """A group of a person.

    Attributes:
        sources: the groups of directories from which it was made.
        direct: whether a directory lists the person in the group itself.
        through: the names of the groups between it and the person, the outer ones first; empty: none, or
            the snapshot with the groups in groups is no longer stored.
    """

    group_id: str
    name: str | None
    directory: str
    id: str
    sources: tuple[str, ...]
    direct: bool
    through: tuple[str, ...]

    @property
    def way(self) -> str:
        """How the person is in the group, in words: `through Staff > Engineering`; empty if directly."""
        if self.through:
            return f"through {' > '.join(self.through)}"
        return "" if self.direct else "through a group in it; which one is not known any more"


class Change(_Part):
    """A change of a person on a published day, as in table `changes`.

    Attributes:
        before_name, after_name: the names of the person or group, if `before` and `after` are ids.
    """

    day: date
    change: str
    attribute: str | None
    before: str | None
    after: str | None
    before_name: str | None = None
    after_name: str | None = None


class Conflict(_Part):
    """A conflict between directories about a person, with the evidence as in table `conflicts`."""

    kind: str
    attribute: str | None
    detail: Json[dict[str, object]]


class UnusedDate(_Part):
    """A date of an account that counts as none."""

    attribute: str
    directory: str
    text: str
    is_placeholder: bool


class Explanation(_Part):
    """All that is known about one person on one day.

    Attributes:
        published: whether exactly these tables of the day have been published.
        unused_dates: placeholders, and texts that cannot be read as a date.
        silent: attributes that a rule leaves empty although accounts have a value; with these values.
        changes: newest first.
        stale: the directories whose data was too old on that day.
    """

    day: date
    published: bool
    person_id: str
    name: str | None
    active: bool
    manager: str | None
    manager_id: str | None
    values: tuple[Value, ...]
    silent: dict[str, tuple[Losing, ...]]
    unused_dates: tuple[UnusedDate, ...]
    accounts: tuple[Account, ...]
    groups: tuple[Group, ...]
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    stale: frozenset[str]


@dataclass(frozen=True)
class _Person:
    """A row of `person.sql`."""

    person_id: str
    name: str | None
    active: bool
    manager_id: str | None


class PersonMissing(UserError):
    """Nobody has the person id on that day."""


@dataclass(frozen=True)
class _Viewed:
    """A stored day as `_explain` needs it.

    Attributes:
        columns: of `people`, in their order.
        first_day: the first day whose changes are stored; None: the day has not been compared.
    """

    day: StoredDay
    columns: Sequence[str]
    first_day: date | None


def explain(lake: Lake, day: StoredDay, person_id: str) -> Explanation:
    """Explains a person of the day.

    Raises:
        PersonMissing: nobody has the id on that day.
    """
    with engine.start(lake.scratch) as connection:
        viewed = _view(connection, lake, day, numbered=False)
        Sql(connection, __package__).run("of_person.sql", person_id=person_id, named=[])
        return _explain(connection, viewed, person_id)


@dataclass(frozen=True)
class RowIndex:
    """Which rows of the files each person of a day has, in memory: a look reads parts of the files only.

    Attributes:
        viewed: the day.
        database: that has the numbers of the rows; see `index_rows`.
    """

    viewed: _Viewed
    database: duckdb.DuckDBPyConnection

    def explain(self, person_id: str) -> Explanation:
        """Explains a person, as the function `explain` does.

        Raises:
            PersonMissing: nobody has the id on that day.
        """
        with engine.work_on(self.database) as connection:
            return _explain(connection, self.viewed, person_id)


def index_rows(lake: Lake, day: StoredDay) -> RowIndex:
    """Finds out which rows each person of a day has; the caller closes the database.

    Of 100,000 people with 25 values each it has 30 MB, and takes a third of a second of CPU.
    """
    with engine.keep() as database:
        viewed = _view(database, lake, day, numbered=True)
        Sql(database, __package__).run("of_person_by_row.sql", person_id="", named=[])
    return RowIndex(viewed, database)


def _view(
    connection: duckdb.DuckDBPyConnection, lake: Lake, day: StoredDay, *, numbered: bool
) -> _Viewed:
    """Makes the macros, and the views of the day and of its changes."""
    for table in TABLES:
        of_people = numbered and table != "groups"
        engine.view(connection, table, day.table(lake, table), numbered=of_people)
    load_nested_groups(connection, lake, day)
    unused = day.table(lake, UNUSED_DATES)
    Sql(connection, __package__).run("no_unused_dates.sql")
    if is_stored(unused):
        engine.view(connection, UNUSED_DATES, unused)
    changes = _changes(lake, day)
    sql = Sql(connection, __package__)
    sql.run("macros.sql")
    if changes:
        read_days(connection, changes).create_view("changes_of_days")
    else:
        sql.run("no_changes.sql")
    first_day = min(changes) if day.day in changes else None
    return _Viewed(day, connection.table("people").columns, first_day)


def _explain(connection: duckdb.DuckDBPyConnection, viewed: _Viewed, person_id: str) -> Explanation:
    """Explains a person, on a connection that has the views of `of_person.sql`.

    Raises:
        PersonMissing: nobody has the id on that day.
    """
    sql, day = Sql(connection, __package__), viewed.day
    known = {row.person_id: row for row in sql.rows("person.sql", _Person, person_id=person_id)}
    person = known.get(person_id)
    if person is None:
        raise PersonMissing(
            f"Nobody has the person id {person_id} on {day.day}.",
            remedy="search for the person by another text, or look at another day.",
        )
    changes = sql.rows("changes.sql", Change)
    values = [
        _typed(value) for value in sql.rows("values.sql", Value, columns=list(viewed.columns))
    ]
    accounts, silent = _accounts(sql, {value.attribute for value in values})
    manager = known.get(person.manager_id or "")
    return Explanation(
        day=day.day,
        published=day.published,
        person_id=person_id,
        name=person.name,
        active=person.active,
        manager=manager.name if manager else None,
        manager_id=person.manager_id,
        values=tuple(_dated(values, changes, person_id, viewed.first_day)),
        silent=silent,
        unused_dates=tuple(sql.rows("unused_dates.sql", UnusedDate, person_id=person_id)),
        accounts=accounts,
        groups=tuple(sql.rows("groups.sql", Group)),
        changes=tuple(_named(sql, changes)),
        conflicts=tuple(sql.rows("conflicts.sql", Conflict)),
        stale=frozenset(name for name, source in day.resolved.sources.items() if source.stale),
    )


def _named(sql: Sql, changes: Sequence[Change]) -> Iterator[Change]:
    """The changes with the names of the people and groups that they mention."""
    named = {text for change in changes for text in (change.before, change.after) if text}
    names: dict[str, str | None] = {}
    if named:
        names = dict(sql.rows("names.sql", tuple[str, str | None], named=sorted(named)))
    for change in changes:
        before_name, after_name = names.get(change.before or ""), names.get(change.after or "")
        yield change.model_copy(update={"before_name": before_name, "after_name": after_name})


def _changes(lake: Lake, day: StoredDay) -> dict[date, Path]:
    """The files of the changes of each published day before this one, and of this day, published or not."""
    stored = [stored_day(lake, earlier) for earlier in published_days(lake) if earlier < day.day]
    days = [*(earlier for earlier in stored if earlier and earlier.published), day]
    files = {resolved.day: resolved.table(lake, "changes") for resolved in days}
    return {of: path for of, path in files.items() if is_stored(path)}


def _dated(
    values: Sequence[Value], changes: Sequence[Change], person_id: str, first_day: date | None
) -> Sequence[Value]:
    """The values with the day on which each became as it is."""
    if first_day is None:
        return values
    began = max(
        (
            change.day
            for change in changes
            if (change.change == "added" and change.attribute is None)
            or (change.change == "split" and change.after == person_id)
        ),
        default=first_day,
    )
    newest = {
        change.attribute: change.day for change in reversed(changes) if change.change == "changed"
    }
    return [
        value.model_copy(update={"since": max(began, newest.get(value.attribute, began))})
        for value in values
    ]


def _accounts(
    sql: Sql, filled: set[str]
) -> tuple[tuple[Account, ...], dict[str, tuple[Losing, ...]]]:
    """The person's accounts, and the values that they have of other attributes than the filled ones."""
    shown = set(Account.model_fields)
    left_out = ["person_id", *sorted(filled - shown)]
    rows = sql.rows("accounts.sql", dict[str, Any], left_out=left_out)
    silent: dict[str, tuple[Losing, ...]] = {}
    for row in rows:
        for attribute, value in row.items():
            if attribute not in shown and value:
                losing = Losing.model_validate({"directory": row["directory"], "value": value})
                silent[attribute] = (*silent.get(attribute, ()), losing)
    return tuple(map(Account.model_validate, rows)), silent


def _typed(value: Value) -> Value:
    """The value with its type; the table stores all values as texts."""
    if value.rule == "union":
        return value.model_copy(update={"value": json.loads(str(value.value))})
    if value.attribute == "active":
        losing = tuple(
            lost.model_copy(update={"value": lost.value == "true"}) for lost in value.losing
        )
        return value.model_copy(update={"value": value.value == "true", "losing": losing})
    return value
