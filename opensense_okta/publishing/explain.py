"""Why a person's values are what they are: looked up in the stored tables alone (invariant 7)."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
from duckdb import ColumnExpression, ConstantExpression, StarExpression
from pydantic import BaseModel, ConfigDict

from opensense_okta.publishing.find_person import StoredDay, name_people, stored_day
from opensense_okta.publishing.history import read_days
from opensense_okta.publishing.published import published_days
from opensense_okta.resolution.resolve import TABLES
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake

Content = bool | str | list[str]
"""A value: `active` is true or false, what was united of several is a list, all others are texts."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Losing(_Part):
    """A value that did not win."""

    directory: str
    value: Content


class Value(_Part):
    """A filled value of a person, and why it is so.

    Attributes:
        since: the published day on which it came to be so, or the first one that is stored; None:
            not known, as the day has not been compared with the published one.
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
    """A group that a person is in; `sources` are the directories' groups that it was made of."""

    group_id: str
    name: str | None
    directory: str
    id: str
    sources: tuple[str, ...]


class Change(_Part):
    """What changed of a person on a published day, as in table `changes`.

    Attributes:
        before_name, after_name: of the person or group whose ids they are.
    """

    day: date
    change: str
    attribute: str | None
    before: str | None
    after: str | None
    before_name: str | None
    after_name: str | None


class Conflict(_Part):
    """Where directories disagree about a person, with the evidence as in table `conflicts`."""

    kind: str
    attribute: str | None
    detail: dict[str, object]


class Explanation(_Part):
    """All that is known of one person on one day.

    Attributes:
        published: whether the day's tables, as explained, have been published.
        silent: attributes without a value although accounts have one, because a rule says so.
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


def explain(lake: Lake, day: StoredDay, person_id: str) -> Explanation:
    """Everything about a person who is there on the day."""
    judged = day.table(lake, "changes").exists()
    with engine.start(lake.folder) as connection:
        first_day = _view(connection, lake, day)
        (row,) = engine.run(
            connection,
            __package__,
            "explain.sql",
            person_id=person_id,
            first_day=str(first_day) if judged else None,
        )
        spoken = _spoken(connection, person_id)
    values = [_typed(value) for value in _list(row.pop("attributes"))]
    conflicts = [
        one | {"detail": json.loads(str(one["detail"]))} for one in _list(row.pop("conflicts"))
    ]
    return Explanation.model_validate(
        {
            **row,
            "day": day.day,
            "published": day.published,
            "person_id": person_id,
            "values": values,
            "silent": _silent(spoken, {value["attribute"] for value in values}),
            "conflicts": conflicts,
            "stale": {name for name, one in day.resolved.sources.items() if one.stale},
        }
    )


def _view(connection: duckdb.DuckDBPyConnection, lake: Lake, day: StoredDay) -> date:
    """Makes the views of `explain.sql`; returns the first day of which changes are stored."""
    for table in TABLES:
        engine.view(connection, table, day.table(lake, table))
    name_people(connection, read_days(connection, {day.day: day.table(lake, "people")}))
    files = _changes(lake, day)
    if files:
        read_days(connection, files).create_view("changes_of_days")
    else:
        engine.run(connection, __package__, "explain_no_changes.sql")
    return min(files, default=day.day)


def _changes(lake: Lake, day: StoredDay) -> dict[date, Path]:
    """What changed on each published day up to this one, and on this one even if it is not published."""
    stored = [stored_day(lake, earlier) for earlier in published_days(lake) if earlier < day.day]
    days = [*(one for one in stored if one and one.published), day]
    files = {one.day: one.table(lake, "changes") for one in days}
    return {of: path for of, path in files.items() if path.exists()}


def _spoken(connection: duckdb.DuckDBPyConnection, person_id: str) -> list[dict[str, object]]:
    """What the person's accounts say."""
    accounts = (
        connection.table("accounts")
        .filter(ColumnExpression("person_id") == ConstantExpression(person_id))
        .select(StarExpression(exclude=["person_id", "id", "status", "active"]))
    )
    return [dict(zip(accounts.columns, row, strict=True)) for row in accounts.fetchall()]


def _silent(
    spoken: Sequence[Mapping[str, object]], filled: set[object]
) -> dict[str, list[dict[str, object]]]:
    silent: dict[str, list[dict[str, object]]] = {}
    for account in spoken:
        for attribute, value in account.items():
            if attribute not in filled | {"directory"} and value:
                said = {"directory": account["directory"], "value": value}
                silent.setdefault(attribute, []).append(said)
    return silent


def _typed(value: dict[str, object]) -> dict[str, object]:
    """The value as what it is; the table keeps all as texts."""
    if value["rule"] == "union":
        return value | {"value": json.loads(str(value["value"]))}
    if value["attribute"] == "active":
        losing = [one | {"value": one["value"] == "true"} for one in _list(value["losing"])]
        return value | {"value": value["value"] == "true", "losing": losing}
    return value


def _list(rows: object) -> list[dict[str, object]]:
    return list(rows) if isinstance(rows, list) else []
