"""Snapshots of CSV directories written by hand, and all tables of a day that was resolved from them.

The columns of the directories are named like the attributes.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime

from opensense_okta.directories.snapshot import NESTED_GROUPS, Cost, SnapshotManifest
from opensense_okta.resolution.resolve import TABLES, ResolvedManifest
from opensense_okta.storage.lake import Lake
from tests.support.scratch import scratch
from tests.support.stored import DAY, GOOD_EVIDENCE, NESTED_COLUMNS, RAW_TABLES, Row, fetched

Record = Mapping[str, object]
Tables = Mapping[str, list[Row]]

COLUMNS: Mapping[str, str] = {
    **{str(table): columns for table, columns in RAW_TABLES.items()},
    NESTED_GROUPS: NESTED_COLUMNS,
}


def account(account_id: str, values: Mapping[str, str], *, active: bool = True) -> Record:
    """A row of raw_users."""
    status = "ACTIVE" if active else "INACTIVE"
    return {"id": account_id, "status": status, "profile": json.dumps(values)}


def store(
    lake: Lake,
    directory: str,
    day: date,
    accounts: Sequence[Record],
    groups: Sequence[Record] = (),
    members: Sequence[tuple[str, str]] = (),
    nested: Sequence[tuple[str, str]] = (),
) -> None:
    """Commits a snapshot that holds these rows, in this order.

    Members are (group, account), nested groups (group, group that is its member).
    """
    shelf = lake.snapshot(directory, day)
    draft = shelf.draft()
    written: dict[str, Sequence[Record]] = {
        "raw_users": accounts,
        "raw_groups": groups,
        "memberships": [{"group_id": group, "user_id": user} for group, user in members],
    }
    if nested:
        written[NESTED_GROUPS] = [{"group_id": g, "member_group_id": m} for g, m in nested]
    with scratch() as connection:
        for table, rows in written.items():
            connection.execute(f"create table {table} ({COLUMNS[table]})")
            if rows:
                columns = json.dumps([dict.fromkeys(rows[0], "varchar")])
                connection.execute(
                    f"insert into {table} by name select unnest(from_json(?, ?), recursive := true)",
                    [json.dumps(rows), columns],
                )
            connection.table(table).write_parquet(str(draft.table(table)))
    read = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    manifest = SnapshotManifest(
        id=draft.id,
        organization=lake.organization,
        directory=directory,
        kind="csv",
        day=day,
        run_id=f"run of {day}",
        attempt_group=f"run of {day}",
        mode="full",
        settings="",
        full_read=day,
        started=read,
        finished=read.replace(minute=5),
        cost=Cost(),
        rows={table: len(written[table]) for table in RAW_TABLES},
        set_aside={"raw_users": 0, "raw_groups": 0, "memberships": 0},
        evidence={**GOOD_EVIDENCE, "file_age_days": 0, NESTED_GROUPS: len(nested)},
    )
    shelf.commit(draft, manifest)


def tables_of(lake: Lake, day: date = DAY) -> Tables:
    """The rows of every table of a resolved day, sorted."""
    shelf = lake.resolved(day)
    manifest = shelf.manifest(ResolvedManifest)
    assert manifest is not None
    with scratch() as connection:
        return {
            table: fetched(connection.read_parquet(str(shelf.table(manifest, table))).order("all"))
            for table in TABLES
        }
