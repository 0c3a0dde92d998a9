"""Deletes old resolved days, snapshots, dated exports and reports, as the organization's `retention` says.

Whatever the rules say, these are kept: the published tables, the tables of the day they were compared
with, the snapshots they were resolved from, and the newest snapshot of each directory of the organization
file, on which the next read is based. The exports and reports of these days stay, too, and the last
delivered export. Retention never deletes the identity ledger, the stored state of exports, or exports
outside of the lake. Table `people_history` is built from the stored days, so it begins with the oldest of
them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.dated import dated_exports
from opensense_okta.publishing.exports.state import last_export
from opensense_okta.publishing.published import published
from opensense_okta.storage.lake import Lake, report_name


@dataclass(frozen=True)
class Removed:
    """The days, snapshots and files that were deleted.

    Attributes:
        days: the resolved days, oldest first.
        snapshots: the days of each directory's snapshots, oldest first.
        exports: the days of dated exports, oldest first.
        reports: the days of reports, oldest first.
        bytes: the size of them all.
        swept: files and folders that no manifest refers to any more.
    """

    days: tuple[date, ...] = ()
    snapshots: Mapping[str, tuple[date, ...]] = field(default_factory=dict)
    exports: tuple[date, ...] = ()
    reports: tuple[date, ...] = ()
    bytes: int = 0
    swept: int = 0


def delete_expired(organization: Organization, lake: Lake, now: datetime) -> Removed:
    """Deletes what has expired, and unreferenced files in the lake.

    The caller must hold the organization's lock. If the process is killed, each day is either complete
    or deleted.

    Args:
        organization: the organization; its `retention` applies.
        lake: the lake of the organization.
        now: the current time, with its time zone.
    """
    before = _first_day(organization, now)
    last = published(lake)
    needed = {ref.day for ref in (last, last.base if last else None) if ref}

    def expired(day: date) -> bool:
        return before is not None and day < before and day not in needed

    # Folders are listed, not manifests: a killed process may have left a day without a manifest.
    days = [day for day in lake.resolved_days(complete=False) if expired(day)]
    snapshots = _old_snapshots(organization, lake, before)
    exports = {day: files for day, files in _exports(organization, lake).items() if expired(day)}
    reports = {day: file for day, file in _reports(lake).items() if expired(day)}
    partitions = [
        *(lake.resolved(day) for day in days),
        *(lake.snapshot(name, day) for name, old in snapshots.items() for day in old),
    ]
    files = [*reports.values(), *(file for of_day in exports.values() for file in of_day)]
    size = sum(entry.bytes for file in files for entry in lake.store.entries(file))
    left = set()
    for partition in partitions:
        try:
            size += partition.remove()
        except PermissionError:  # another user's
            left.add(partition.name)
    lake.store.remove(files)
    gone = {
        name: tuple(day for day in old if lake.snapshot(name, day).name not in left)
        for name, old in snapshots.items()
    }
    return Removed(
        days=tuple(day for day in days if lake.resolved(day).name not in left),
        snapshots={name: old for name, old in gone.items() if old},
        exports=tuple(sorted(exports)),
        reports=tuple(sorted(reports)),
        bytes=size,
        swept=lake.sweep(now),
    )


def _first_day(organization: Organization, now: datetime) -> date | None:
    """The first day that `retention.days` keeps; None: it keeps all."""
    kept = organization.retention.days
    return None if kept is None else organization.today(now) - timedelta(days=kept)


def _old_snapshots(
    organization: Organization, lake: Lake, before: date | None
) -> dict[str, tuple[date, ...]]:
    """The expired snapshots of each directory, also of those that the organization file no longer has.

    A directory of the file keeps the newest days that it has snapshots of. Of another one nothing new is
    read: it keeps what is in the newest days of all directories, and no older than resolved days.
    """
    complete = {directory: lake.snapshot_days(directory) for directory in lake.directories()}
    all_days = sorted({day for days in complete.values() for day in days})
    last, kept = published(lake), organization.retention.snapshots
    used = last.resolved.sources if last else {}
    expired: dict[str, tuple[date, ...]] = {}
    for directory in complete:
        configured = directory in organization.directories
        newest = (complete[directory] if configured else all_days)[-kept:] if kept else []
        limits = [*newest[:1], *([] if configured or before is None else [before])]
        needed = {used[directory].day} if directory in used else set()
        begun = lake.snapshot_days(directory, complete=False)
        old = [day for day in begun if limits and day < max(limits)]
        if old := [day for day in old if day not in needed]:
            expired[directory] = tuple(old)
    return expired


def _exports(organization: Organization, lake: Lake) -> dict[date, list[str]]:
    """The dated exports in the lake, without the last one that was delivered."""
    last = last_export(lake)
    exports = dated_exports(organization, lake)
    return {
        day: files for day, files in exports.items() if last is None or day != last.delivered.day
    }


def _reports(lake: Lake) -> dict[date, str]:
    return {day: report_name(day) for day in lake.report_days()}
