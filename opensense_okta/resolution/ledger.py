"""The identity ledger: which person an account was given, and on which published day.

Resolution's only memory. A published day adds one file, with a row for each account that was not yet
known or was given another person; so the newest row of an account counts, and a day knows only the
files before it.
"""

from datetime import date
from pathlib import Path

import duckdb

from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake


def load(connection: duckdb.DuckDBPyConnection, lake: Lake, day: date) -> date | None:
    """Makes the table `ledger` of what was published before the day; returns the newest such day."""
    engine.run(connection, __package__, "ledger.sql")
    before = [published for published in lake.ledger_days() if published < day]
    if before:
        files = [str(lake.ledger(published)) for published in before]
        connection.read_parquet(files).insert_into("ledger")
    return max(before, default=None)


def write(lake: Lake, day: date, accounts: Path, unfinished: Path) -> None:
    """Writes the day's rows to a file that is to be moved into the ledger.

    Args:
        lake: of the organization.
        day: that is published.
        accounts: the resolved day's accounts.
        unfinished: where to write.
    """
    with engine.start(lake.folder) as connection:
        load(connection, lake, day)
        engine.view(connection, "accounts", accounts)
        engine.run(connection, __package__, "new_ledger_rows.sql", day=str(day))
        engine.store(connection, "new_ledger_rows", unfinished)
