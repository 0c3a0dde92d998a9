"""The form in which match keys are compared, as far as DuckDB has no function for it."""

import unicodedata

import duckdb


def register(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the function `folded` of `schema.sql` known to a connection."""
    connection.create_function("folded", folded, ["VARCHAR"], "VARCHAR")


def folded(text: str) -> str:
    """NFKC with case folding: `ß` is `ss`, a full-width digit is a digit, and a ligature is its letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
