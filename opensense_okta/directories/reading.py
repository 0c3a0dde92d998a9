"""Reads a directory into a snapshot: what every kind has in common.

A kind is a module with three functions: `read(settings, folder, listener)` leaves pages in a folder and
says what that cost; `tabulate(connection, folder)` makes the tables `raw_users`, `raw_groups` and
`memberships` of them; `weigh(connection)` returns the evidence for and against them.
"""

import asyncio
import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime

import duckdb

from opensense_okta import engine
from opensense_okta.directories import okta
from opensense_okta.directories.errors import DirectoryError, PastDay, StorageTrouble
from opensense_okta.directories.progress import Listener
from opensense_okta.directories.snapshot import TABLES, SnapshotManifest
from opensense_okta.lake import Draft, Lake, make_private
from opensense_okta.organization import OktaDirectory, Organization


@dataclass(frozen=True)
class Run:
    """Who reads: the run, and the chain of the day's sync and its retries that it belongs to."""

    id: str
    chain: str


def take_snapshot(
    organization: Organization, directory: str, day: date, lake: Lake, run: Run, listener: Listener
) -> SnapshotManifest:
    """The directory's snapshot of the day: read now, or kept when the day or the chain has one.

    Raises:
        DirectoryError: there is none; the one that stood before still stands.
    """
    shelf = lake.snapshot(directory, day)
    with _whose(f"{organization.name}/{directory}"):
        stored = shelf.manifest(SnapshotManifest)
        if stored is not None and (
            stored.chain == run.chain or day != organization.today(datetime.now(UTC))
        ):
            return stored
        _refuse_another_day(organization, directory, day, lake)
        draft = shelf.draft()
        try:
            manifest = _read(organization, directory, day, draft, run, listener)
            shelf.commit(draft, manifest)
        except BaseException:
            shelf.discard(draft)
            raise
        return manifest


@contextmanager
def _whose(directory: str) -> Iterator[None]:
    """Makes every error one that is typed and says whose directory it is about."""
    try:
        yield
    except DirectoryError as error:
        error.directory = directory
        raise
    except (OSError, duckdb.IOException) as error:
        trouble = _storage_trouble(error)
        trouble.directory = directory
        raise trouble from error


def _refuse_another_day(organization: Organization, directory: str, day: date, lake: Lake) -> None:
    today = organization.today(datetime.now(UTC))
    if day == today:
        return
    if day > today:
        raise PastDay(f"{day} is not over here yet: today is {today}.", remedy="Ask for today.")
    earlier = [stored for stored in lake.snapshot_days(directory) if stored < day]
    remedy = (
        f"Start the job {organization.name}__resolve for {day}: it resolves the newest snapshot before"
        f" it, of {earlier[-1]}."
        if earlier
        else f"Nothing is stored up to {day}; the first day that can be resolved is the day of the first"
        " snapshot."
    )
    raise PastDay(
        f"There is no snapshot of {day}, and an API only tells the present, which is {today}.",
        remedy=remedy,
    )


def _read(
    organization: Organization,
    directory: str,
    day: date,
    draft: Draft,
    run: Run,
    listener: Listener,
) -> SnapshotManifest:
    settings = organization.directories[directory]
    if not isinstance(settings, OktaDirectory):
        raise TypeError(f"no reader for directories of kind {settings.kind}")
    started = datetime.now(UTC)
    pages = make_private(draft.folder / "pages")
    cost, reading = asyncio.run(okta.read(settings, pages, listener))
    with engine.start(draft.folder) as connection:
        okta.tabulate(connection, pages)
        rows = {table: engine.store(connection, table, draft.table(table)) for table in TABLES}
        for table in TABLES:
            engine.view(connection, table, draft.table(table))
        evidence = okta.weigh(connection)
    shutil.rmtree(pages)
    return SnapshotManifest(
        id=draft.id,
        organization=organization.name,
        directory=directory,
        kind=settings.kind,
        day=day,
        run_id=run.id,
        chain=run.chain,
        mode="full",
        started=started,
        finished=datetime.now(UTC),
        cost=cost,
        rows=rows,
        set_aside=reading.set_aside,
        evidence=evidence,
    )


def _storage_trouble(error: OSError | duckdb.IOException) -> StorageTrouble:
    full = getattr(error, "errno", None) == errno.ENOSPC or "No space left" in str(error)
    reason = "the disk is full" if full else str(error)
    return StorageTrouble(
        f"What was read could not be written: {reason}.",
        remedy="Free space where OPENSENSE_DATA lies, or let its owner write there; then start the sync"
        " again.",
    )
