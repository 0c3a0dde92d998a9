"""Makes tables from normalized files, and refuses rows with wrong cells. The rules are set-based SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.csv.normalize import RESERVED, NormalizedFile
from opensense_okta.storage import engine

LINE_LIMIT = 2_000_000  # bytes, DuckDB's default; its buffer must be 16 times as large
BYTES_PER_CHARACTER = 4


@dataclass(frozen=True)
class Keys:
    """The columns to check in every row.

    Attributes:
        key: the column that identifies a row.
        other: the second part of the key.
        unique: whether a key identifies one row.
        needs_more: whether a row with only a key is set aside.
        active: the column that says whether a user is active.
        login, email: blank and malformed cells are counted, but do not make a file invalid.
        numbers: columns of ids and phone numbers; cells in scientific notation are counted.
    """

    key: str
    other: str | None = None
    unique: bool = True
    needs_more: bool = False
    active: str | None = None
    login: str | None = None
    email: str | None = None
    numbers: tuple[str, ...] = ()


def read_rows(
    connection: duckdb.DuckDBPyConnection, files: Sequence[NormalizedFile], keys: Keys
) -> int:
    """Makes the view `csv_rows` and the tables `csv_keys` and `csv_odd_cells` of files with the same columns.

    Returns:
        The number of rows, without those that are set aside.

    Raises:
        DirectoryError: some rows are wrong; the message names their lines.
    """
    columns = {
        f"{RESERVED}line": "BIGINT",
        f"{RESERVED}mark": "VARCHAR",
        **dict.fromkeys(files[0].columns, "VARCHAR"),
    }
    connection.execute("set variable columns = $columns", {"columns": columns})
    longest = BYTES_PER_CHARACTER * max(file.longest for file in files) + 100
    _run(
        connection,
        "rows.sql",
        files=[str(file.path) for file in files],
        delimiter=files[0].header.delimiter,
        line_limit=max(LINE_LIMIT, longest),
        buffer_size=max(16 * LINE_LIMIT, 2 * longest),
    )
    try:
        if any(file.suspicious for file in files):
            _run(
                connection,
                "spreadsheets.sql",
                column_names=list(files[0].columns),
                number_columns=list(keys.numbers),
            )
        _run(
            connection,
            "keys.sql",
            key_column=keys.key,
            other_column=keys.other or keys.key,
            needs_more=keys.needs_more,
            active_column=keys.active,
            login_column=keys.login,
            email_column=keys.email,
        )
    except duckdb.InvalidInputException:  # its message quotes rows, so it is dropped
        raise csv_errors.unreadable_rows(files[0].name) from None
    _refuse_wrong(connection, files, keys)
    counted = _run(connection, "count.sql")[0]
    stored, expected = int(str(counted["rows"])), sum(file.rows for file in files)
    if stored != expected:
        raise csv_errors.lost_rows(files[0].name, expected, stored)
    return stored - int(str(counted["set_aside"]))


def _refuse_wrong(
    connection: duckdb.DuckDBPyConnection, files: Sequence[NormalizedFile], keys: Keys
) -> None:
    names = {str(file.path): file.name for file in files}
    for row in _run(connection, "wrong.sql", unique_keys=keys.unique):
        name, lines, count = names[str(row["file"])], _lines(row), int(str(row["count"]))
        match row["problem"]:
            case "header":
                raise csv_errors.header_again(name, lines, count)
            case "key":
                raise csv_errors.blank_cells(name, lines, keys.key, count)
            case "other":
                raise csv_errors.blank_cells(name, lines, str(keys.other), count)
            case "doubled":
                raise _doubled(connection, names, keys.key, count)
            case _:
                raise csv_errors.not_a_flag(name, lines, str(keys.active), count)


def _doubled(
    connection: duckdb.DuckDBPyConnection, names: Mapping[str, str], column: str, count: int
) -> csv_errors.FileTrouble:
    rows = _run(connection, "doubled.sql")
    where = [(names[str(row["file"])], _lines(row)) for row in rows]
    return csv_errors.doubled(where, column, count)


def _lines(row: Mapping[str, object]) -> list[int]:
    lines = row["lines"]
    return [int(str(line)) for line in lines] if isinstance(lines, list) else []


def _run(
    connection: duckdb.DuckDBPyConnection, name: str, **variables: engine.Value
) -> list[dict[str, object]]:
    return engine.run(connection, __package__, name, **variables)
