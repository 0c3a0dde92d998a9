"""Makes tables from normalized files, and refuses rows with wrong cells. The rules are set-based SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import duckdb

from opensense_okta.directories.csv import errors as csv_errors
from opensense_okta.directories.csv.normalize import RESERVED, NormalizedFile
from opensense_okta.storage.sql import Sql

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


@dataclass(frozen=True)
class _Counts:
    """Of rows; those that are set aside are among `rows`."""

    rows: int
    set_aside: int


@dataclass(frozen=True)
class _Rows:
    """Wrong rows of one file; `lines` are those of the first few."""

    file: str
    count: int
    lines: list[int]


@dataclass(frozen=True)
class _Problem:
    """What is wrong with rows of one file; `lines` are those of the first few."""

    problem: str
    file: str
    count: int
    lines: list[int]


@dataclass(frozen=True)
class _DoubledRows:
    """The lines of one file that have the first doubled key."""

    file: str
    lines: list[int]


def read_rows(sql: Sql, files: Sequence[NormalizedFile], keys: Keys) -> int:
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
    longest = BYTES_PER_CHARACTER * max(file.longest for file in files) + 100
    sql.run(
        "rows.sql",
        columns=columns,
        files=[str(file.path) for file in files],
        delimiter=files[0].header.delimiter,
        line_limit=max(LINE_LIMIT, longest),
        buffer_size=max(16 * LINE_LIMIT, 2 * longest),
    )
    try:
        if any(file.suspicious for file in files):
            sql.run(
                "spreadsheets.sql",
                column_names=list(files[0].columns),
                number_columns=list(keys.numbers),
                key_column=keys.key,
            )
        sql.run(
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
    _refuse_wrong(sql, files, keys)
    counts = sql.row("count.sql", _Counts)
    expected = sum(file.rows for file in files)
    if counts.rows != expected:
        raise csv_errors.lost_rows(files[0].name, expected, counts.rows)
    return counts.rows - counts.set_aside


def ambiguous_members(sql: Sql, files: Sequence[NormalizedFile]) -> csv_errors.FileTrouble:
    """The error for memberships, just read, whose member is both a user and a group."""
    rows = sql.row("ambiguous_members.sql", _Rows)
    (name,) = (file.name for file in files if str(file.path) == rows.file)
    return csv_errors.user_and_group(name, rows.lines, rows.count)


def _refuse_wrong(sql: Sql, files: Sequence[NormalizedFile], keys: Keys) -> None:
    names = {str(file.path): file.name for file in files}
    for row in sql.rows("wrong.sql", _Problem, unique_keys=keys.unique):
        name, lines, count = names[row.file], row.lines, row.count
        match row.problem:
            case "header":
                for again in sql.rows("header_again.sql", _Problem):
                    raise csv_errors.header_again(names[again.file], again.lines, again.count)
            case "key":
                raise csv_errors.blank_cells(name, lines, keys.key, count)
            case "other":
                raise csv_errors.blank_cells(name, lines, str(keys.other), count)
            case "doubled":
                raise _doubled(sql, names, keys.key, count)
            case _:
                raise csv_errors.not_a_flag(name, lines, str(keys.active), count)


def _doubled(sql: Sql, names: Mapping[str, str], column: str, count: int) -> csv_errors.FileTrouble:
    rows = sql.rows("doubled.sql", _DoubledRows)
    where = [(names[row.file], row.lines) for row in rows]
    return csv_errors.doubled(where, column, count)
