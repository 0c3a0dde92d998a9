"""The stored tables that have rows about people, and which of their rows go."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from typing import Final

from opensense_okta.config.locations import EXPORTED
from opensense_okta.storage import engine
from opensense_okta.storage.lake import IDENTITIES, RESOLVED, SNAPSHOTS, Lake
from opensense_okta.storage.partition import local_file
from opensense_okta.storage.sql import Sql

PEOPLE: Final = "people"

OF_SNAPSHOTS: Final[Mapping[str, str]] = {
    "raw_users": "raw_users",
    "memberships": "raw_memberships",
    "carry_over": "raw_memberships",
}
OF_PEOPLE: Final[Mapping[str, str]] = {
    "accounts": "accounts",
    "account_links": "account_links",
    "people": PEOPLE,
    "people_history": PEOPLE,
    "memberships": "rows_of_people",
    "addresses": "rows_of_people",
    "unused_dates": "rows_of_people",
    "provenance": "rows_of_people",
    "conflicts": "conflicts",
    "changes": "changes",
}
"""The macro of `marked.sql` for each table, by the first word of its file's name."""

NAME: Final = re.compile(r"(?P<partition>.+)/(?P<id>[0-9a-f]{16})/(?P<table>[^/.]+)\.parquet")


@dataclass(frozen=True)
class StoredTable:
    """A stored file with rows about people.

    Attributes:
        name: of the file in the lake.
        kind: the macro that marks its rows.
        folder: its tables are of one day and were made together.
        partition: the folder of the day, which has its manifest; empty: it has none.
        directory: of a snapshot; empty: it is of no snapshot.
    """

    name: str
    kind: str
    folder: str
    partition: str = ""
    directory: str = ""

    @property
    def day(self) -> str:
        """The day of a snapshot or resolved day, such as 2026-11-23."""
        return self.partition.rpartition("date=")[2]

    @property
    def is_of_person(self) -> bool:
        """Whether a row is an account or a person, not only something about them."""
        return self.kind in ("raw_users", "accounts", PEOPLE)

    @property
    def counts(self) -> bool:
        """Whether the manifest of its day counts the rows that were forgotten: each is a person or a user."""
        return bool(self.partition) and self.kind in (PEOPLE, "raw_users")


def stored_tables(lake: Lake) -> Iterator[list[StoredTable]]:
    """All stored tables with rows about people, those of a day together, with `people` last.

    The rows of `people` say whose rows go from the other tables of the day. So these go first. What a killed
    process left is not included: it may be incomplete, and is removed as a whole.
    """
    unreferenced = lake.unreferenced()
    named = (table for name in sorted(_parquet(lake)) if (table := _table(name)))
    tables = [table for table in named if table.folder not in unreferenced]
    for _, of_folder in groupby(tables, key=attrgetter("folder")):
        yield sorted(of_folder, key=lambda table: table.kind == PEOPLE)


def _parquet(lake: Lake) -> Iterator[str]:
    for folder in (SNAPSHOTS, RESOLVED, EXPORTED, IDENTITIES):
        for entry in lake.store.entries(folder):
            if entry.name.endswith(".parquet"):
                yield entry.name


def _table(name: str) -> StoredTable | None:
    folder = name.partition("/")[0]
    if folder == IDENTITIES:
        return StoredTable(name, "accounts", name)
    match = NAME.fullmatch(name)
    if match is None:
        return None
    kinds = OF_SNAPSHOTS if folder == SNAPSHOTS else OF_PEOPLE
    kind = kinds.get(match["table"].partition("-")[0])
    if kind is None:
        return None
    partition = "" if folder == EXPORTED else match["partition"]
    directory = partition.split("/")[1].removeprefix("directory=") if folder == SNAPSHOTS else ""
    return StoredTable(name, kind, f"{match['partition']}/{match['id']}", partition, directory)


def view_marked(sql: Sql, lake: Lake, folder: list[StoredTable]) -> dict[str, StoredTable]:
    """Makes a view of each table of a folder, with the column `forgotten`; returns the tables by view.

    Args:
        sql: has the macros of `marked.sql`, and the variables `person` and `accounts`.
        lake: of the organization.
        folder: the tables of one folder.
    """
    tables = {f"marked_{number}": table for number, table in enumerate(folder)}
    people = []
    for view, table in tables.items():
        engine.view(sql.connection, f"stored_{view}", local_file(lake.store, table.name))
        if table.kind == PEOPLE:
            people.append(f"stored_{view}")
    sql.run("person_of_day.sql", directory=folder[0].directory)
    for stored in people:
        sql.run("others_of_day.sql", people=stored)
    for view, table in tables.items():
        sql.connection.execute(
            f"create or replace temp view {view} as from marked_{table.kind}('stored_{view}')"
        )
    return tables


def count_forgotten(sql: Sql, view: str) -> int:
    """The number of rows of a marked table that go.

    Raises:
        TableDamaged: the table cannot be read, so nobody knows whether the person is in it.
    """
    return sql.row("count_forgotten.sql", int, marked=view)
