"""What Dagster shows of the tables: keys, descriptions, columns and numbers, and no personal data."""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
import duckdb

from opensense_okta.directories.snapshot import Finding, SnapshotManifest, Table
from opensense_okta.publishing.publish import Publication

RAW: Mapping[Table, str] = {
    "raw_users": "One row per user, as the directory returned it on the partition's day: all statuses,"
    " the whole profile as JSON.",
    "raw_groups": "One row per group, as the directory returned it on the partition's day.",
    "memberships": "One row per user in a group, as the directory returned it on the partition's day.",
}

RESOLVED: Mapping[str, str] = {
    "accounts": "One row per user record of a directory, in the common vocabulary, with the person it"
    " belongs to.",
    "people": "One row per person: whoever has an account; `active` says who counts.",
    "provenance": "One row per filled value of a person: the directory and the rule that gave it, and"
    " what lost.",
    "groups": "One row per group of a directory, with the number of people in it.",
    "memberships": "One row per person in a group.",
}

MADE_OF: Mapping[str, tuple[tuple[Table, ...], tuple[str, ...]]] = {
    "accounts": (("raw_users",), ()),
    "people": ((), ("accounts",)),
    "provenance": ((), ("accounts", "people")),
    "groups": (("raw_groups", "memberships"), ("people",)),
    "memberships": (("memberships",), ("people", "groups")),
}
"""What each resolved table is made of: raw tables of every directory, and resolved ones."""

PUBLISHED = (
    "The published directory: the last resolved day that passed its guards, as a DuckDB file that is"
    " replaced in one step. A day that does not pass is held back, and the file stays as it was."
)

COLUMNS: Mapping[str, str] = {
    "id": "The directory's own id of the record.",
    "status": "As the directory writes it.",
    "type_id": "Which of the directory's user types it is.",
    "profile": "Every attribute, as read.",
    "captured_at": "When the page that held it was read.",
    "person_id": "The person, the same every day.",
    "active": "Whether the account or person counts.",
    "directories": "Which directories know the person.",
    "accounts": "The person's accounts, as directory/id.",
    "manager": "As the source writes it.",
    "manager_id": "The manager's person_id, where exactly one person fits.",
    "group_id": "The group.",
    "user_id": "The user.",
    "members_count": "In raw tables the API's own statistics, a hint; in groups the people in it.",
    "rule": "Why this value won.",
    "losing": "The values that lost, each with its directory.",
}


def key(*parts: str) -> dg.AssetKey:
    """An asset's key: organization, directory where there is one, table."""
    return dg.AssetKey(list(parts))


def columns(path: Path) -> dg.TableSchema:
    """The columns of a Parquet file."""
    with duckdb.connect() as connection:
        read = connection.read_parquet(str(path))
        described = zip(read.columns, read.types, strict=True)
        return dg.TableSchema(
            [dg.TableColumn(name, str(type_), COLUMNS.get(name)) for name, type_ in described]
        )


def of_table(rows: int, path: Path) -> dict[str, dg.MetadataValue]:
    """What every table shows."""
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(rows),
        "dagster/column_schema": dg.MetadataValue.table_schema(columns(path)),
        "bytes": dg.MetadataValue.int(path.stat().st_size),
    }


def of_snapshot(manifest: SnapshotManifest, *, kept: bool) -> dict[str, dg.MetadataValue]:
    """How a snapshot was read."""
    cost = manifest.cost
    headroom = (
        {}
        if cost.headroom is None
        else {"rate_limit_headroom": dg.MetadataValue.float(cost.headroom)}
    )
    return {
        "captured_from": dg.MetadataValue.timestamp(manifest.started),
        "captured_to": dg.MetadataValue.timestamp(manifest.finished),
        "seconds": dg.MetadataValue.float(
            round((manifest.finished - manifest.started).total_seconds(), 1)
        ),
        "requests": dg.MetadataValue.int(0 if kept else cost.requests),
        "retried_requests": dg.MetadataValue.int(0 if kept else cost.retries),
        "pages": dg.MetadataValue.int(cost.pages),
        "resumed_pages": dg.MetadataValue.int(cost.resumed_pages),
        "groups_read": dg.MetadataValue.int(manifest.evidence["groups_read"]),
        "groups_carried_over": dg.MetadataValue.int(manifest.evidence["groups_carried_over"]),
        "memberships_drifted": dg.MetadataValue.int(manifest.evidence["memberships_drifted"]),
        "received_bytes": dg.MetadataValue.int(cost.received),
        "waits": dg.MetadataValue.int(cost.waits),
        "waited_seconds": dg.MetadataValue.float(cost.waited),
        "mode": dg.MetadataValue.text(manifest.mode),
        "kept": dg.MetadataValue.bool(kept),
        "snapshot": dg.MetadataValue.text(manifest.id),
        **headroom,
    }


def of_publication(publication: Publication, database: Path) -> dict[str, dg.MetadataValue]:
    """What is published now."""
    difference = publication.difference
    changed = (
        {}
        if difference is None
        else {
            "compared_with": dg.MetadataValue.text(str(difference.since)),
            "people_added": dg.MetadataValue.int(difference.added),
            "people_removed": dg.MetadataValue.int(difference.removed),
            "people_changed": dg.MetadataValue.int(difference.changed),
        }
    )
    return {
        "published_day": dg.MetadataValue.text(str(publication.newer or publication.day)),
        "replaced": dg.MetadataValue.bool(publication.newer is None),
        "database": dg.MetadataValue.path(str(database)),
        "bytes": dg.MetadataValue.int(database.stat().st_size),
        **{f"{table}_rows": dg.MetadataValue.int(n) for table, n in publication.rows.items()},
        **changed,
    }


def check_result(finding: Finding, asset: dg.AssetKey) -> dg.AssetCheckResult:
    """A finding as Dagster shows it: an error where it holds publishing back, else a warning."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=finding.name,
        passed=finding.passed,
        severity=dg.AssetCheckSeverity.ERROR if finding.holds else dg.AssetCheckSeverity.WARN,
        description=finding.says,
        metadata=dict(finding.numbers),
    )
