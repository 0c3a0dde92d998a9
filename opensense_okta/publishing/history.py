"""Who everybody was on every published day that is stored: slowly changing rows, and days read as one.

Built from the stored days alone, so that a day that was published again, or let go by retention,
changes the history as if it had always been so.
"""

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

from opensense_okta.publishing.published import (
    PublishedRef,
    published,
    published_days,
    read_publication,
)
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake

DAY = "_day"  # no attribute's name begins with an underscore
FILE = "_file"


def fill(
    connection: duckdb.DuckDBPyConnection, lake: Lake, now: ResolvedManifest | None = None
) -> None:
    """Makes the view `new_people_history`: one row per period in which nothing of a person changed.

    Its columns are those of `people` (an attribute that a day did not have is NULL then; of an
    attribute that was a list on some days only, the newest day decides the type), and

    - `valid_from`: the published day on which the period began;
    - `valid_to`: the first published day on which it was over, for whatever reason; NULL: still so.

    So a row holds on D when `valid_from <= D and (valid_to > D or valid_to is null)`, and who was how
    on a day without a publication is who was so on the last one before it. The rows whose `valid_to`
    is NULL are those of `people`. Periods before the first day that is stored are not known: everybody
    begins there.

    Args:
        connection: on which the view is to be.
        lake: of the organization.
        now: the day that is about to be published. History ends with it; without it, with the day
            that is published.
    """
    files = {
        day: PublishedRef(day=day, id=folder).table(lake, "people")
        for day, folder in _folders(lake, now).items()
    }
    files = {day: path for day, path in files.items() if path.exists()}
    if not files:
        engine.run(connection, __package__, "people_history_none.sql")
        return
    read_days(connection, files).create_view("people_of_days", replace=True)
    engine.run(connection, __package__, "people_history.sql", days=[str(day) for day in files])


def read_days(
    connection: duckdb.DuckDBPyConnection, files: Mapping[date, Path]
) -> duckdb.DuckDBPyRelation:
    """One table of several days as one relation, with the day in column `_day`.

    Columns unify by name: what a file does not have is NULL; types are the newest day's.

    Args:
        connection: to read with.
        files: of each day; at least one.
    """
    kinds = [
        connection.sql(
            f"from read_parquet({_literal(alike)}, filename = '{FILE}', hive_partitioning = false)"
        )
        for alike in _alike(connection, [files[day] for day in sorted(files, reverse=True)])
    ]
    types: dict[str, str] = {}
    for kind in kinds:
        for column, found in zip(kind.columns, map(str, kind.types), strict=True):
            types.setdefault(column, found)
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
    marks = (read_publication(lake, day) for day in published_days(lake) if day < end.day)
    return {publication.day: publication.id for publication in marks if publication} | {
        end.day: end.id
    }


def _alike(connection: duckdb.DuckDBPyConnection, paths: Sequence[Path]) -> list[list[str]]:
    """The files in groups of the same columns and types, in their order."""
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
