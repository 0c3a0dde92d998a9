"""The history of all people on the stored published days (slowly changing dimension, type 2).

If a day is published again or deleted by retention, the history is that of the days as they are now.
`history_file.py` stores it.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import duckdb
from duckdb import (
    CaseExpression,
    ColumnExpression,
    ConstantExpression,
    Expression,
    FunctionExpression,
)

from opensense_okta.publishing import history_file
from opensense_okta.publishing.history_file import HistoryFile
from opensense_okta.publishing.published import (
    PublishedRef,
    mark_name,
    published,
    published_days,
)
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.engine import TableDamaged, is_readable
from opensense_okta.storage.lake import RESOLVED, Lake
from opensense_okta.storage.partition import at_once, is_stored
from opensense_okta.storage.sql import Sql
from opensense_okta.storage.state_files import usable_state

DAY = "_day"  # the name of an attribute never begins with an underscore
FILE = "_file"

_log = logging.getLogger(__name__)


def fill(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    now: ResolvedManifest | None = None,
    into: Path | None = None,
) -> None:
    """Makes the view `new_people_history`: one row per period in which nothing of a person changed.

    A day whose people cannot be read is left out, with a warning in the log.

    The view has the columns of `people` and two more. An attribute that a day did not have is NULL on that
    day. If an attribute was a list on some days only, the newest day decides the type.

    - `valid_from`: the published day on which the period began;
    - `valid_to`: the first published day after the period, whatever ended it; NULL: it still lasts.

    So a row is valid on day D if `valid_from <= D and (valid_to > D or valid_to is null)`. A day without
    a publication has the state of the last published day before it. The rows whose `valid_to` is NULL
    are those of `people`. The time before the first stored day is not known: all periods begin on that
    day or later.

    Args:
        connection: the connection on which the view is made.
        lake: the lake of the organization.
        now: the day that will be published next. The history ends with it; None: with the published
            day.
        into: a new local file, in which the history is written unless it is stored already. While the
            view is used it must stay there. None: the view is made without a file.
    """
    days = _folders(lake, now)
    stored = history_file.stored_history(connection, lake)
    if not days or stored is None or not _continued(connection, lake, stored, days, into):
        _from_days(connection, lake, days, into)


def _continued(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    stored: HistoryFile,
    days: Mapping[date, str],
    into: Path | None,
) -> bool:
    """Makes the view from the stored history, with the newest day appended; False: it does not fit."""
    day = max(days)
    before = {earlier: of for earlier, of in days.items() if earlier < day}
    complete = stored.has(days) and is_readable(connection, stored.path)
    if not complete and (into is None or not stored.has(before)):
        return False
    try:
        kept = days if complete else before
        engine.view(connection, "next_people", _people(lake, day, days))
        history_file.cut(connection, stored, kept, _columns(connection, lake, stored, kept))
        if not complete and into is not None:
            last = max(before)
            engine.view(connection, "last_people", _people(lake, last, days))
            if not history_file.fits(connection):
                return False
            history_file.append(connection, day, days, into)
            engine.view(connection, "kept_history", into)
    except duckdb.Error:  # a file is damaged
        return False
    Sql(connection, __package__).run("history_view.sql")
    return True


def _columns(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    stored: HistoryFile,
    days: Mapping[date, str],
) -> set[str] | None:
    """The columns that people had on these days; None: the stored history has no other days."""
    if days.keys() == stored.days.keys():
        return None
    newest = set(connection.table("next_people").columns)
    history = set(connection.read_parquet(str(stored.path)).columns)
    if history <= newest.union(history_file.PERIOD):
        return None
    files = [path for day in days if is_stored(path := _people(lake, day, days))]
    kinds = (connection.read_parquet(alike[0]) for alike in _alike(connection, files))
    return newest.union(*(kind.columns for kind in kinds))


def _people(lake: Lake, day: date, days: Mapping[date, str]) -> Path:
    return PublishedRef(day=day, id=days[day]).table(lake, "people")


def _from_days(
    connection: duckdb.DuckDBPyConnection,
    lake: Lake,
    days: Mapping[date, str],
    into: Path | None,
) -> None:
    """Makes the view from the people of all days."""
    files = {day: path for day in days if is_stored(path := _people(lake, day, days))}
    if not files:
        Sql(connection, __package__).run("people_history_none.sql")
        return
    try:
        _make_history(connection, files, days, into)
    except duckdb.Error:
        readable = _without_damaged(connection, files)
        if len(readable) == len(files):
            raise
        _make_history(connection, readable, days, into)


def _make_history(
    connection: duckdb.DuckDBPyConnection,
    files: Mapping[date, Path],
    days: Mapping[date, str],
    into: Path | None,
) -> None:
    read_days(connection, files).create_view("people_of_days", replace=True)
    sql = Sql(connection, __package__)
    sql.run("people_history.sql", days=[str(day) for day in files])
    engine.view(connection, "next_people", files[max(files)])
    if into is None:
        connection.execute("create or replace view kept_history as from history_rows")
    else:
        history_file.write(connection, {day: days[day] for day in files}, into)
        engine.view(connection, "kept_history", into)
    sql.run("history_view.sql")


def _without_damaged(
    connection: duckdb.DuckDBPyConnection, files: Mapping[date, Path]
) -> dict[date, Path]:
    """The files that can be read. An old day that cannot harms no other: it is as if it were not published.

    The newest day stays in any case: without it the history would end too early.
    """
    newest, readable = max(files), {}
    for day, path in files.items():
        if day == newest or is_readable(connection, path):
            readable[day] = path
        else:
            _log.warning("%s The history has no period that begins on %s.", TableDamaged(path), day)
    return readable


def read_days(
    connection: duckdb.DuckDBPyConnection, files: Mapping[date, Path]
) -> duckdb.DuckDBPyRelation:
    """Reads one table of several days as one relation, with the day in column `_day`.

    Columns are matched by name: a column that a file does not have is NULL. The newest day decides the types.

    Args:
        connection: the connection to read with.
        files: the file of each day; at least one.
    """
    kinds = [
        connection.sql(
            f"from read_parquet({_literal(alike)}, filename = '{FILE}', hive_partitioning = false)"
        )
        for alike in _alike(connection, [files[day] for day in sorted(files, reverse=True)])
    ]
    types: dict[str, str] = {}
    for kind in kinds:
        for column, column_type in zip(kind.columns, map(str, kind.types), strict=True):
            types.setdefault(column, column_type)
    del types[FILE]
    day = FunctionExpression(
        "regexp_extract",
        ColumnExpression(FILE),
        ConstantExpression(r"date=([-\d]+)/[^/]+/[^/]+$"),
        ConstantExpression(1),
    )
    whole, *others = (
        kind.select(
            day.cast(duckdb.sqltype("DATE")).alias(DAY),
            *(_unified(kind, column, wanted).alias(column) for column, wanted in types.items()),
        )
        for kind in kinds
    )
    for other in others:
        whole = whole.union(other)
    return whole


def _folders(lake: Lake, now: ResolvedManifest | None) -> dict[date, str]:
    """The id of the published tables of each day of the history."""
    last = published(lake)
    end = now or last
    if end is None:
        return {}
    listed = lake.listed(RESOLVED)
    earlier = [day for day in published_days(listed) if day < end.day]
    # Only the ids: a tenth of the time that whole marks take.
    marks = at_once(
        lake.store,
        lambda day: usable_state(listed.store, mark_name(listed, day), PublishedRef),
        earlier,
    )
    known = {
        mark.day: mark.id
        for day, mark in zip(earlier, marks, strict=True)
        if mark and mark.day == day
    }
    return {**known, end.day: end.id}


def _alike(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> list[list[str]]:
    """Groups the files by columns and types; the order stays."""
    schemas: dict[str, set[object]] = {}
    described = connection.sql(
        f"select file_name, name, type, num_children from parquet_schema({_literal(paths)})"  # noqa: S608 - the lake's own paths, quoted
    )
    for path, *column in described.fetchall():
        schemas.setdefault(path, set()).add(tuple(column))
    groups: dict[frozenset[object], list[str]] = {}
    for path in map(str, paths):
        groups.setdefault(frozenset(schemas[path]), []).append(path)
    return list(groups.values())


def _unified(kind: duckdb.DuckDBPyRelation, column: str, wanted: str) -> Expression:
    if column not in kind.columns:
        return ConstantExpression(None).cast(duckdb.sqltype(wanted))
    value = ColumnExpression(column)
    found = str(kind.types[kind.columns.index(column)])
    if found == wanted:
        return value
    if wanted.endswith("[]"):
        listed = FunctionExpression("list_value", value.cast(duckdb.sqltype("VARCHAR")))
        return CaseExpression(value.isnotnull(), listed).cast(duckdb.sqltype(wanted))
    if found.endswith("[]"):
        return FunctionExpression("to_json", value).cast(duckdb.sqltype(wanted))
    return value.cast(duckdb.sqltype(wanted))


def _literal(paths: Sequence[Path] | Sequence[str]) -> str:
    quoted = ("'" + str(path).replace("'", "''") + "'" for path in paths)
    return f"[{', '.join(quoted)}]"
