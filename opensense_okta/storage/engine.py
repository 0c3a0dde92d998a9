"""DuckDB, the engine of every step. Its memory is limited."""

import atexit
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from opensense_okta.config.environment import EnvironmentMistake, memory_limit
from opensense_okta.config.errors import UserError
from opensense_okta.storage.store import address

BYTES_PER_THREAD = 100_000_000  # memory for each thread
COMPRESSION = "compression zstd, compression_level 1"  # higher levels cost time and save nothing
WORKING = "working"  # the name of the database that a step works in
ATTACHED = (
    "select database_name from duckdb_databases() where not internal and database_name <> 'memory'"
)
ROWS_PER_GROUP = 16_384  # of Parquet; a group is held in memory while it is written
SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "preserve_insertion_order": False,
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
# The bar goes to stdout, where `--json` prints one document and nothing else.
# FSST takes a sixth of the time of publishing; the published database has 95 MB with it, 165 MB without.
SESSION = "set TimeZone = 'UTC'; set enable_progress_bar = false; set disabled_compression_methods = 'fsst'"

UNREADABLE = (
    "too small to be a Parquet",
    "No magic bytes",
    "Failed to read file",
    "No files found that match",
    "Failed to read Parquet",
    "TProtocolException",
    "Permission denied",
)
"""Parts of DuckDB's messages about Parquet files that it cannot read."""


LEDGER = "identities"
"""The folder of the identity ledger."""

COLUMNS = {
    LEDGER: {"directory", "id", "person_id"},
    "raw_users": {"id", "profile"},
    "raw_groups": {"id", "name"},
    "memberships": {"group_id"},
    "accounts": {"directory", "id", "person_id"},
    "people": {"person_id"},
    "people_history": {"person_id", "valid_from", "valid_to"},
    "changes": {"person_id", "change"},
}
"""Columns that each version has stored, by the name of the table's file."""


class MemoryTooSmall(EnvironmentMistake):
    """A query needs more memory than the limit, or more disk space than is free."""


class TableDamaged(UserError):
    """A Parquet file of the lake cannot be read: it is missing, damaged, another table's or user's."""

    def __init__(self, file: Path) -> None:
        self.file = file
        super().__init__(
            f"{address(file)} cannot be read: the table is damaged, missing, or another user's file.",
            impact="Nothing was published by this; the published directory stays.",
            remedy=_table_remedy(file),
        )


def _table_remedy(file: Path) -> str:
    if file.parent.name == LEDGER:
        return (
            "restore the file from a backup of the lake. If there is none, move it away: then accounts that"
            " it alone has get new person ids."
        )
    day = file.parent.parent
    if "resolved" in day.parts:
        return (
            f"restore the file from a backup of the lake; else delete {address(file.parent)} and start the"
            " job ORG__resolve for that day, which makes the tables again."
        )
    if "snapshots" not in day.parts:
        return (
            "restore the file from a backup of the lake, else delete it: then the next file of changes may"
            " have everyone as added."
        )
    return (
        "start the sync again if the day is today, which reads it again. Else restore the file from a backup"
        f" of the lake, or delete {address(day)}: then the snapshot before is used."
    )


