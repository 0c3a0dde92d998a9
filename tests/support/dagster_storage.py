"""Dagster's SQLite storage with less work: an engine for each database, and its migrations read once.

Dagster makes an engine for each query, which compiles the query again, and reads all its migrations for
each database that it opens. Both are a third of the time of a run. What is stored is the same.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool


@contextmanager
def kept_engines() -> Iterator[None]:
    """Lets Dagster use the engine of a database, and its migrations, again."""
    read = ScriptDirectory.from_config

    @cache
    def scripts(location: str) -> ScriptDirectory:
        config = Config()
        config.set_main_option("script_location", location)
        return read(config)

    @cache
    def engine(url: str, timeout: float | None) -> Engine:
        arguments = {} if timeout is None else {"timeout": timeout}
        return create_engine(url, poolclass=NullPool, connect_args=arguments)

    def kept_engine(
        url: str, poolclass: type[NullPool], connect_args: dict[str, float] | None = None
    ) -> Engine:
        del poolclass
        return engine(url, (connect_args or {}).get("timeout"))

    with pytest.MonkeyPatch.context() as patch:
        for module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
            patch.setattr(module, "create_engine", kept_engine)
        patch.setattr(
            ScriptDirectory,
            "from_config",
            lambda config: scripts(str(config.get_main_option("script_location"))),
        )
        yield
