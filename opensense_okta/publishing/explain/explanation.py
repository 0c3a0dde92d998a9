"""Explains a person's values, from the stored tables alone (invariant 7)."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
from duckdb import ConstantExpression, StarExpression
from pydantic import BaseModel, ConfigDict, Json

from opensense_okta.config.errors import UserError
from opensense_okta.publishing.explain.find_person import StoredDay, name_people, stored_day
from opensense_okta.publishing.history import DAY, read_days
from opensense_okta.publishing.published import published_days
from opensense_okta.resolution.resolve import TABLES
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
        since: the published day on which the value became as it is, or the first stored one; None:
            not known, because the day has not been compared with the published one.
        as_of: the day of the directory's data.
    """

    attribute: str
    value: Content
    directory: str
    account_id: str
    rule: str
    losing: tuple[Losing, ...]
    since: date | None
    as_of: date | None


class Account(_Part):
    """An account of a person."""

    directory: str
    id: str
    status: str | None
    active: bool


class Group(_Part):
    """A group of a person; `sources` are the groups of directories from which it was made."""

    group_id: str
    name: str | None
    directory: str
    id: str
    sources: tuple[str, ...]


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
    before_name: str | None
    after_name: str | None


class Conflict(_Part):
    """A conflict between directories about a person, with the evidence as in table `conflicts`."""

    kind: str
    attribute: str | None
    detail: Json[dict[str, object]]


class Explanation(_Part):
    """All that is known about one person on one day.

    Attributes:
        published: whether exactly these tables of the day have been published.
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
    accounts: tuple[Account, ...]
    groups: tuple[Group, ...]
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]
    stale: frozenset[str]


@dataclass(frozen=True)
class _Person:
    """The row of `explain.sql`; the values of `attributes` are texts, lists as JSON."""

    name: str | None
    active: bool
    manager: str | None
    manager_id: str | None
    attributes: tuple[Value, ...]
    accounts: tuple[Account, ...]
    groups: tuple[Group, ...]
    changes: tuple[Change, ...]
    conflicts: tuple[Conflict, ...]


class PersonMissing(UserError):
    """Nobody has the person id on that day."""


def explain(lake: Lake, day: StoredDay, person_id: str) -> Explanation:
    """Explains a person of the day.

    Raises:
        PersonMissing: nobody has the id on that day.
    """
    judged = day.table(lake, "changes").exists()
    with engine.start(lake.scratch) as connection:
        first_day = _view(connection, lake, day)
        people = Sql(connection, __package__).rows(
            "explain.sql",
            _Person,
            person_id=person_id,
            first_day=str(first_day) if judged else None,
        )
        if not people:
            raise PersonMissing(
                f"Nobody has the person id {person_id} on {day.day}.",
                remedy="search for the person by another text, or look at another day.",
            )
        (person,) = people
        spoken = _spoken(connection)
    return Explanation(
        day=day.day,
        published=day.published,
        person_id=person_id,
        name=person.name,
        active=person.active,
        manager=person.manager,
        manager_id=person.manager_id,
        values=tuple(_typed(value) for value in person.attributes),
        silent=_silent(spoken, {value.attribute for value in person.attributes}),
        accounts=person.accounts,
        groups=person.groups,
        changes=person.changes,
        conflicts=person.conflicts,
        stale=frozenset(name for name, source in day.resolved.sources.items() if source.stale),
    )


def _view(connection: duckdb.DuckDBPyConnection, lake: Lake, day: StoredDay) -> date:
    """Makes the views of `explain.sql`; returns the first day whose changes are stored."""
    for table in TABLES:
        engine.view(connection, table, day.table(lake, table))
    name_people(
        connection,
        connection.table("people").select(StarExpression(), ConstantExpression(day.day).alias(DAY)),
    )
    files = _changes(lake, day)
    if files:
        read_days(connection, files).create_view("changes_of_days")
    else:
        Sql(connection, __package__).run("no_changes.sql")
    return min(files, default=day.day)


def _changes(lake: Lake, day: StoredDay) -> dict[date, Path]:
    """The files of the changes of each published day before this one, and of this day, published or not."""
    stored = [stored_day(lake, earlier) for earlier in published_days(lake) if earlier < day.day]
    days = [*(earlier for earlier in stored if earlier and earlier.published), day]
    files = {resolved.day: resolved.table(lake, "changes") for resolved in days}
    return {of: path for of, path in files.items() if is_stored(path)}


def _spoken(connection: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    """The values of the person's accounts, one mapping per account."""
    accounts = connection.table("person_accounts").select(
        StarExpression(exclude=["person_id", "id", "status", "active"])
    )
    return [dict(zip(accounts.columns, row, strict=True)) for row in accounts.fetchall()]


def _silent(
    spoken: Sequence[Mapping[str, object]], filled: set[str]
) -> dict[str, tuple[Losing, ...]]:
    silent: dict[str, tuple[Losing, ...]] = {}
    for account in spoken:
        for attribute, value in account.items():
            if attribute not in filled | {"directory"} and value:
                losing = Losing.model_validate({"directory": account["directory"], "value": value})
                silent[attribute] = (*silent.get(attribute, ()), losing)
    return silent


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
