"""Writes the published people as files for other programs: CSV, changes, and Parquet.

`people.csv`, `people.changes.csv` and `people.parquet` have the same columns and are in one folder.
`groups.csv` and `memberships.csv` are beside them, each with its changes, if groups are exported.
`people.csv.sha256` has the checksums of all, in the format of `sha256sum -c`. It is delivered last: if it
matches, all files are of the same day.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import duckdb

from opensense_okta.publishing.exports.addresses import no_own_address, view_rows
from opensense_okta.publishing.exports.columns import exported_rows, texts, values
from opensense_okta.publishing.exports.errors import making_files
from opensense_okta.publishing.exports.state import DeliveredExport, ExportTables, Rows
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql

GROUP_COLUMNS = ("group_id", "name", "directory", "members_count")
MEMBERSHIP_COLUMNS = ("email", "user_name", "group_id", "group", "direct")

NEW, OLD, DELIVERED = "new", "old", "delivered"
"""The day; the last export of an earlier day; the last export of all."""


def file_names(full: Path) -> dict[str, Path]:
    """All files that an export can have, by kind, the CSV of all people first."""
    # Files of other names get a prefix, so that each day and each organization has its own.
    prefix = "" if full.stem == "people" else f"{full.stem}."
    groups, memberships = (
        full.with_name(f"{prefix}{name}{full.suffix}") for name in ("groups", "memberships")
    )
    return {
        "people": full,
        "changes": _changes_of(full),
        "parquet": full.with_suffix(".parquet"),
        "groups": groups,
        "group_changes": _changes_of(groups),
        "memberships": memberships,
        "membership_changes": _changes_of(memberships),
        "checksums": full.with_name(f"{full.name}.sha256"),
    }


def _changes_of(file: Path) -> Path:
    return file.with_name(f"{file.stem}.changes{file.suffix}")


def write_files(
    lake: Lake,
    full: Path,
    headers: Mapping[str, str],
    tables: ExportTables,
    *,
    before: DeliveredExport | None,
    again: DeliveredExport | None,
) -> dict[str, tuple[Path, int]]:
    """Writes all files of the export; returns the path and the number of rows of each, by kind.

    Args:
        lake: has the people of earlier exports.
        full: the CSV of all people; the other files are beside it.
        headers: the header of each column.
        tables: of the day.
        before: the last export of an earlier day; None: all people are new.
        again: the previous export of the same day, which this one replaces.

    Raises:
        ExportFailed: the files could not be made.
    """
    folder, paths = full.parent, file_names(full)
    with making_files(folder):
        with engine.start(folder) as connection:
            sql = Sql(connection, __package__)
            known = {OLD: before, DELIVERED: again or before}
            view_tables(sql, lake, tables, known)
            rows: dict[str, int] = {}
            if tables.groups and tables.groups.as_files:
                rows |= _write_groups(sql, paths, known, lake, again=again is not None)
            exported = exported_rows(connection, NEW, headers)
            values(exported, headers).create_view("new_rows")
            view_people_texts(connection, headers, known)
            _refuse_emptied(connection)
            changes, full_rows = _write_rows(
                sql, headers.values(), paths["changes"], full, again=again is not None
            )
            parquet = engine.store(connection, "new_rows", paths["parquet"])
            # Files are delivered in this order: the changes first, all people last.
            rows = {"changes": changes, **rows, "parquet": parquet, "people": full_rows}
        written = [kind for kind in paths if kind in rows]
        lines = [f"{sha256(paths[kind])}  {paths[kind].name}\n" for kind in written]
        paths["checksums"].write_text("".join(lines), encoding="utf-8")
    rows["checksums"] = len(lines)
    return {kind: (paths[kind], count) for kind, count in rows.items()}


def _refuse_emptied(connection: duckdb.DuckDBPyConnection) -> None:
    """Refuses a file without rows after one with rows, if people are to be exported.

    Raises:
        ExportFailed: each of them is left out.
    """
    has_rows, had_rows, has_people = (
        bool(connection.table(view).filter(condition).limit(1).fetchall())
        for view, condition in (
            ("new_texts", "true"),
            (f"{DELIVERED}_texts", "true"),
            ("new_people", "active"),
        )
    )
    if has_people and had_rows and not has_rows:
        raise no_own_address()


def view_tables(
    sql: Sql, lake: Lake, tables: ExportTables, known: Mapping[str, DeliveredExport | None]
) -> None:
    """Makes the views of the day's tables and of those of earlier exports, and the macros for their texts."""
    for file in ("cells.sql", "group_texts.sql", "addresses.sql"):
        sql.run(file)
    _view_tables(sql.connection, NEW, tables, tables.rows)
    for which, delivered in known.items():
        if delivered:
            _view_tables(sql.connection, which, delivered.tables(lake), tables.rows)


