"""The published people for other programs, beside the database: CSV, what changed, and Parquet.

Beside `people.csv` lie, with the same columns, `people.changes.csv` and `people.parquet`, and for the
three of them `people.csv.sha256`, which `sha256sum -c` reads. It arrives last: whoever finds that it
fits has all files of one day.
"""

import hashlib
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import unquote, urlsplit

import duckdb
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression

from opensense_okta.config.attributes import STANDARD_ATTRIBUTES, attributes
from opensense_okta.config.export_path import DAY, LAKES_OWN, LOCAL, SSH
from opensense_okta.config.models import CsvExport, Organization
from opensense_okta.publishing.exports.delivery import deliver, public
from opensense_okta.publishing.exports.errors import ExportFailed, failure_of
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake

__all__ = ["ExportFailed", "ExportResult", "PreviousExport", "export", "headers_of"]

OTHER_COLUMNS = ("person_id", "manager_id", "directories", "accounts")
"""Columns of people that no directory gives: exported only where the file lists them."""


@dataclass(frozen=True)
class ExportResult:
    """A file of an export.

    Attributes:
        what: `people`, `changes`, `parquet` or `checksums`.
        url: its path or URL, without credentials.
        rows: without the header.
    """

    what: str
    url: str
    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True)
class PreviousExport:
    """What readers know of an export that arrived: the table of people, and the headers it had then."""

    people: Path
    headers: Set[str]


def export(
    organization: Organization,
    lake: Lake,
    people: Path,
    day: date,
    *,
    before: PreviousExport | None,
    again: PreviousExport | None = None,
) -> list[ExportResult]:
    """Brings the active people of a published day to the place the organization's file names.

    The same day exported again gives the same bytes.

    Args:
        organization: its `publish.csv` says what goes where; without it there is nothing to do.
        lake: of the organization; relative paths start at its folder.
        people: the day's resolved table.
        day: that is published.
        before: what the reader knows of the day before; None: nothing, and everybody is new.
        again: what the reader knows of this very day, from an export that this one replaces.

    Raises:
        ExportFailed: the files could not be made or delivered; what was there before stays.
    """
    settings = organization.publish.csv
    if settings is None:
        return []
    with failure_of(organization.name):
        folder, name = _place(settings, lake, day)
        headers = headers_of(organization)
        with TemporaryDirectory(prefix=".export-", dir=lake.folder) as temporary:
            files = _write(Path(temporary), name, headers, people, before, again)
            deliver([file for file, _ in files.values()], folder)
            return [
                ExportResult(
                    what=what,
                    url=f"{public(folder)}/{file.name}",
                    rows=rows,
                    bytes=file.stat().st_size,
                    sha256=_sha256(file),
                )
                for what, (file, rows) in files.items()
            ]


def _place(settings: CsvExport, lake: Lake, day: date) -> tuple[str, str]:
    """The folder and the name of the CSV."""
    folder, _, name = settings.path.replace(DAY, day.isoformat()).rpartition("/")
    if "://" not in folder:
        folder = str(lake.folder / folder)
        _refuse_the_lakes_own(Path(folder), lake)
        return folder, name
    url = urlsplit(folder)
    if url.scheme in LOCAL:
        _refuse_the_lakes_own(Path(unquote(url.path)), lake)
    # A store's URLs mean what they say.
    return folder, unquote(name) if url.scheme in (*LOCAL, *SSH) else name


def _refuse_the_lakes_own(folder: Path, lake: Lake) -> None:
    """Where a path from the root, or a link, may lead although the file's own words did not say so."""
    place, home = folder.resolve(), lake.folder.resolve()
    within = (
        place.relative_to(home.parent).parts if place.is_relative_to(home.parent) else (home.name,)
    )
    if within[:1] != (home.name,) or within[1:2] in {(own,) for own in LAKES_OWN}:
        raise ExportFailed(
            f"The export's path leads to {folder}, where the lake keeps its own files or another"
            " organization's.",
            remedy="name a folder of this organization in publish.csv.path, such as exports/people.csv,"
            " or one outside of OPENSENSE_DATA.",
        )


