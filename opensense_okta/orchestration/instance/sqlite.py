"""Dagster's storage in SQLite, with connections that are kept.

Dagster makes an engine and a connection for each of the 900 statements of a sync, so that SQLAlchemy
compiles each statement again and SQLite reads the schema again. With kept connections a sync of 100
people takes 15 % less CPU.

It also reads the 90 files of its schema's history twice for each database. Reading them once takes 4 % less
CPU in a new home.
"""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Self

import sqlalchemy as db
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME
from dagster._core.storage.runs import SqliteRunStorage
from dagster._core.storage.schedules import SqliteScheduleStorage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage
from dagster._serdes import ConfigurableClassData
from sqlalchemy.pool import NullPool

# Dagster has no other place for it: both of its modules that read the files call this.
ScriptDirectory.from_config = cache(ScriptDirectory.from_config)


def _engine(url: str, pool: type[db.Pool] | None = None) -> db.Engine:
    return db.create_engine(
        url, poolclass=pool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS}
    )


def _changes(connection: db.Connection) -> int:
    """How many rows were changed on a connection, also by the transaction that is open."""
    sqlite: sqlite3.Connection = connection.connection.driver_connection
    return sqlite.total_changes


class KeptEventLog(SqliteEventLogStorage):
    """The event log: a database for each run, and one of all runs, the index.

    The index and the run that was used last are kept open.
    """

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._engines: dict[str, db.Engine] = {}
        self._tables: set[str] = set()
        super().__init__(base_dir, inst_data)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[db.Connection]:
        with self._db_lock:
            with self._kept(shard).begin() as connection:
                before = _changes(connection)
                yield connection
                changed = _changes(connection) != before
            if changed and shard != INDEX_SHARD_NAME:
                # Pages of the UI watch the file of a run. While a connection is open, SQLite writes into
                # the log beside it, so that the file itself would not change.
                os.utime(self.path_for_shard(shard))

    def _kept(self, shard: str) -> db.Engine:
        url = self.conn_string_for_shard(shard)
        if shard not in self._initialized_dbs:
            # SQLite changes to its write-ahead log only while no other connection is open.
            self._initdb(_engine(url, NullPool))
            self._initialized_dbs.add(shard)
            self._close(shard)
        if shard not in self._engines:
            for other in self._engines.keys() - {INDEX_SHARD_NAME}:
                self._close(other)
            self._engines[shard] = _engine(url)
        return self._engines[shard]

    def _close(self, shard: str) -> None:
        if engine := self._engines.pop(shard, None):
            engine.dispose()

    def has_table(self, table_name: str) -> bool:
        """Whether the index has a table. Dagster asks twice for each result of a check."""
        if table_name not in self._tables and super().has_table(table_name):
            self._tables.add(table_name)
        return table_name in self._tables

    def dispose(self) -> None:
        """Closes the connections."""
        super().dispose()
        with self._db_lock:
            for shard in list(self._engines):
                self._close(shard)


class KeptRuns(SqliteRunStorage):
    """The runs."""

    def __init__(self, conn_string: str, inst_data: ConfigurableClassData | None = None) -> None:
        self._kept = _engine(conn_string)
        super().__init__(conn_string, inst_data)

    @contextmanager
    def connect(self) -> Iterator[db.Connection]:
        """A connection in a transaction."""
        with self._kept.begin() as connection:
            yield connection

    def dispose(self) -> None:
        """Closes the connections."""
        self._kept.dispose()


class KeptStorage(DagsterSqliteStorage):
    """Dagster's storage in SQLite files below a folder, at the paths that Dagster has always used."""

    def __init__(self, base_dir: str, inst_data: ConfigurableClassData | None = None) -> None:
        # Not Dagster's own `__init__` of these files: it would open them, too.
        super(DagsterSqliteStorage, self).__init__()  # type: ignore[no-untyped-call] # of Dagster
        self.base_dir, self._inst_data = base_dir, inst_data
        self._run_storage = KeptRuns.from_local(f"{base_dir}/history/")
        self._event_log_storage = KeptEventLog(f"{base_dir}/history/runs/")
        self._schedule_storage = SqliteScheduleStorage.from_local(f"{base_dir}/schedules")

    @classmethod
    def from_config_value(
        cls,
        inst_data: ConfigurableClassData | None,
        config_value: Any,  # noqa: ANN401 - Dagster's base classes disagree on the type
    ) -> Self:
        """The storage that an entry of dagster.yaml or Dagster's default describes."""
        return cls.from_local(inst_data=inst_data, **config_value)
