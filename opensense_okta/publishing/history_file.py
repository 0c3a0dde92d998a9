"""The stored history, so that publishing a day does not read all earlier days again.

`people_history.parquet` has the periods that have ended, with their values, and of those that last only
`person_id` and `valid_from`: their values are the people of the newest day. It names the days that it was
made from, and the ids of their tables. If they are still those days it is cut to them, and the new day is
appended; else it is made again from the stored days. It is never taken from the published database.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb
from duckdb import StarExpression
from pydantic import TypeAdapter, ValidationError

from opensense_okta.storage import engine
from opensense_okta.storage.lake import HISTORY, Lake
from opensense_okta.storage.sql import Sql

PERIOD = ("valid_from", "valid_to")
"""The columns that people do not have."""

DAYS = "days"
"""The key of the Parquet file's metadata under which its days are."""

DAYS_OF_FILE = TypeAdapter(list[tuple[date, str]])
"""Each day, and the id of its tables."""


@dataclass(frozen=True)
class HistoryFile:
    """A stored history.

    Attributes:
        path: the local file.
        days: the id of the tables of each day that it was made from, oldest first.
    """

    path: Path
    days: Mapping[date, str]

    def has(self, wanted: Mapping[date, str]) -> bool:
        """Whether it was made from these days, and from no day between them."""
        if not wanted:
            return False
        first, last = min(wanted), max(wanted)
        return {day: of for day, of in self.days.items() if first <= day <= last} == dict(wanted)


def stored_history(connection: duckdb.DuckDBPyConnection, lake: Lake) -> HistoryFile | None:
    """The stored history; None: there is none, or it is damaged."""
    path = lake.store.fetch(HISTORY)
    if path is None:
        return None
    try:
        rows = connection.execute(
            "select decode(value) from parquet_kv_metadata($path) where decode(key) = $key",
            {"path": str(path), "key": DAYS},
        ).fetchall()
    except duckdb.Error:
        return None
    try:
        return HistoryFile(path, dict(DAYS_OF_FILE.validate_json(rows[0][0]))) if rows else None
    except ValidationError:
        return None


def cut(
    connection: duckdb.DuckDBPyConnection,
    history: HistoryFile,
    wanted: Mapping[date, str],
    columns: Iterable[str] | None,
) -> None:
    """Makes the view `kept_history`: the history as if it had been made from some of its days alone.

    Args:
        connection: on which the view is made.
        history: the stored one, which has the days.
        wanted: the days; at least one, and none is left out between them.
        columns: that people had on these days; None: all columns of the history.
    """
    stored = connection.read_parquet(str(history.path))
    known = stored.columns if columns is None else [*columns, *PERIOD]
    unknown = [name for name in stored.columns if name not in known]
    stored.select(StarExpression(exclude=unknown)).create_view("known_history")
    days = {"first_day": str(min(wanted)), "last_day": str(max(wanted))}
    Sql(connection, __package__).run("cut_history.sql", **days)


def fits(connection: duckdb.DuckDBPyConnection) -> bool:
    """Whether the columns of the next day have the types that they have in `kept_history`."""
    kept, following = (
        dict(zip(table.columns, table.types, strict=True))
        for table in map(connection.table, ("kept_history", "next_people"))
    )
    return all(kept.get(name, of) == of for name, of in following.items())


def append(
    connection: duckdb.DuckDBPyConnection, day: date, days: Mapping[date, str], into: Path
) -> None:
    """Writes `kept_history` and the day `next_people` to a file; `last_people` are of the day before."""
    Sql(connection, __package__).run("append_history.sql", day=str(day))
    write(connection, days, into)


def write(connection: duckdb.DuckDBPyConnection, days: Mapping[date, str], into: Path) -> None:
    """Writes the view `history_rows` to a file, with the days that it was made from."""
    made_from = DAYS_OF_FILE.dump_json(sorted(days.items())).decode()
    connection.execute(
        f"copy (from history_rows) to $into (format parquet, {engine.COMPRESSION},"
        f" row_group_size {engine.ROWS_PER_GROUP}, kv_metadata {{{DAYS}: '{made_from}'}})",
        {"into": str(into)},
    )
