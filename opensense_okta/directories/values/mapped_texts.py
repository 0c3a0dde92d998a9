"""Computes the texts of attributes from raw profiles, by the mapping of a directory."""

import json
from collections.abc import Collection, Sequence
from itertools import count

import duckdb

from opensense_okta.config.attributes import Mapped, mapping, pointer
from opensense_okta.config.directory_models import Directory
from opensense_okta.config.sources import (
    Constant,
    Item,
    Join,
    Lookup,
    Prefixed,
    Values,
    fields_of,
    in_words,
)
from opensense_okta.directories.values.lookup_file import LookupFileError, read_lookup
from opensense_okta.directories.values.text_functions import define_macros, functions
from opensense_okta.storage.sql import Sql

TABLES = """
create or replace temp table mapped_attributes (position integer, is_list boolean);
create or replace temp table mapping (
    position integer, choice integer, form varchar, pointers varchar[], text varchar, part varchar,
    addition varchar, origin varchar
);
create or replace temp table lookup_rows (lookup integer, key varchar, value varchar);
"""


def map_texts(
    connection: duckdb.DuckDBPyConnection,
    directory: Directory,
    attributes: Sequence[str],
    users: str,
    *,
    lists: Collection[str] = (),
) -> None:
    """Makes the view `mapped_texts`: the columns of the users but `profile`, and `texts`.

    `texts` has the text of each attribute, by its position in `attributes`, which begins at 1. A text
    is as it was written; NULL if it is blank. A list is the text of a JSON array, or has semicolons.

    Variable `explained` has the attributes for which the organization file declares computed values, with the
    origin of each choice in words; column `choices` has the number of the choice that was used.

    Args:
        connection: with the users.
        directory: the settings of the directory.
        attributes: those that are computed.
        users: a table or view with columns `id` and `profile`.
        lists: the attributes that are lists: an empty list counts as no value.

    Raises:
        LookupFileError: the file of a lookup cannot be used.
    """
    sql = Sql(connection, __package__)
    sql.run("texts.sql")
    mapped = _store_mapping(connection, directory, attributes, lists)
    connection.table(users).create_view("mapped_users", replace=True)
    sql.run("mapping.sql")
    lookups = [row.source for row in mapped if isinstance(row.source, Lookup)]
    if lookups:
        with functions(connection):
            define_macros(connection)
            for number, lookup in zip(count(1), lookups, strict=False):
                _store_lookup(sql, number, lookup)
            sql.run("lookups.sql")
    sql.run("mapped_texts.sql")


def _store_mapping(
    connection: duckdb.DuckDBPyConnection,
    directory: Directory,
    attributes: Sequence[str],
    lists: Collection[str],
) -> list[Mapped]:
    """Fills the tables of the attributes and their sources, and returns the sources in their order."""
    connection.execute(TABLES)
    numbers = {attribute: number for number, attribute in enumerate(attributes, start=1)}
    _insert(
        connection, "mapped_attributes", [(numbers[name], name in lists) for name in attributes]
    )
    mapped = sorted(
        (row for row in mapping(directory, attributes) if row.attribute in numbers),
        key=lambda row: (numbers[row.attribute], row.position),
    )
    _insert(
        connection,
        "mapping",
        [
            (
                numbers[row.attribute],
                row.position,
                *_source(directory, row),
                _origin(directory, row),
            )
            for row in mapped
        ],
    )
    return mapped


def _source(
    directory: Directory, mapped: Mapped
) -> tuple[str, list[str], str | None, str | None, str | None]:
    """The columns `form`, `pointers`, `text`, `part` and `addition` of table `mapping`."""
    source = mapped.source
    pointers = [pointer(directory, field) for field in fields_of(source)]
    row: tuple[str, str | None, str | None]
    match source:
        case str():
            row = "field", None, None
        case Join():
            row = "join", source.between, None
        case Constant():
            row = "constant", source.constant, None
        case Lookup():
            row = "lookup", None, None
        case Item():
            row = "item", json.dumps(source.choices), f"/{source.part}"
        case Values():
            row = "values", None, None
        case Prefixed():
            row = "prefixed", source.prefix, None
    form, text, part = row
    addition = f"/{source.addition}" if isinstance(source, Item) and source.addition else None
    return form, pointers, text, part, addition


def _origin(directory: Directory, mapped: Mapped) -> str | None:
    """How a value comes about that the organization file declares as computed."""
    declared = mapped.attribute in directory.attributes
    return in_words(mapped.source) or None if declared else None


def _store_lookup(sql: Sql, number: int, lookup: Lookup) -> None:
    """Adds the rows of a file to table `lookup_rows`."""
    rows = read_lookup(lookup)
    twice = sql.rows(
        "lookup_rows.sql",
        tuple[int, int],
        number=number,
        lines=[str(row.line) for row in rows],
        keys=[row.key for row in rows],
        texts=[row.value for row in rows],
    )
    for first, second in twice[:1]:
        raise LookupFileError(
            lookup.lookup,
            f"has the same key in the lines {first} and {second} (case and white space do not count)",
            "Delete one of the two lines.",
        )


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[object]]
) -> None:
    if rows:
        marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
        values = [value for row in rows for value in row]
        connection.execute(f"insert into {table} values {marks}", values)  # noqa: S608 - our names
