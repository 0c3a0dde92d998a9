"""Deletes old resolved days and old snapshots, as the organization's `retention` says.

Whatever the rules say, these are kept: the published tables, the tables of the day they were compared
with, the snapshots they were resolved from, and the newest snapshot of each directory, on which the
next read is based. Retention never deletes the identity ledger, exports, the stored state of exports,
or reports. Table `people_history` is built from the stored days, so it begins with the oldest of them.
"""

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path

from opensense_okta.config.models import Organization
from opensense_okta.publishing.published import published
from opensense_okta.storage.lake import MANIFEST, PUBLISHED, Lake, days_in


@dataclass(frozen=True)
class Removed:
    """The days, snapshots and files that were deleted.

    Attributes:
        days: the resolved days, oldest first.
        snapshots: the days of each directory's snapshots, oldest first.
        bytes: the size of both.
        swept: files and folders that no manifest refers to any more.
    """

    days: tuple[date, ...] = ()
    snapshots: Mapping[str, tuple[date, ...]] = field(default_factory=dict)
    bytes: int = 0
    swept: int = 0


def delete_expired(organization: Organization, lake: Lake, now: datetime) -> Removed:
    """Deletes days and snapshots that have expired, and unreferenced files in the lake.

    The caller must hold the organization's lock. If the process is killed, each day is either complete
    or deleted.

    Args:
        organization: the organization; its `retention` applies.
        lake: the lake of the organization.
        now: the current time, with its time zone.
    """
    days = _old_days(organization, lake, now)
    snapshots = _old_snapshots(organization, lake)
    folders = [
        *(lake.resolved(day).folder for day in days),
        *(lake.snapshot(name, day).folder for name, old in snapshots.items() for day in old),
    ]
    size = sum(_size(folder) for folder in folders)
    for folder in folders:
        # Without these files the day does not exist, so no process reads an incomplete day.
        (folder / PUBLISHED).unlink(missing_ok=True)
        (folder / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(folder)
    return Removed(tuple(days), snapshots, size, lake.sweep(now))


def _old_days(organization: Organization, lake: Lake, now: datetime) -> list[date]:
    kept_days = organization.retention.days
    if kept_days is None:
        return []
    last = published(lake)
    needed = {ref.day for ref in (last, last.base if last else None) if ref}
    first_kept = organization.today(now) - timedelta(days=kept_days)
    # Folders are listed, not manifests: a killed process may have left a day without a manifest.
    stored = days_in(lake.folder / "resolved")
    return [day for day in stored if day < first_kept and day not in needed]


def _old_snapshots(organization: Organization, lake: Lake) -> dict[str, tuple[date, ...]]:
    kept = organization.retention.snapshots
    if kept is None:
        return {}
    last = published(lake)
    used = last.resolved.sources if last else {}
    found: dict[str, tuple[date, ...]] = {}
    for folder in sorted(lake.folder.glob("snapshots/directory=*")):
        directory = folder.name.removeprefix("directory=")
        needed = {used[directory].day} if directory in used else set()
        whole = lake.snapshot_days(directory)
        first_kept = whole[-kept:][:1]
        old = tuple(
            day
            for day in days_in(folder)
            if first_kept and day < first_kept[0] and day not in needed
        )
        if old:
            found[directory] = old
    return found


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in _files(folder))


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
