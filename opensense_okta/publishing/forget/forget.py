"""Forgets a person: replaces each file that has rows of the person by one without them, under the same name.

The ids of tables name the read that made them, not their bytes. So digests, approvals and what the guards
compare with stay valid.
"""

from datetime import datetime

from opensense_okta.config.models import Organization
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.publishing.forget.database import remove_from_database
from opensense_okta.publishing.forget.exported_files import ExportSearch, stored_exports
from opensense_okta.publishing.forget.plan import Person, Plan, marking, plan_forgetting
from opensense_okta.publishing.forget.records import Begun, Forgotten, begin, begun, complete
from opensense_okta.publishing.forget.stored_tables import (
    StoredTable,
    count_forgotten,
    stored_tables,
    view_marked,
)
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import HISTORY, SNAPSHOTS, UNNAMED_FILES_KEPT, Lake
from opensense_okta.storage.partition import MANIFEST
from opensense_okta.storage.sql import Sql
from opensense_okta.storage.state_files import seen_state, write_state


def forget(
    organization: Organization, lake: Lake, person: Person, by: str, now: datetime
) -> Forgotten:
    """Removes a person from every stored day, the ledger, the exports in the lake and the published database.

    The caller must hold the organization's lock. If the process is killed, the same call for the person of
    `begun` completes the work.

    Args:
        organization: whose.
        lake: of the organization.
        person: who is forgotten.
        by: who starts it.
        now: the current time, with its time zone.

    Raises:
        StillThere: a directory, the published directory or the last export still has the person.
        TableDamaged: a table cannot be read, so nobody knows whether the person is in it.
        Changed: another process replaced a file since.
    """
    plan = plan_forgetting(organization, lake, person, organization.today(now))
    earlier = begun(lake)
    work = earlier or Begun(
        person_id=person.person_id,
        accounts=person.accounts,
        by=by,
        forgotten=_counts(lake, plan),
    )
    begin(lake, work)
    # What killed processes left, also pages: the next read begins with its first page.
    lake.sweep(now + 2 * UNNAMED_FILES_KEPT)
    with marking(lake, person) as sql:
        search = ExportSearch(sql, organization, lake, plan.texts)
        for files in stored_exports(organization, lake):
            search.remove(files, again=earlier is not None)
        lake.store.remove([HISTORY])  # the next publication makes it again, from the days
        changed = {table.folder for table in plan.tables}
        for folder in stored_tables(lake):
            if folder[0].folder in changed:
                _remove_from_tables(sql, lake, folder)
        if plan.in_database:
            remove_from_database(sql, lake)
    for partition, count in work.forgotten.items():
        _write_count(lake, partition, count)
    done = Forgotten(at=now, by=work.by, files=plan.files, rows=plan.rows)
    complete(lake, done)
    return done


def _remove_from_tables(sql: Sql, lake: Lake, folder: list[StoredTable]) -> None:
    for view, table in view_marked(sql, lake, folder).items():
        if count_forgotten(sql, view):
            over, unfinished = (
                lake.store.version(table.name),
                lake.unfinished(table.name.replace("/", "-")),
            )
            sql.run("kept.sql", marked=view)
            engine.store(sql.connection, "kept", unfinished)
            lake.store.keep(unfinished, table.name, over)


def _counts(lake: Lake, plan: Plan) -> dict[str, int]:
    """What the manifest of each changed day will say: earlier people, and these."""
    counts = {}
    for table, rows in plan.tables.items():
        if table.counts:
            manifest = seen_state(lake.store, *_manifest(table.partition)).content
            if manifest and table.folder == f"{table.partition}/{manifest.id}":
                counts[table.partition] = manifest.forgotten + rows
    return counts


def _write_count(lake: Lake, partition: str, count: int) -> None:
    name, kind = _manifest(partition)
    seen = seen_state(lake.store, name, kind)
    if seen.content is not None:
        counted = seen.content.model_copy(update={"forgotten": count})
        write_state(lake.store, name, counted, seen.version)


def _manifest(partition: str) -> tuple[str, type[SnapshotManifest | ResolvedManifest]]:
    of_snapshot = partition.startswith(SNAPSHOTS)
    return f"{partition}/{MANIFEST}", SnapshotManifest if of_snapshot else ResolvedManifest
