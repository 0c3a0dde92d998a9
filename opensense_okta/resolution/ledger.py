"""The identity ledger, by published day: the person of each account. It is resolution's only memory.

It also has the key that joined the account with the other accounts of its person, and the account's name.
Each published day adds one file. It has a row for each account that is new or of which something changed, so
the newest row of an account counts. Resolving a day reads the files up to that day: its own file has what
earlier publications of the day wrote, so an id is the same at each of them. Version 0.1 wrote neither key nor
name: its rows keep ids, but they keep nobody together.
"""

from datetime import date
from pathlib import Path

import duckdb

from opensense_okta.storage import engine
from opensense_okta.storage.lake import IDENTITIES, Lake
from opensense_okta.storage.partition import at_once
from opensense_okta.storage.sql import Sql


def load(
    connection: duckdb.DuckDBPyConnection, lake: Lake, day: date, *, own: bool = True
) -> date | None:
    """Makes table `ledger` from the days published up to this day; returns the newest of them.

    Args:
        connection: on which the table is made.
        lake: of the organization.
        day: the day.
        own: whether the day's own file is read.
    """
    Sql(connection, __package__).run("ledger.sql")
    listed = lake.listed(IDENTITIES)
    days = [
        published
        for published in listed.ledger_days()
        if published < day or (own and published == day)
    ]
    if days:
        files = [str(path) for path in at_once(lake.store, listed.ledger, days)]
        connection.read_parquet(files, union_by_name=True).create_view("ledger_files", replace=True)
        connection.execute("insert into ledger by name from ledger_files")
    return max(days, default=None)


def write(
    lake: Lake, day: date, accounts: Path, links: Path, unfinished: Path, *, own: bool = True
) -> None:
    """Writes the day's rows to a file, which the caller then moves into the ledger.

    Args:
        lake: of the organization.
        day: the day that is published.
        accounts: file of the resolved day's table `accounts`.
        links: file of the day's `account_links`; version 0.1 wrote none.
        unfinished: the file to write.
        own: whether what earlier publications of the day wrote is kept; False: that file is damaged.
    """
    with engine.start(lake.scratch) as connection:
        sql = Sql(connection, __package__)
        load(connection, lake, day, own=own)
        engine.view(connection, "accounts", accounts)
        if links.exists():
            engine.view(connection, "account_links", links)
        else:
            sql.run("no_links.sql")
        sql.run("new_ledger_rows.sql", day=str(day))
        engine.store(connection, "new_ledger_rows", unfinished)