@contextmanager
def start(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty DuckDB in UTC. It spills to a private folder in `spill`, which is removed at the end.

    Where there is no folder `spill`, as in a lake that has nothing, it spills to the system's temporary one.

    `OPENSENSE_MEMORY_LIMIT` (such as `2GB`) replaces the default limit.

    The caller removes the functions that it creates.

    Raises:
        MemoryTooSmall: a query needs more memory.
        TableDamaged: a Parquet file cannot be read.
    """
    with TemporaryDirectory(prefix=".spill-", dir=spill if spill.is_dir() else None) as spilled:
        limit = memory_limit()
        with (
            _empty_database(limit, Path(spilled)) as connection,
            _refusals(connection, limit),
        ):
            yield connection


@contextmanager
def keep() -> Iterator[duckdb.DuckDBPyConnection]:
    """A new DuckDB for tables that stay in memory; it never spills. It is closed if the work on it fails.

    The caller closes it. Later work on it is done by `work_on`.

    Raises:
        MemoryTooSmall: a query needs more memory.
        TableDamaged: a Parquet file cannot be read.
    """
    database, limit = duckdb.connect(config=SETTINGS), memory_limit()
    try:
        # Pages of files would fill the memory up to the limit.
        database.execute(
            f"{_limits(limit, '')}; set enable_external_file_cache = false;"
            f" set parquet_metadata_cache = true; {SESSION}"
        )
        with _refusals(database, limit):
            yield database
    except BaseException:
        database.close()
        raise


@contextmanager
def work_on(database: duckdb.DuckDBPyConnection) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to a database that is kept. Its variables and temporary tables are its own.

    Raises:
        MemoryTooSmall: a query needs more memory.
        TableDamaged: a Parquet file cannot be read.
    """
    connection = database.cursor()
    try:
        connection.execute(SESSION)
        with _refusals(connection, memory_limit()):
            yield connection
    finally:
        connection.close()


@contextmanager
def _refusals(connection: duckdb.DuckDBPyConnection, limit: int) -> Iterator[None]:
    """Says what DuckDB's errors mean."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise MemoryTooSmall(
            f"{limit / 1e6:.0f} MB of memory were not enough.",
            impact="Nothing was published by this; the published directory stays.",
            remedy="set OPENSENSE_MEMORY_LIMIT (800MB unless set) higher, and check that the lake's"
            " disk has space for what does not fit into memory.",
        ) from error
    except duckdb.Error as error:
        damaged = _damaged_table(str(error)) or _damaged_view(connection)
        if damaged is None:
            raise
        raise TableDamaged(damaged) from error


_idle: dict[int, duckdb.DuckDBPyConnection] = {}
"""The instance of DuckDB that nothing uses, by process: a fork cannot use it. To start one takes 25 ms."""


@atexit.register
def _close_idle() -> None:
    """Closes what would outlive Python, of which DuckDB complains."""
    if instance := _idle.pop(os.getpid(), None):
        instance.close()


@contextmanager
def _empty_database(limit: int, spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in an instance of its own, which is kept for the next unless it spilled or failed."""
    process = os.getpid()
    instance = _idle.pop(process, None) or duckdb.connect(config=SETTINGS)
    connection = instance.cursor()
    try:
        connection.execute(
            f"attach ':memory:' as {WORKING}; use {WORKING}; {_limits(limit, spill)}; {SESSION}"
        )
        yield connection
        connection.execute("use memory.main")  # a schema can have the name of a database
        for (name,) in connection.execute(ATTACHED).fetchall():
            connection.execute(f"detach {name}")
        if not any(spill.iterdir()):
            _idle.setdefault(process, instance)
    finally:
        connection.close()
        if _idle.get(process) is not instance:
            instance.close()


def _limits(limit: int, spill: Path | str) -> str:
    threads = max(1, min(limit // BYTES_PER_THREAD, os.cpu_count() or 1))
    quoted = str(spill).replace("'", "''")
    return (
        f"set memory_limit = '{limit}B'; set threads = {threads}; set temp_directory = '{quoted}'"
    )


def is_readable(connection: duckdb.DuckDBPyConnection, file: Path) -> bool:
    """Whether all pages of a Parquet file can be read, and it has the columns that its name promises."""
    try:
        table = connection.read_parquet(str(file))
        table.aggregate("bit_xor(hash(*columns(*)))").fetchall()
    except duckdb.Error:
        return False
    return _promised(file) <= set(table.columns)


def unreadable(connection: duckdb.DuckDBPyConnection, files: Sequence[Path]) -> list[Path]:
    """Those of some Parquet files that are not readable.

    One query reads all of them: of 400 files of the ledger in 0.2 s of CPU, one at a time in 0.8 s.
    """
    paths = [str(file) for file in files]
    if not paths:
        return []
    try:
        columns = connection.execute(
            "select file_name, list(name) from parquet_schema($paths) group by file_name",
            {"paths": paths},
        ).fetchall()
        table = connection.read_parquet(paths, union_by_name=True, hive_partitioning=False)
        table.aggregate("bit_xor(hash(*columns(*)))").fetchall()
    except duckdb.Error:  # it may not name the file, and another one may be damaged, too
        return [file for file in files if not is_readable(connection, file)]
    names = dict(columns)
    return [file for file in files if not _promised(file) <= set(names[str(file)])]


def _promised(file: Path) -> set[str]:
    kind = LEDGER if file.parent.name == LEDGER else file.stem
    return COLUMNS.get(kind, set())


def _damaged_view(connection: duckdb.DuckDBPyConnection) -> Path | None:
    """The first Parquet file behind a view of the connection that cannot be read.

    DuckDB's message names no file if a column is missing, or if a value cannot be decoded.
    """
    try:
        statements = connection.execute(
            "select sql from duckdb_views() where not internal"
        ).fetchall()
    except duckdb.Error:  # an error of DuckDB's own ends the connection
        return None
    paths = (
        Path(quoted.replace("''", "'"))
        for (statement,) in statements
        for quoted in re.findall(r"'(/(?:[^']|'')+\.parquet)'", statement)
    )
    with duckdb.connect() as other:
        return next((path for path in paths if not is_readable(other, path)), None)


def _damaged_table(message: str) -> Path | None:
    """The Parquet file that DuckDB could not read, if its message names one."""
    named = re.search(r"(/[^'\"]+\.parquet)", message)
    unreadable = any(words in message for words in UNREADABLE)
    return Path(named.group(1)) if named and unreadable else None


def memory_in_use(connection: duckdb.DuckDBPyConnection) -> float:
    """The memory and disk space in use, as a fraction of the memory limit."""
    ((taken,),) = connection.execute(
        "select sum(memory_usage_bytes + temporary_storage_bytes) from duckdb_memory()"
    ).fetchall()
    return float(taken) / memory_limit()


def store(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> int:
    """Writes a table or view to a Parquet file and returns the number of its rows."""
    counted = connection.execute(
        "copy (from query_table($table)) to $path"
        f" (format parquet, {COMPRESSION}, row_group_size {ROWS_PER_GROUP})",
        {"table": table, "path": str(path)},
    ).fetchall()
    return int(counted[0][0])


def view(
    connection: duckdb.DuckDBPyConnection, name: str, path: Path, *, numbered: bool = False
) -> None:
    """Makes a view of a Parquet file. A query reads only the columns that it needs.

    Args:
        connection: on which it is made.
        name: of the view.
        path: of the file.
        numbered: whether it has the number of each row, in column `file_row_number`.
    """
    quoted = str(path).replace("'", "''")
    number = ", file_row_number = true" if numbered else ""
    # Python's `read_parquet` and `create_view` take twice the time. The days in paths are no columns.
    connection.execute(
        f'create or replace view "{name}" as'
        f" from read_parquet('{quoted}', hive_partitioning = false{number})"
    )
