"""Lets DuckDB read copies of files, and refuses rows that are not right.

What is wrong is counted in SQL; only to tell in which lines it is are rows looked at one by one.
"""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import duckdb

from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.csv.errors import ROWS_NAMED
from opensense_okta.directories.csv.normalize import Copy
from opensense_okta.storage import engine

FLAGS = frozenset(
    ("", "true", "yes", "y", "1", "t", "active", "false", "no", "n", "0", "f", "inactive")
)
"""What a cell of `active` may say, in any case; the first half means active (`csv_keys.sql`)."""


@dataclass(frozen=True)
class Keys:
    """The columns that must be right in every row.

    Attributes:
        key: what identifies a row.
        other: the second part of it.
        unique: whether a key identifies one row.
        active: says whether the row's user is active.
        login, email: whose blank and malformed cells are counted, but are no reason to refuse a file.
    """

    key: str
    other: str | None = None
    unique: bool = True
    active: str | None = None
    login: str | None = None
    email: str | None = None


def read_rows(connection: duckdb.DuckDBPyConnection, copies: Sequence[Copy], keys: Keys) -> int:
    """Makes the view `csv_rows` and the table `csv_keys` of files with the same columns.

    Returns:
        How many rows there are.

    Raises:
        DirectoryError: rows that are not right; it says in which lines.
    """
    first = copies[0]
    columns = dict.fromkeys(first.headers, "VARCHAR")
    connection.execute("set variable columns = $columns", {"columns": columns})
    _run(
        connection,
        "rows.sql",
        files=[str(copy.path) for copy in copies],
        delimiter=first.delimiter,
    )
    try:
        _run(
            connection,
            "keys.sql",
            key_column=keys.key,
            other_column=keys.other or keys.key,
            active_column=keys.active,
            login_column=keys.login,
            email_column=keys.email,
        )
    except duckdb.InvalidInputException:  # its words quote rows, so they end here
        raise csv_errors.unreadable_rows(first.name) from None
    _refuse_rejects(connection, copies)
    rows = _refuse_wrong(connection, copies, keys)
    with_rows = {str(row["file"]) for row in _run(connection, "files.sql")}
    for copy in copies:
        if str(copy.path) not in with_rows:
            raise csv_errors.header_only(copy.name)
    return rows


def _refuse_rejects(connection: duckdb.DuckDBPyConnection, copies: Sequence[Copy]) -> None:
    """Raises what DuckDB could not understand of the rows, the first of it."""
    by_path = {str(copy.path): copy for copy in copies}
    for row in _run(connection, "rejects.sql"):
        copy, position = by_path[str(row["file"])], int(str(row["position"]))
        line, columns = copy.line_at(position), len(copy.headers)
        last, ended = copy.ends_after(position)
        found = int(str(row["found"] or 0))
        match row["error"]:
            case "MISSING COLUMNS" if last:
                raise csv_errors.half_written(copy.name, line, found, columns, ended=ended)
            case "MISSING COLUMNS" | "TOO MANY COLUMNS":
                raise csv_errors.ragged(copy.name, line, found, columns)
            case "LINE SIZE OVER MAXIMUM":
                raise csv_errors.long_row(copy.name, line)
            case "UNQUOTED VALUE":
                raise csv_errors.open_quote(copy.name, line, last=last)
            case _:
                raise csv_errors.unreadable_rows(copy.name)


def _refuse_wrong(connection: duckdb.DuckDBPyConnection, copies: Sequence[Copy], keys: Keys) -> int:
    """The number of rows; raises what is wrong with what identifies them, or with who is active."""
    wrong = _run(connection, "wrong.sql", unique_keys=keys.unique)[0]
    if count := int(str(wrong["without_key"])):
        blank_rows = _run(connection, "blank_rows.sql")[0]["rows"]
        count -= int(str(blank_rows))
        if count:
            copy, lines = _first(copies, keys.key, lambda cell: not cell)
            raise csv_errors.blank_cells(copy.name, lines, keys.key, count)
    if keys.other and (count := int(str(wrong["without_other"]))):
        copy, lines = _first(copies, keys.other, lambda cell: not cell)
        raise csv_errors.blank_cells(copy.name, lines, keys.other, count)
    if count := int(str(wrong["doubled"])):
        one = wrong["one_doubled"]
        rows = [
            (copy.name, lines)
            for copy in copies
            if (lines := _lines(copy, keys.key, lambda cell: cell == one))
        ]
        raise csv_errors.doubled(rows, keys.key, count)
    if keys.active and (count := int(str(wrong["without_flag"]))):
        copy, lines = _first(copies, keys.active, lambda cell: cell.lower() not in FLAGS)
        raise csv_errors.not_a_flag(copy.name, lines, keys.active, count)
    return int(str(wrong["rows"]))


def _first(
    copies: Sequence[Copy], column: str, wrong: Callable[[str], bool]
) -> tuple[Copy, list[int]]:
    """The first file with such a cell in the column, and the first lines with one."""
    found = ((copy, lines) for copy in copies if (lines := _lines(copy, column, wrong)))
    return next(found, (copies[0], []))


def _lines(copy: Copy, column: str, wrong: Callable[[str], bool]) -> list[int]:
    position = copy.headers.index(column)

    def found() -> Iterator[int]:
        for line, row in copy.rows():
            if any(cell.strip() for cell in row) and wrong(row[position].strip()):
                yield line

    try:
        return list(islice(found(), ROWS_NAMED))
    except csv.Error:  # a cell longer than Python's limit; the file's name has to do
        return []


def _run(
    connection: duckdb.DuckDBPyConnection, name: str, **variables: engine.Value
) -> list[dict[str, object]]:
    return engine.run(connection, __package__, name, **variables)
