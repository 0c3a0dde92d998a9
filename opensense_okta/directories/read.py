"""Reads a directory into a snapshot: the part that all kinds have in common.

An interrupted read leaves an open snapshot: a staged partition with the pages read so far. The next sync of
the day continues it if the last page is at most 75 minutes and the first at most six hours old. Later the
pages are too old to be consistent with new ones, and the read restarts.
"""

import asyncio
import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from time import process_time

import duckdb
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from opensense_okta.config.attributes import list_attributes
from opensense_okta.config.directory_models import Directory
from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.directories.checkpoint import ReadCheckpoint, last_page_at
from opensense_okta.directories.checks import TABLES, Table
from opensense_okta.directories.errors import (
    DirectoryError,
    PastDay,
    StorageTrouble,
    storage_trouble,
)
from opensense_okta.directories.kinds import kind_of
from opensense_okta.directories.narrowing import (
    CARRY_OVER,
    CARRY_OVER_GROUPS,
    is_narrowed,
    left_out_before,
    narrow,
    store_carry_over,
)
from opensense_okta.directories.protocol import SHARED_SQL, Listener, PreviousSnapshot, Progress
from opensense_okta.directories.segments import Segments
from opensense_okta.directories.snapshot import NESTED_GROUPS, SnapshotManifest
from opensense_okta.directories.snapshot_checks import base_snapshot
from opensense_okta.storage import engine
from opensense_okta.storage.files import make_private_dir
from opensense_okta.storage.lake import OLDEST_PAGE, PAGES_KEPT, Lake
from opensense_okta.storage.partition import Partition, StagedPartition, is_stored
from opensense_okta.storage.sql import Sql
from opensense_okta.storage.state_files import StateFileDamaged, read_state, write_state
from opensense_okta.storage.store import ABSENT

OPEN = "open.json"

READ_AFTER_MIDNIGHT = timedelta(hours=2)
"""How long after the end of a day an attempt group that was begun on that day may read for it."""


@dataclass(frozen=True)
class Run:
    """The run that reads, and the group of the day's sync and its retries that the run belongs to.

    Attributes:
        full: whether all memberships are read, also the unchanged ones.
        begun: when the first run of the group was created; None: now.
    """

    id: str
    attempt_group: str
    full: bool = False
    begun: datetime | None = None


class OpenSnapshot(BaseModel):
    """The plan of a read, so that a later run can resume it.

    Attributes:
        settings: digest of the source and the scope.
        before: day and id of the snapshot from which unchanged memberships are carried over.
        full: whether all memberships are read.
        full_read: the day of the last full read.
    """

    model_config = ConfigDict(frozen=True)

    started: datetime
    settings: str
    before: tuple[date, str] | None
    full: bool = Field(validation_alias=AliasChoices("full", "everything"))
    full_read: date


OpenDraft = tuple[StagedPartition, OpenSnapshot, Segments | None]


def take_snapshot(
    organization: Organization, directory: str, day: date, lake: Lake, run: Run, listener: Listener
) -> SnapshotManifest:
    """The directory's snapshot of the day: read now, or the stored one if it is still valid.

    A stored snapshot is used again within its attempt group, and by every run that may not read for
    the day.

    Raises:
        DirectoryError: the read failed; the stored snapshots are unchanged.
    """
    partition, now = lake.snapshot(directory, day), datetime.now(UTC)
    with _with_subject(f"{organization.name}/{directory}"):
        stored = partition.manifest(SnapshotManifest)
        readable = _may_read(organization, day, run.begun or now, now)
        if stored is not None and (stored.attempt_group == run.attempt_group or not readable):
            return stored
        if not readable:
            raise _past_day(organization, directory, day, lake, run.begun or now)
        settings = organization.directories[directory]
        before = base_snapshot(lake, directory, day)
        wanted = _wanted(settings, before, day, run, now)
        found = _open_snapshot(partition, wanted, now, listener)
        draft = found or _begin(partition, wanted)
        try:
            manifest = _read(organization, directory, lake, day, run, draft, listener)
            partition.commit(draft[0], manifest)
        except Exception as error:
            if not (isinstance(error, UserError) and error.transient):
                partition.discard(draft[0])
            raise
        return manifest


def stored_snapshot(
    organization: Organization, directory: str, day: date, lake: Lake
) -> SnapshotManifest:
    """The stored snapshot of the day; nothing is read.

    Raises:
        PastDay: there is none.
    """
    with _with_subject(f"{organization.name}/{directory}"):
        stored = lake.snapshot(directory, day).manifest(SnapshotManifest)
        if stored is None:
            raise PastDay(
                f"There is no snapshot of {day}, and checks alone read nothing.",
                impact="Nothing that is stored was touched.",
                remedy="Materialize the tables of the directory.",
            )
        return stored


