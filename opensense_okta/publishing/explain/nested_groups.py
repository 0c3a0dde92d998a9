"""The groups in groups of a day, which explain how a person is in a group without being a direct member."""

import duckdb

from opensense_okta.directories.snapshot import NESTED_GROUPS, SnapshotManifest
from opensense_okta.publishing.explain.find_person import StoredDay
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql


def load_nested_groups(connection: duckdb.DuckDBPyConnection, lake: Lake, day: StoredDay) -> None:
    """Makes the table `nested_groups` of the snapshots that the day was resolved from.

    A snapshot that retention removed, or that a later read of its day replaced, is left out.
    """
    sql = Sql(connection, __package__)
    sql.run("no_nested_groups.sql")
    for directory, source in day.resolved.sources.items():
        partition = lake.snapshot(directory, source.day)
        manifest = partition.manifest(SnapshotManifest)
        if manifest and manifest.id == source.id and NESTED_GROUPS in manifest.tables:
            engine.view(connection, "raw_nested_groups", partition.table(manifest, NESTED_GROUPS))
            sql.run("nested_groups.sql", directory=directory)
