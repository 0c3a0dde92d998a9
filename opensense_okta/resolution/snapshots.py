"""Selects the snapshot of each directory that a day is resolved from, and finds stale ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from opensense_okta.config.models import Organization
from opensense_okta.directories.snapshot import SnapshotManifest, newest_snapshot
from opensense_okta.storage.lake import Lake


@dataclass(frozen=True)
class SelectedSnapshot:
    """The snapshot of a directory that a day is resolved from.

    Attributes:
        manifest: of the snapshot.
        as_of: the date of the data; for a file, the date of its last change.
        stale: whether the data is older than `stale_after_days`.
    """

    manifest: SnapshotManifest
    as_of: date
    stale: bool


class NothingToResolve(Exception):
    """No directory has a snapshot of the day or of one before it."""

    def __init__(self, organization: str, directories: Mapping[str, object], day: date) -> None:
        super().__init__(
            f"{organization}: there is no snapshot of {day} or of a day before it, of any of the directories"
            f" {', '.join(directories)}, so there is nothing to resolve. APIs return current data only:"
            " choose a day from the first snapshot on, or read one now with"
            f" `opensense-okta sync {organization}`."
        )


class StaleDirectory(Exception):
    """A directory's data is too old, and `when_stale` is fail."""

    def __init__(
        self, organization: str, directory: str, day: date, as_of: date, days: int
    ) -> None:
        super().__init__(
            f"{organization}/{directory}: its newest data is of {as_of}, {(day - as_of).days} days before"
            f" {day}; `stale_after_days` is {days} and `when_stale` is fail. Nothing was resolved; the"
            " published directory stays as it was. What to do: fix the directory's reads (`opensense-okta"
            f" doctor {organization}` says what is wrong), or set `when_stale` to hold or yield."
        )


def select_snapshots(
    organization: Organization, day: date, lake: Lake
) -> dict[str, SelectedSnapshot]:
    """Selects each directory's newest snapshot not after the day; directories without one are left out.

    Raises:
        NothingToResolve: no directory has a snapshot.
        StaleDirectory: a snapshot is stale, and `when_stale` is fail.
    """
    rules = organization.resolution
    selected = {}
    for name in organization.directories:
        manifest = newest_snapshot(lake, name, day)
        if manifest is None:
            continue
        as_of = manifest.day - timedelta(days=manifest.evidence.get("file_age_days", 0))
        stale = (day - as_of).days > rules.stale_after_days
        if stale and rules.when_stale == "fail":
            raise StaleDirectory(organization.name, name, day, as_of, rules.stale_after_days)
        selected[name] = SelectedSnapshot(manifest, as_of, stale)
    if not selected:
        raise NothingToResolve(organization.name, organization.directories, day)
    return selected