def settings_digest(settings: Directory) -> str:
    """A digest of the source and the scope of a read."""
    source_scope = kind_of(settings).source_scope(settings)
    return hashlib.sha256(json.dumps(source_scope, sort_keys=True).encode()).hexdigest()[:16]


@contextmanager
def _with_subject(directory: str) -> Iterator[None]:
    """Makes every error a DirectoryError that names the directory."""
    try:
        yield
    except DirectoryError as error:
        error.subject = directory
        raise
    except (OSError, duckdb.IOException) as error:
        trouble = storage_trouble(error)
        trouble.subject = directory
        raise trouble from error
    except duckdb.Error as error:  # its text may quote a record
        odd = StorageTrouble(
            f"The records that were read could not be stored ({type(error).__name__}).",
            remedy="A retry does not help. Update opensense_okta; if it continues, report it.",
            transient=False,
        )
        odd.subject = directory
        raise odd from None


def _wanted(
    settings: Directory, before: SnapshotManifest | None, day: date, run: Run, now: datetime
) -> OpenSnapshot:
    """The plan of a read that begins now."""
    digest = settings_digest(settings)
    if before is None or before.settings != digest:
        return OpenSnapshot(started=now, settings=digest, before=None, full=True, full_read=day)
    due = day - before.full_read >= timedelta(days=kind_of(settings).full_read_days(settings))
    full = run.full or due
    return OpenSnapshot(
        started=now,
        settings=digest,
        before=(before.day, before.id),
        full=full,
        full_read=day if full else before.full_read,
    )


def _open_snapshot(
    partition: Partition, wanted: OpenSnapshot, now: datetime, listener: Listener
) -> OpenDraft | None:
    """The newest open snapshot with the wanted plan, or with a full read of the same source."""
    found = []
    for staged in partition.open_drafts():
        try:
            opened = read_state(partition.store, staged.page_document(OPEN), OpenSnapshot)
        except StateFileDamaged:  # a killed process wrote it; its pages are not used
            continue
        if opened is None:
            continue
        same = (opened.settings, opened.before) == (wanted.settings, wanted.before)
        enough = opened.full or not wanted.full
        if not (same and enough):
            continue
        pages = _segments(partition, staged)
        last = last_page_at(staged.pages) or opened.started
        if now - last <= PAGES_KEPT and now - opened.started <= OLDEST_PAGE:
            found.append((staged, opened, pages))
        else:
            listener(Progress("pages", 0, note=_too_old(opened.started, last)))
    youngest = max(found, key=lambda draft: draft[1].started, default=None)
    if youngest is not None:
        youngest[0].forget_all_but_pages()
    return youngest


def _too_old(first: datetime, last: datetime) -> str:
    return (
        f"an interrupted read, of {first:%H:%M} to {last:%H:%M} UTC, is too old to be continued: everything"
        " is read again"
    )


def _segments(partition: Partition, staged: StagedPartition) -> Segments | None:
    """The pages of a read as they are stored; None where the files of this machine are what is stored."""
    if partition.store.is_local:
        return None
    return Segments(partition.store, staged.pages_name, staged.pages)


def _begin(partition: Partition, wanted: OpenSnapshot) -> OpenDraft:
    staged = partition.draft()
    make_private_dir(staged.pages)
    write_state(partition.store, staged.page_document(OPEN), wanted, ABSENT)
    return staged, wanted, _segments(partition, staged)


def _may_read(organization: Organization, day: date, begun: datetime, now: datetime) -> bool:
    """Whether an attempt group may read for a day: its first run decides, not the time of the read.

    A sync that crosses midnight between two directories, waits for another run or is retried after
    midnight still belongs to its day.
    """
    if organization.today(begun) != day:
        return False
    return now.astimezone(UTC) < organization.end_of(day) + READ_AFTER_MIDNIGHT


def _past_day(
    organization: Organization, directory: str, day: date, lake: Lake, begun: datetime
) -> PastDay:
    today = organization.today(datetime.now(UTC))
    if day > today:
        return PastDay(f"{day} has not begun: today is {today}.", remedy="Ask for today.")
    earlier = [stored for stored in lake.snapshot_days(directory) if stored < day]
    remedy = (
        f"Start the job {organization.name}__resolve for {day}: it resolves the newest snapshot before"
        f" it, of {earlier[-1]}."
        if earlier
        else f"Choose a later day: nothing is stored up to {day}, and the first day that can be resolved is"
        " the day of the first snapshot."
    )
    late = (
        f" This sync was started on {day}, but a day is read until two hours after its end at the latest."
        if organization.today(begun) == day
        else ""
    )
    return PastDay(
        f"There is no snapshot of {day}, and an API only returns the data of today, which is {today}.{late}",
        impact="Nothing was read, and nothing that is stored was touched.",
        remedy=remedy,
    )


