"""Snapshots written by hand into a lake, and the tables of a resolved day as plain rows."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import duckdb

from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import Table
from opensense_okta.directories.snapshot import NESTED_GROUPS, Cost, SnapshotManifest
from opensense_okta.publishing.published import Published, mark_name, record_publication
from opensense_okta.resolution import ledger
from opensense_okta.resolution.resolve import LINKS, ResolvedManifest
from opensense_okta.storage.files import atomic_write
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import MANIFEST
from tests.support.scratch import scratch

DAY = date(2026, 11, 23)

Row = dict[str, object]
Profile = Mapping[str, object]

RAW_TABLES: Mapping[Table, str] = {
    "raw_users": "id varchar, status varchar, created timestamptz, activated timestamptz,"
    " status_changed timestamptz, last_login timestamptz, last_updated timestamptz,"
    " password_changed timestamptz, type_id varchar, profile json, captured_at timestamptz",
    "raw_groups": "id varchar, type varchar, name varchar, description varchar, created timestamptz,"
    " last_updated timestamptz, last_membership_updated timestamptz, members_count bigint,"
    " profile json, captured_at timestamptz",
    "memberships": "group_id varchar, user_id varchar",
}

NESTED_COLUMNS = "group_id varchar, member_group_id varchar"

# The evidence of a good read of one user and of the group Everyone.
GOOD_EVIDENCE: Mapping[str, int] = {
    "users": 1,
    "groups": 1,
    "memberships": 1,
    "groups_gone": 0,
    "everyone": 1,
    "users_doubled": 0,
    "groups_doubled": 0,
    "users_listed": 1,
    "groups_listed": 1,
    "groups_read": 1,
    "groups_carried_over": 0,
    "memberships_drifted": 0,
    "groups_drifted": 0,
    "members_unknown": 0,
    "groups_unknown": 0,
    "groups_miscounted": 0,
    "logins_missing": 0,
    "emails_malformed": 0,
    "statuses_unknown": 0,
    "scoped_to_groups": 0,
    "users_before": 1,
    "scope_changed": 0,
}


OKTA: Mapping[str, object] = {
    "kind": "okta",
    "endpoint": "https://acme.okta.com",
    "api_token": {"env": "TOKEN"},
}


def organization(directory: str = "okta", **okta: object) -> Organization:
    """The organization acme with one directory, Okta, and the given settings."""
    return company({directory: {**OKTA, **okta}})


def company(directories: Mapping[str, object], **settings: object) -> Organization:
    """acme with these directories, highest first, and what else the test is about."""
    return Organization.model_validate(
        {
            "name": "acme",
            "timezone": "UTC",
            "first_day": "2026-11-01",
            "directories": dict(directories),
            **settings,
        }
    )


def user(user_id: str, profile: Profile | None = None, status: str | None = "ACTIVE") -> Row:
    """A row of raw_users."""
    return {"id": user_id, "status": status, "profile": json.dumps(profile or {})}


def group(group_id: str, name: str | None, description: str | None = None) -> Row:
    """A row of raw_groups."""
    described: Row = {"id": group_id, "name": name, "description": description}
    return described | {"type": "OKTA_GROUP", "profile": "{}"}


def store(
    lake: Lake,
    users: Iterable[Row] = (),
    groups: Iterable[Row] = (),
    memberships: Iterable[tuple[str, str]] = (),
    *,
    nested_groups: Iterable[tuple[str, str]] = (),
    day: date = DAY,
    directory: str = "okta",
    evidence: Mapping[str, int] | None = None,
    rows: Mapping[Table, int] | None = None,
    set_aside: Mapping[Table, int] | None = None,
) -> SnapshotManifest:
    """Commits a snapshot that holds these rows, in this order."""
    shelf = lake.snapshot(directory, day)
    draft = shelf.draft()
    written: dict[Table, list[Row]] = {
        "raw_users": list(users),
        "raw_groups": list(groups),
        "memberships": [{"group_id": g, "user_id": u} for g, u in memberships],
    }
    with scratch() as connection:
        for table, columns in RAW_TABLES.items():
            connection.execute(f"create table {table} ({columns})")
            for row in written[table]:
                names, marks = ", ".join(row), ", ".join("?" * len(row))
                connection.execute(
                    f"insert into {table} ({names}) values ({marks})",  # noqa: S608 - the test's own
                    list(row.values()),
                )
            connection.table(table).write_parquet(str(draft.table(table)))
        nested = list(nested_groups)
        if nested:
            connection.execute(f"create table {NESTED_GROUPS} ({NESTED_COLUMNS})")
            connection.executemany(f"insert into {NESTED_GROUPS} values (?, ?)", nested)  # noqa: S608 - a constant
            connection.table(NESTED_GROUPS).write_parquet(str(draft.table(NESTED_GROUPS)))
    read = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
    counted: dict[Table, int] = {
        table: len(rows_written) for table, rows_written in written.items()
    }
    manifest = SnapshotManifest(
        id=draft.id,
        organization=lake.organization,
        directory=directory,
        kind="okta",
        day=day,
        run_id=f"run of {day}",
        attempt_group=f"run of {day}",
        mode="full",
        settings="",
        full_read=date(2026, 11, 23),
        started=read,
        finished=read.replace(minute=5),
        cost=Cost(requests=7, retries=1, pages=6, received=9000, waits=2, waited=1.5, headroom=0.4),
        rows={**counted, **(rows or {})},
        set_aside={"raw_users": 0, "raw_groups": 0, "memberships": 0, **(set_aside or {})},
        evidence={**GOOD_EVIDENCE, NESTED_GROUPS: len(nested), **(evidence or {})},
    )
    shelf.commit(draft, manifest)
    return manifest


def restate(
    lake: Lake,
    *,
    day: date = DAY,
    directory: str = "okta",
    evidence: Mapping[str, int] | None = None,
    rows: Mapping[Table, int] | None = None,
    set_aside: Mapping[Table, int] | None = None,
) -> None:
    """Changes the numbers in the manifest of a stored snapshot."""
    shelf = lake.snapshot(directory, day)
    manifest = shelf.manifest(SnapshotManifest)
    assert manifest is not None
    numbers = {
        "evidence": {**GOOD_EVIDENCE, **(evidence or {})},
        "rows": {**manifest.rows, **(rows or {})},
        "set_aside": {**manifest.set_aside, **(set_aside or {})},
    }
    text = manifest.model_copy(update=numbers).model_dump_json(indent=2)
    atomic_write(shelf.folder / MANIFEST, text.encode())


def resolved(lake: Lake, table: str, *, day: date = DAY) -> list[Row]:
    """The rows of a table of a resolved day, sorted."""
    return rows_of(resolved_file(lake, table, day=day))


def resolved_file(lake: Lake, table: str, *, day: date = DAY) -> Path:
    """The file of a table of a resolved day."""
    shelf = lake.resolved(day)
    manifest = shelf.manifest(ResolvedManifest)
    assert manifest is not None
    return shelf.table(manifest, table)


def record_identities(lake: Lake, day: date, *, of_0_1: bool = False) -> None:
    """Adds a resolved day to the identity ledger, as publishing it does; or as version 0.1 did."""
    lake.ledger(day).parent.mkdir(exist_ok=True)
    written = lake.ledger(day).with_suffix(".new")
    accounts, links = (resolved_file(lake, name, day=day) for name in ("accounts", LINKS))
    ledger.write(lake, day, accounts, links, written)
    with scratch() as connection:
        rows = connection.read_parquet(str(written))
        columns = "directory, id, person_id, day" if of_0_1 else "*"
        rows.select(columns).write_parquet(str(lake.ledger(day)))
    written.unlink()


def rows_of(path: Path) -> list[Row]:
    """The rows of a Parquet file, sorted."""
    with scratch() as connection:
        return fetched(connection.read_parquet(str(path)).order("all"))


def fetched(relation: duckdb.DuckDBPyRelation) -> list[Row]:
    """A relation's rows by column."""
    return [dict(zip(relation.columns, row, strict=True)) for row in relation.fetchall()]


def columns_of(path: Path) -> dict[str, str]:
    """The columns of a Parquet file with their types."""
    with scratch() as connection:
        return typed_columns(connection.read_parquet(str(path)))


def typed_columns(relation: duckdb.DuckDBPyRelation) -> dict[str, str]:
    """A relation's columns with their types."""
    types = (str(kind).replace('"', "") for kind in relation.types)
    return dict(zip(relation.columns, types, strict=True))


def only(rows: Sequence[Row]) -> Row:
    """The only row."""
    (row,) = rows
    return row


def record(lake: Lake, publication: Published) -> None:
    """Stores that a day was published, over what is stored of it."""
    over = lake.store.version(mark_name(lake, publication.day))
    record_publication(lake, publication, over)
