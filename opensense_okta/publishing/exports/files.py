"""Writes the published people as files for other programs: CSV, changes, and Parquet.

`people.csv`, `people.changes.csv` and `people.parquet` have the same columns and are in one folder.
`people.csv.sha256` has the checksums of the three, in the format of `sha256sum -c`. It is delivered
last: if it matches, all files are of the same day.
"""

import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

import duckdb

from opensense_okta.publishing.exports.columns import active_people, texts, values
from opensense_okta.publishing.exports.errors import making_files
from opensense_okta.publishing.exports.state import DeliveredExport
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql


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
    memberships: Path | None,
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
        memberships: the exported memberships, if they are exported.
        before: the last export of an earlier day; None: all people are new.
        again: the previous export of the same day, which this one replaces.

    Raises:
        ExportFailed: the files could not be made.
    """
    folder = full.parent
    _, changes, parquet, checksums = file_names(full).values()
    with making_files(folder):
        with engine.start(folder) as connection:
            sql = Sql(connection, __package__)
            _define_named(connection, headers)
            sql.run("cells.sql")
            exported = _active_people(connection, "new", people, headers, memberships)
            texts(exported, [*headers]).create_view("new_texts")
            _known_texts(connection, "old", headers, people, before, lake)
            _known_texts(connection, "delivered", headers, people, again or before, lake)
            values(exported, headers).create_view("new_rows")
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
    return {**files, "checksums": (checksums, len(lines))}


def _copy(sql: Sql, statement: str, path: Path, *, again: bool = False) -> int:
    return sql.row(statement, int, path=str(path), again=again)


def _define_named(connection: duckdb.DuckDBPyConnection, headers: Mapping[str, str]) -> None:
    """Defines the macro that makes a struct of a list of cells; its fields have the names of the headers."""
    quoted = (header.replace('"', '""') for header in headers.values())
    fields = (f'"{header}" := cells[{place}]' for place, header in enumerate(quoted, 1))
    connection.execute(f"create macro named(cells) as struct_pack({', '.join(fields)})")


def _active_people(
    connection: duckdb.DuckDBPyConnection,
    which: str,
    people: Path,
    columns: Collection[str],
    memberships: Path | None,
) -> duckdb.DuckDBPyRelation:
    engine.view(connection, f"{which}_people", people)
    if memberships is None:
        return active_people(connection, f"{which}_people", columns)
    engine.view(connection, f"{which}_memberships", memberships)
    return active_people(connection, f"{which}_people", columns, f"{which}_memberships")


def _known_texts(
    connection: duckdb.DuckDBPyConnection,
    which: str,
    headers: Mapping[str, str],
    people: Path,
    known: DeliveredExport | None,
    lake: Lake,
) -> None:
    """Makes the view of the previously exported texts; they are empty below a new header."""
    before = known.column_of_header() if known else {}
    stored = known.people(lake) if known else people
    memberships = known.exported_memberships(lake) if known else None
    table = _active_people(connection, which, stored, before.values(), memberships)
    rows = texts(table, [before.get(header) for header in headers.values()])
    (rows if known else rows.limit(0)).create_view(f"{which}_texts")


def sha256(file: Path) -> str:
    """The checksum of a file, as `sha256sum` prints it."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
