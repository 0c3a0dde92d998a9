"""The identity ledger: the person of each account, by published day. It is resolution's only memory.

Each published day adds one file. It has a row for each account that is new or now belongs to another
person, so the newest row of an account counts. Resolving a day reads only the files of earlier days.
"""

from datetime import date
from pathlib import Path

import duckdb

from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql


def load(connection: duckdb.DuckDBPyConnection, lake: Lake, day: date) -> date | None:
    """Makes table `ledger` from the days published before this day; returns the newest of them."""
    Sql(connection, __package__).run("ledger.sql")
    before = [published for published in lake.ledger_days() if published < day]
    if before:
        files = [str(lake.ledger(published)) for published in before]
        connection.read_parquet(files).insert_into("ledger")
    return max(before, default=None)


def write(lake: Lake, day: date, accounts: Path, unfinished: Path) -> None:
    """Writes the day's rows to a file, which the caller then moves into the ledger.

    Args:
        lake: of the organization.
        day: the day that is published.
        accounts: file of the resolved day's table `accounts`.
        unfinished: the file to write.
    """
    with engine.start(lake.folder) as connection:
        load(connection, lake, day)
        engine.view(connection, "accounts", accounts)
        Sql(connection, __package__).run("new_ledger_rows.sql", day=str(day))
        engine.store(connection, "new_ledger_rows", unfinished)
