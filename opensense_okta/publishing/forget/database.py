"""The published database without a forgotten person."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from opensense_okta.publishing.database import publication_row
from opensense_okta.publishing.forget.stored_tables import OF_PEOPLE, OF_SNAPSHOTS, count_forgotten
from opensense_okta.publishing.publish import STORAGE_VERSION, STORED
from opensense_okta.storage import engine
from opensense_okta.storage.lake import DATABASE, Lake
from opensense_okta.storage.sql import Sql


def count_in_database(sql: Sql, lake: Lake) -> int:
    """The number of rows of the published database that go.

    Args:
        sql: has the macros of `marked.sql`, and the variables `person` and `accounts`.
        lake: of the organization.

    Raises:
        StateFileDamaged: it cannot be read, so nobody knows whether the person is in it.
    """
    file = lake.store.fetch(DATABASE)
    if file is None:
        return 0
    publication_row(file)
    rows = 0
    with _attached(sql, file, "published", "read_only"):
        views = (("main", view) for view, _ in _views(sql))
        for schema, table in (*_tables(sql), *views):
            # The rows of `_stored` are those of views.
            if schema != STORED and (marked := _marked(sql, schema, table)):
                rows += count_forgotten(sql, marked)
    return rows


def remove_from_database(sql: Sql, lake: Lake) -> None:
    """Replaces the published database by one without the rows, in one step; arguments as above.

    A row that is deleted stays readable in the file, so all tables are written again.

    Raises:
        Changed: another process published since.
    """
    over, file = lake.store.version(DATABASE), lake.store.fetch(DATABASE)
    if file is None:
        return
    unfinished = lake.unfinished(DATABASE)
    try:
        with (
            _attached(sql, file, "published", "read_only"),
            _attached(sql, unfinished, "without", f"storage_version '{STORAGE_VERSION}'"),
        ):
            for schema, table in _tables(sql):
                _copy(sql, schema, table)
            for _, statement in _views(sql):
                # With the schema: a directory's schema can have the name of a database.
                sql.connection.execute(f"use without.main; {statement} use {engine.WORKING}.main")
        lake.store.keep(unfinished, DATABASE, over)
    finally:
        for leftover in lake.scratch.glob(f"{unfinished.name}*"):
            leftover.unlink()


def _copy(sql: Sql, schema: str, table: str) -> None:
    rows = f'published."{schema}".{table}'
    if view := _marked(sql, schema, table):
        sql.run("kept.sql", marked=view)
        rows = "kept"
    sql.connection.execute(
        f'create schema if not exists without."{schema}";'
        f' create table without."{schema}".{table} as from {rows}'
    )


def _marked(sql: Sql, schema: str, table: str) -> str | None:
    """Makes a view of a table with the column `forgotten`; None: it has no rows about people."""
    macro = (OF_PEOPLE if schema in ("main", STORED) else OF_SNAPSHOTS).get(table)
    if macro is None:
        return None
    sql.connection.execute(
        f'create or replace temp view stored as from published."{schema}".{table}'
    )
    sql.run("person_of_day.sql", directory=schema)
    sql.connection.execute(f"create or replace temp view marked as from marked_{macro}('stored')")
    return "marked"


def _tables(sql: Sql) -> list[tuple[str, str]]:
    return sql.rows("tables_of_database.sql", tuple[str, str])


def _views(sql: Sql) -> list[tuple[str, str]]:
    return sql.rows("views_of_database.sql", tuple[str, str])


@contextmanager
def _attached(sql: Sql, file: Path, name: str, option: str) -> Iterator[None]:
    quoted = str(file).replace("'", "''")
    sql.connection.execute(f"attach '{quoted}' as {name} ({option})")
    try:
        yield
    finally:
        sql.connection.execute(f"detach {name}")
