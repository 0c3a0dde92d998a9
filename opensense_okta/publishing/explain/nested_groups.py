"""The groups in groups of a day, which explain how a person is in a group without being a direct member."""

import duckdb

from opensense_okta.directories.snapshot import NESTED_GROUPS
from opensense_okta.publishing.explain.find_person import StoredDay
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import is_stored
from opensense_okta.storage.sql import Sql


def load_nested_groups(connection: duckdb.DuckDBPyConnection, lake: Lake, day: StoredDay) -> None:
    """Makes the table `nested_groups` of the snapshots that the day was resolved from.

    The id of a snapshot finds its tables also after a later read of its day has replaced it. A snapshot whose
    tables were removed is left out.
    """
    sql = Sql(connection, __package__)
    sql.run("no_nested_groups.sql")
    for directory, source in day.resolved.sources.items():
        nested = lake.snapshot(directory, source.day).table_of(source.id, NESTED_GROUPS)
        if is_stored(nested):
            engine.view(connection, "raw_nested_groups", nested)
            sql.run("nested_groups.sql", directory=directory)