def headers_of(organization: Organization) -> dict[str, str]:
    """The columns in their order, each with its header in the CSV; none where nothing is exported.

    Raises:
        ExportFailed: the file names a column that there is not.
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


def _write(
    folder: Path,
    name: str,
    headers: Mapping[str, str],
    people: Path,
    before: PreviousExport | None,
    again: PreviousExport | None,
) -> dict[str, tuple[Path, int]]:
    """Writes all files of the export: what each is, where it lies and how many rows it has."""
    full = folder / name
    changes = full.with_name(f"{full.stem}.changes{full.suffix}")
    parquet = full.with_suffix(".parquet")
    checksums = full.with_name(f"{name}.sha256")
    try:
        with engine.start(folder) as connection:
            engine.run(connection, __package__, "cells.sql")
            engine.view(connection, "new_people", people)
            _cells(connection, "new_people", headers).create_view("new_cells")
            _known_cells(connection, "old", headers, people, before)
            _known_cells(connection, "told", headers, people, again or before)
            _rows(connection, headers).create_view("new_rows")
            files = {
                "changes": (
                    changes,
                    _copy(connection, "changes.sql", changes, again=again is not None),
                ),
                "parquet": (parquet, engine.store(connection, "new_rows", parquet)),
                "people": (full, _copy(connection, "people.sql", full)),
            }
        lines = [f"{_sha256(file)}  {file.name}\n" for file in (full, changes, parquet)]
        checksums.write_text("".join(lines), encoding="utf-8")
    except (OSError, duckdb.IOException, engine.MemoryTooSmall) as error:
        raise ExportFailed(
            f"The export's files could not be made in {folder.parent} ({type(error).__name__}).",
            remedy="check that the disk has room there, and that OPENSENSE_MEMORY_LIMIT is not too small.",
            transient=True,
        ) from error
    return {**files, "checksums": (checksums, len(lines))}


def _copy(
    connection: duckdb.DuckDBPyConnection, statement: str, path: Path, *, again: bool = False
) -> int:
    (copied,) = engine.run(connection, __package__, statement, path=str(path), again=again)
    return int(str(copied["Count"]))


def _known_cells(
    connection: duckdb.DuckDBPyConnection,
    which: str,
    headers: Mapping[str, str],
    people: Path,
    known: PreviousExport | None,
) -> None:
    """Makes the view of what readers know; of a header that they have not seen yet it is nothing."""
    engine.view(connection, f"{which}_people", known.people if known else people)
    seen = known.headers if known else set()
    cells = _cells(connection, f"{which}_people", headers, seen)
    (cells if known else cells.limit(0)).create_view(f"{which}_cells")


def _cells(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    headers: Mapping[str, str],
    seen: Set[str] | None = None,
) -> duckdb.DuckDBPyRelation:
    """The active people of a day: person_id, and the texts of all columns as one struct.

    Args:
        connection: that has the table.
        table: of people.
        headers: of the columns.
        seen: the headers under which there is something; None: all.
    """
    people = connection.table(table)
    types = dict(zip(people.columns, map(str, people.types), strict=True))
    texts = [
        _text(column, types if seen is None or header in seen else {})
        for column, header in headers.items()
    ]
    cells = FunctionExpression("cells_of", FunctionExpression("list_value", *texts))
    named = [
        FunctionExpression(
            "list_extract", ColumnExpression("cells"), ConstantExpression(place)
        ).alias(header)
        for place, header in enumerate(headers.values(), start=1)
    ]
    return (
        people.filter("active")
        .select(ColumnExpression("person_id"), cells.alias("cells"))
        .select(
            ColumnExpression("person_id"), FunctionExpression("struct_pack", *named).alias("cells")
        )
    )


def _text(column: str, types: Mapping[str, str]) -> Expression:
    if column not in types:  # the day was resolved before somebody declared the attribute
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


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
