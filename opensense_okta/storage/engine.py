"""DuckDB, the engine of every step. Its memory is limited."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from opensense_okta.config.environment import EnvironmentMistake, memory_limit

BYTES_PER_THREAD = 100_000_000  # memory for each thread
COMPRESSION = "compression zstd, compression_level 1"  # higher levels cost time and save nothing
ROWS_PER_GROUP = 16_384  # of Parquet; a group is held in memory while it is written


class MemoryTooSmall(EnvironmentMistake):
    """A query needs more memory than the limit, or more disk space than is free."""


@contextmanager
def start(spill: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """An empty DuckDB in UTC. It spills to a private folder in `spill`, which is removed at the end.

    `OPENSENSE_MEMORY_LIMIT` (such as `2GB`) replaces the default limit.

    Raises:
        MemoryTooSmall: a query needs more memory.
    """
    with TemporaryDirectory(prefix=".spill-", dir=spill) as spilled:
        limit = memory_limit()
        settings: dict[str, str | bool | int | float | list[str]] = {
            "memory_limit": f"{limit}B",
            "threads": max(1, min(limit // BYTES_PER_THREAD, os.cpu_count() or 1)),
            "temp_directory": spilled,
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
        connection = duckdb.connect(config=settings)
        connection.execute("set TimeZone = 'UTC'")
        # The progress bar goes to stdout, where `--json` prints one document and nothing else.
        connection.execute("set enable_progress_bar = false")
        try:
            yield connection
        except duckdb.OutOfMemoryException as error:
            raise MemoryTooSmall(
                f"{limit / 1e6:.0f} MB of memory were not enough.",
                impact="Nothing was published by this; the published directory stays.",
                remedy="set OPENSENSE_MEMORY_LIMIT (800MB unless set) higher, and check that the lake's disk"
                " has space for what does not fit into memory.",
            ) from error
        finally:
            connection.close()


def memory_in_use(connection: duckdb.DuckDBPyConnection) -> float:
    """The memory and disk space in use, as a fraction of the memory limit."""
    ((taken,),) = connection.execute(
        "select sum(memory_usage_bytes + temporary_storage_bytes) from duckdb_memory()"
    ).fetchall()
    return float(taken) / memory_limit()


def store(connection: duckdb.DuckDBPyConnection, table: str, path: Path) -> int:
    """Writes a table or view to a Parquet file and returns the number of its rows."""
    connection.execute(
        "copy (from query_table($table)) to $path"
        f" (format parquet, {COMPRESSION}, row_group_size {ROWS_PER_GROUP})",
        {"table": table, "path": str(path)},
    )
    counted = connection.read_parquet(str(path)).aggregate("count(*)").fetchall()
    return int(counted[0][0])


def view(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Makes a view of a Parquet file. A query reads only the columns that it needs."""
    connection.read_parquet(str(path)).create_view(name, replace=True)
