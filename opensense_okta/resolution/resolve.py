"""Resolves one day: the newest snapshots not after it, under today's rules, into tables of people."""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple
from datetime import date

import duckdb
from pydantic import BaseModel, ConfigDict

from opensense_okta import engine
from opensense_okta.directories.snapshot import SnapshotManifest, newest_snapshot
from opensense_okta.lake import Lake, Manifest
from opensense_okta.organization import OktaDirectory, Organization
from opensense_okta.vocabulary import OKTA_ACTIVE, attributes, mapping

TABLES = ("accounts", "people", "provenance", "groups", "memberships")


class Source(BaseModel):
    """The snapshot that a directory contributed."""

    model_config = ConfigDict(frozen=True)

    day: date
    id: str


class ResolvedManifest(Manifest):
    """The commit of a resolved day.

    Attributes:
        sources: which snapshot of each directory it was made from.
        rules: digest of the rules it was made under.
        rows: of each table.
    """

    organization: str
    day: date
    sources: Mapping[str, Source]
    rules: str
    rows: Mapping[str, int]


class NothingToResolve(Exception):
    """No snapshot of a directory is stored for the day or before it."""

    def __init__(self, organization: str, directory: str, day: date) -> None:
        super().__init__(
            f"{organization}/{directory}: there is no snapshot of {day} or of a day before it, so there"
            " is nothing to resolve. An API only tells the present: choose a day from the first snapshot"
            f" on, or read one now with `opensense-okta sync {organization}`."
        )


def resolve(organization: Organization, day: date, lake: Lake) -> ResolvedManifest:
    """Makes the day's tables and commits them.

    Raises:
        NothingToResolve: a directory has no snapshot up to that day.
    """
    snapshots = {}
    for name in organization.directories:
        newest = newest_snapshot(lake, name, day)
        if newest is None:
            raise NothingToResolve(organization.name, name, day)
        snapshots[name] = newest
    shelf = lake.resolved(day)
    draft = shelf.draft()
    try:
        with engine.start(draft.folder) as connection:
            _fill(connection, organization, snapshots, lake)
            engine.run(connection, __package__, "people.sql")
            rows = {
                table: engine.store(connection, _relation(table), draft.table(table))
                for table in TABLES
            }
        manifest = ResolvedManifest(
            id=draft.id,
            organization=organization.name,
            day=day,
            sources={name: Source(day=taken.day, id=taken.id) for name, taken in snapshots.items()},
            rules=rules_digest(organization),
            rows=rows,
        )
        shelf.commit(draft, manifest)
    except BaseException:
        shelf.discard(draft)
        raise
    return manifest


def rules_digest(organization: Organization) -> str:
    """What identifies the rules of resolution: equal digests, equal rules."""
    rules = {
        "attributes": {name: dict(d.attributes) for name, d in _okta(organization).items()},
        "resolution": organization.resolution.model_dump(mode="json"),
    }
    return hashlib.sha256(repr(rules).encode()).hexdigest()[:16]


def _fill(
    connection: duckdb.DuckDBPyConnection,
    organization: Organization,
    snapshots: Mapping[str, SnapshotManifest],
    lake: Lake,
) -> None:
    directories = _okta(organization)
    engine.run(connection, __package__, "schema.sql", attributes=attributes(directories))
    for name, manifest in snapshots.items():
        shelf = lake.snapshot(name, manifest.day)
        engine.view(connection, "raw_users", shelf.table(manifest, "raw_users"))
        engine.view(connection, "raw_groups", shelf.table(manifest, "raw_groups"))
        engine.view(connection, "raw_memberships", shelf.table(manifest, "memberships"))
        connection.execute("delete from mapping")
        connection.executemany(
            "insert into mapping values (?, ?, ?, ?)",
            [astuple(row) for row in mapping(directories[name])],
        )
        engine.run(
            connection,
            __package__,
            "values.sql",
            directory=name,
            active_statuses=list(OKTA_ACTIVE),
        )
        engine.run(connection, __package__, "groups.sql", directory=name)


def _relation(table: str) -> str:
    return "groups_counted" if table == "groups" else table


def _okta(organization: Organization) -> dict[str, OktaDirectory]:
    return {
        name: directory
        for name, directory in organization.directories.items()
        if isinstance(directory, OktaDirectory)
    }
