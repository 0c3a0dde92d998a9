"""Runs SQL files on DuckDB, and returns their rows as typed objects.

A `.sql` file can be pasted into a DuckDB shell: its inputs are tables, named at its top, and variables
(`set variable day = '2026-11-23';`). No text is inserted into the SQL.
"""

from collections.abc import Sequence
from dataclasses import dataclass, is_dataclass
from functools import cache
from importlib.resources import files
from typing import TypeVar, get_origin

import duckdb
from pydantic import BaseModel, TypeAdapter

Value = str | int | float | bool | list[str] | dict[str, str] | None
Row = TypeVar("Row")


@dataclass(frozen=True)
class Sql:
    """The SQL files in folder `sql` of a package, run on one connection.

    `rows` and `row` return the rows of a file's last statement. The kind of a row is one of:

    - a frozen dataclass or a pydantic model: its fields are columns; other columns are left out;
    - `dict[str, object]`: all columns, by name;
    - a tuple, such as `tuple[str, int]`: the columns in the order of the statement;
    - another type, such as `int`: the value of the only column.
    """

    connection: duckdb.DuckDBPyConnection
    package: str

    def run(self, file: str, /, **variables: Value) -> None:
        """Runs a file with DuckDB variables set."""
        self._fetch(file, variables)

    def rows(self, file: str, kind: type[Row], /, **variables: Value) -> list[Row]:
        """Runs a file and returns its rows."""
        columns, rows = self._fetch(file, variables)
        adapter = TypeAdapter(kind)
        shape = get_origin(kind) or kind
        if is_dataclass(shape) or issubclass(shape, (BaseModel, dict)):
            return [adapter.validate_python(dict(zip(columns, row, strict=True))) for row in rows]
        if issubclass(shape, tuple):
            return [adapter.validate_python(row) for row in rows]
        return [adapter.validate_python(value) for (value,) in rows]

    def row(self, file: str, kind: type[Row], /, **variables: Value) -> Row:
        """Runs a file and returns its only row."""
        (row,) = self.rows(file, kind, **variables)
        return row

    def _fetch(
        self, file: str, variables: dict[str, Value]
    ) -> tuple[Sequence[str], Sequence[tuple[object, ...]]]:
        for name, value in variables.items():
            self.connection.execute(f"set variable {name} = $value", {"value": value})
        result = self.connection
        for statement in statements(self.package, file):
            result = self.connection.execute(statement)
        return [column[0] for column in result.description or []], result.fetchall()


@cache
def statements(package: str, file: str) -> Sequence[duckdb.Statement]:
    """The parsed statements of a file, for every connection."""
    text = files(package).joinpath("sql", file).read_text(encoding="utf-8")
    return duckdb.extract_statements(text)
