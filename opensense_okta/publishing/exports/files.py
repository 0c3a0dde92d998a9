"""Writes the published people as files for other programs: CSV, changes, and Parquet.

`people.csv`, `people.changes.csv` and `people.parquet` have the same columns and are in one folder.
`people.csv.sha256` has the checksums of the three, in the format of `sha256sum -c`. It is delivered
last: if it matches, all files are of the same day.
"""

import hashlib
from collections.abc import Mapping, Sequence, Set
from pathlib import Path

import duckdb
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression

from opensense_okta.config.attributes import OTHER_COLUMNS, STANDARD_ATTRIBUTES, attributes
from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.exports.state import DeliveredExport
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql


def headers_of(organization: Organization) -> dict[str, str]:
    """The columns in order, each with its header in the CSV; empty if nothing is exported.

    Raises:
        ExportFailed: the organization file has a column that does not exist.
    """
    settings = organization.publish.csv
    if settings is None:
        return {}
    known = [*dict.fromkeys([*STANDARD_ATTRIBUTES, *attributes(organization)])]
    columns = settings.columns or tuple(known)
    _refuse_unknown("columns", columns, [*known, *OTHER_COLUMNS])
    _refuse_unknown("locked", settings.locked, columns)
    _refuse_unknown("unlocked", settings.unlocked, columns)
    suffixes = dict.fromkeys(settings.locked, "-locked") | dict.fromkeys(
        settings.unlocked, "-unlocked"
    )
    return {column: column + suffixes.get(column, "") for column in columns}


def _refuse_unknown(key: str, named: Sequence[str], known: Sequence[str]) -> None:
    unknown = [name for name in named if name not in known]
    if unknown:
        raise ExportFailed(
            f"publish.csv.{key} names {', '.join(unknown)}, which the export does not have.",
            remedy=f"correct the organization's file; there are {', '.join(known)}.",
        )


def file_names(full: Path) -> dict[str, Path]:
    """All files of an export by kind, the CSV of all people first."""
    return {
        "people": full,
        "changes": full.with_name(f"{full.stem}.changes{full.suffix}"),
        "parquet": full.with_suffix(".parquet"),
        "checksums": full.with_name(f"{full.name}.sha256"),
    }


def write_files(
    lake: Lake,
    full: Path,
    headers: Mapping[str, str],
    people: Path,
    *,
    before: DeliveredExport | None,
    again: DeliveredExport | None,
) -> dict[str, tuple[Path, int]]:
    """Writes all files of the export; returns the path and the number of rows of each, by kind.

    Args:
        lake: has the people of earlier exports.
        full: the CSV of all people; the other files are beside it.
        headers: the header of each column.
        people: the day's resolved table.
        before: the last export of an earlier day; None: all people are new.
        again: the previous export of the same day, which this one replaces.

    Raises:
        ExportFailed: the files could not be made.
    """
    folder = full.parent
    _, changes, parquet, checksums = file_names(full).values()
    try:
        with engine.start(folder) as connection:
            sql = Sql(connection, __package__)
            _define_named(connection, headers)
            sql.run("cells.sql")
            engine.view(connection, "new_people", people)
            _texts(connection, "new_people", headers).create_view("new_texts")
            _known_texts(connection, "old", headers, people, before, lake)
            _known_texts(connection, "delivered", headers, people, again or before, lake)
            _rows(connection, headers).create_view("new_rows")
            files = {
                "changes": (
                    changes,
                    _copy(sql, "changes.sql", changes, again=again is not None),
                ),
                "parquet": (parquet, engine.store(connection, "new_rows", parquet)),
                "people": (full, _copy(sql, "people.sql", full)),
            }
        lines = [f"{sha256(file)}  {file.name}\n" for file in (full, changes, parquet)]
        checksums.write_text("".join(lines), encoding="utf-8")
    except (OSError, duckdb.IOException, engine.MemoryTooSmall) as error:
        raise ExportFailed(
            f"The export's files could not be made in {folder.parent} ({type(error).__name__}).",
            remedy="check that the disk has room there, and that OPENSENSE_MEMORY_LIMIT is not too small.",
            transient=True,
        ) from error
    return {**files, "checksums": (checksums, len(lines))}


def _copy(sql: Sql, statement: str, path: Path, *, again: bool = False) -> int:
    return sql.row(statement, int, path=str(path), again=again)


def _define_named(connection: duckdb.DuckDBPyConnection, headers: Mapping[str, str]) -> None:
    """Defines the macro that makes a struct of a list of cells; its fields have the names of the headers."""
    fields = (f'"{header}" := cells[{place}]' for place, header in enumerate(headers.values(), 1))
    connection.execute(f"create macro named(cells) as struct_pack({', '.join(fields)})")


def _known_texts(
    connection: duckdb.DuckDBPyConnection,
    which: str,
    headers: Mapping[str, str],
    people: Path,
    known: DeliveredExport | None,
    lake: Lake,
) -> None:
    """Makes the view of the previously exported texts; they are empty below a new header."""
    engine.view(connection, f"{which}_people", known.people(lake) if known else people)
    seen = set(known.headers) if known else set()
    texts = _texts(connection, f"{which}_people", headers, seen)
    (texts if known else texts.limit(0)).create_view(f"{which}_texts")


def _texts(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    headers: Mapping[str, str],
    seen: Set[str] | None = None,
) -> duckdb.DuckDBPyRelation:
    """The active people of a day: person_id, and a list with the texts of all columns.

    Args:
        connection: the connection that has the table.
        table: the name of the table of people.
        headers: the header of each column.
        seen: the headers whose texts are filled; the others are empty. None: all.
    """
    people = connection.table(table)
    types = dict(zip(people.columns, map(str, people.types), strict=True))
    texts = [
        _text(column, types if seen is None or header in seen else {})
        for column, header in headers.items()
    ]
    return people.filter("active").select(
        ColumnExpression("person_id"), FunctionExpression("list_value", *texts).alias("texts")
    )


def _text(column: str, types: Mapping[str, str]) -> Expression:
    if column not in types:  # the day was resolved before the attribute was declared
        return ConstantExpression(None).cast("varchar")
    value = ColumnExpression(column)
    if not types[column].endswith("[]"):
        return value.cast("varchar")
    of_structs = types[column].startswith("STRUCT")
    return FunctionExpression("accounts_text" if of_structs else "list_text", value)


def _rows(
    connection: duckdb.DuckDBPyConnection, headers: Mapping[str, str]
) -> duckdb.DuckDBPyRelation:
    """The active people of the day: the same columns under their own names, with their own types."""
    people = connection.table("new_people")
    columns = [
        ColumnExpression(column)
        if column in people.columns
        else ConstantExpression(None).cast("varchar").alias(column)
        for column in headers
    ]
    return people.filter("active").order("person_id").select(*columns)


def sha256(file: Path) -> str:
    """The checksum of a file, as `sha256sum` prints it."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