def _read(
    organization: Organization,
    directory: str,
    lake: Lake,
    day: date,
    run: Run,
    draft: OpenDraft,
    listener: Listener,
) -> SnapshotManifest:
    staged, opened, pages = draft
    carried, begun = _previous_snapshot(lake, directory, opened), process_time()
    # From an earlier day, so that a second read of a day is compared like the first one.
    before = base_snapshot(lake, directory, day - timedelta(days=1))
    settings = organization.directories[directory]
    kind = kind_of(settings)
    with (
        ReadCheckpoint(staged.pages, kind.files, pages) as checkpoint,
        engine.start(staged.folder) as connection,
    ):
        shared_sql = Sql(connection, SHARED_SQL)
        shared_sql.run("no_nested_groups.sql")
        reader = kind.reader(settings, checkpoint, connection, carried, opened.full, listener)
        cost = asyncio.run(reader.run())
        checkpoint.save()
        rows = {table: engine.store(connection, table, staged.table(table)) for table in TABLES}
        engine.store(connection, "member_reads", staged.table("member_reads"))
        for table in TABLES:
            engine.view(connection, table, staged.table(table))
        evidence = {
            **reader.collect_evidence(),
            **_store_nested_groups(shared_sql, staged),
            **_compared(before, opened, kind.compared),
            "stale_after_days": organization.resolution.stale_after_days,
        }
        if is_narrowed(settings):
            rows, counts = narrow(connection, settings, list_attributes(organization), staged)
            evidence |= counts
        evidence |= left_out_before(evidence, before)
        store_carry_over(connection, settings, kind.members_read, staged)
        set_aside, first_set_aside = _set_aside(checkpoint, kind.files)
    return SnapshotManifest(
        id=staged.id,
        organization=organization.name,
        directory=directory,
        kind=settings.kind,
        day=day,
        run_id=run.id,
        attempt_group=run.attempt_group,
        mode="full" if opened.full else "incremental",
        settings=opened.settings,
        full_read=opened.full_read,
        before=before.day if before else None,
        started=opened.started,
        finished=datetime.now(UTC),
        cost=cost.model_copy(update={"cpu": round(process_time() - begun, 2)}),
        rows=rows,
        set_aside=set_aside,
        first_set_aside=first_set_aside,
        evidence=evidence,
    )


def _set_aside(
    checkpoint: ReadCheckpoint, listings: Sequence[str]
) -> tuple[dict[Table, int], dict[Table, tuple[int, int]]]:
    """For each table, how many records were set aside; and the place of the first of them."""
    files = dict(zip(TABLES, listings, strict=False))
    counts = {
        table: checkpoint.set_aside(files[table]) if table in files else 0 for table in TABLES
    }
    first = {table: place for table in files if (place := checkpoint.first_set_aside(files[table]))}
    return counts, first


def _store_nested_groups(shared_sql: Sql, staged: StagedPartition) -> dict[str, int]:
    """Stores the groups in groups, if there are any, and returns their counts."""
    counts = dict(shared_sql.rows("nested_groups_evidence.sql", tuple[str, int]))
    if counts[NESTED_GROUPS]:
        engine.store(shared_sql.connection, NESTED_GROUPS, staged.table(NESTED_GROUPS))
    return counts


def _previous_snapshot(lake: Lake, directory: str, opened: OpenSnapshot) -> PreviousSnapshot | None:
    if opened.before is None:
        return None
    day, snapshot = opened.before
    partition = lake.snapshot(directory, day)
    return PreviousSnapshot(
        users=partition.table_of(snapshot, "raw_users"),
        groups=partition.table_of(snapshot, "raw_groups"),
        memberships=partition.table_of(snapshot, "memberships"),
        member_reads=partition.table_of(snapshot, "member_reads"),
        carry_over=_if_stored(partition.table_of(snapshot, CARRY_OVER)),
        carry_over_groups=_if_stored(partition.table_of(snapshot, CARRY_OVER_GROUPS)),
        nested_groups=_if_stored(partition.table_of(snapshot, NESTED_GROUPS)),
    )


def _if_stored(table: Path) -> Path | None:
    return table if is_stored(table) else None


def _compared(
    before: SnapshotManifest | None, opened: OpenSnapshot, names: Sequence[str]
) -> dict[str, int]:
    """Counts of the last snapshot, and whether the scope has changed since."""
    known = before.evidence if before else {}
    return {
        **{f"{name}_before": known[name] for name in names if name in known},
        "users_before": known.get("users", before.rows["raw_users"]) if before else 0,
        "scope_changed": int(before is not None and before.settings != opened.settings),
    }