def _view_tables(
    connection: duckdb.DuckDBPyConnection, which: str, tables: ExportTables, known_by: Rows
) -> None:
    engine.view(connection, f"{which}_people", tables.people)
    view_rows(connection, which, tables.rows, known_by, tables.addresses)
    if tables.groups:
        engine.view(connection, f"{which}_memberships", tables.groups.memberships)
        if tables.groups.as_files:
            engine.view(connection, f"{which}_groups", tables.groups.groups)


def view_people_texts(
    connection: duckdb.DuckDBPyConnection,
    headers: Mapping[str, str],
    known: Mapping[str, DeliveredExport | None],
) -> None:
    """Makes the views of the texts of people; they are empty below a header that was not delivered."""
    new = texts(exported_rows(connection, NEW, headers), [*headers])
    new.create_view("new_texts", replace=True)
    for which, delivered in known.items():
        rows = new.limit(0)
        if delivered:
            columns = delivered.column_of_header()
            exported = exported_rows(connection, which, columns.values())
            rows = texts(exported, [columns.get(header) for header in headers.values()])
        rows.create_view(f"{which}_texts", replace=True)


def _write_groups(
    sql: Sql,
    paths: Mapping[str, Path],
    known: Mapping[str, DeliveredExport | None],
    lake: Lake,
    *,
    again: bool,
) -> dict[str, int]:
    """Writes the files of groups and memberships; returns the number of rows of each."""
    rows = {}
    for kind, plural, columns in (
        ("group", "groups", GROUP_COLUMNS),
        ("membership", "memberships", MEMBERSHIP_COLUMNS),
    ):
        new = group_texts(sql.connection, kind, NEW)
        new.create_view("new_texts", replace=True)
        for which, delivered in known.items():
            tables = delivered.group_tables(lake) if delivered else None
            had_files = tables is not None and tables.as_files
            texts_then = group_texts(sql.connection, kind, which) if had_files else new.limit(0)
            texts_then.create_view(f"{which}_texts", replace=True)
        changes = f"{kind}_changes"
        rows[changes], rows[plural] = _write_rows(
            sql, columns, paths[changes], paths[plural], again=again
        )
    return rows


def group_texts(
    connection: duckdb.DuckDBPyConnection, kind: str, which: str
) -> duckdb.DuckDBPyRelation:
    """The texts of the groups (`group`) or memberships (`membership`) of a day."""
    tables = [f"{which}_memberships", f"{which}_keyed"]
    if kind == "group":
        tables.insert(0, f"{which}_groups")
    return connection.table_function(f"{kind}_texts", tables)


def _write_rows(
    sql: Sql, headers: Iterable[str], changes: Path, full: Path, *, again: bool
) -> tuple[int, int]:
    """Writes the changes and all rows of the texts; returns the number of rows of both files."""
    _define_named(sql.connection, headers)
    sql.run("changed.sql", again=again)
    return (
        sql.row("changes.sql", int, path=str(changes)),
        sql.row("rows.sql", int, path=str(full)),
    )


def _define_named(connection: duckdb.DuckDBPyConnection, headers: Iterable[str]) -> None:
    """Defines the macro that makes a struct of a list of cells; its fields have the names of the headers."""
    quoted = (header.replace('"', '""') for header in headers)
    fields = (f'"{header}" := cells[{place}]' for place, header in enumerate(quoted, 1))
    connection.execute(f"create or replace macro named(cells) as struct_pack({', '.join(fields)})")


def sha256(file: Path) -> str:
    """The checksum of a file, as `sha256sum` prints it."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
