"""Selects the snapshot of each directory that a day is resolved from, and finds stale ones."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta

from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.directories.snapshot import SnapshotManifest, newest_snapshot
from opensense_okta.storage.lake import Lake

UNCHANGED = "The published directory stays as it was."


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


class NothingToResolve(UserError):
    """No directory has a snapshot of the day or of an earlier one."""

    def __init__(self, organization: str, directories: Iterable[str], day: date) -> None:
        super().__init__(
            f"there is no snapshot of {day} or of an earlier day, of any of the directories"
            f" {', '.join(directories)}, so there is nothing to resolve. APIs return current data only.",
            impact=UNCHANGED,
            remedy="choose a day from the first snapshot on, or read one now with"
            f" `opensense-okta sync {organization}`.",
            subject=organization,
        )


class StaleDirectory(UserError):
    """A directory's data is too old, and `when_stale` is fail."""

    def __init__(
        self, organization: str, directory: str, day: date, as_of: date, days: int
    ) -> None:
        super().__init__(
            f"its newest data is of {as_of}, {(day - as_of).days} days before {day}; `stale_after_days` is"
            f" {days} and `when_stale` is fail.",
            impact=f"Nothing was resolved. {UNCHANGED}",
            remedy=f"fix the directory's reads (`opensense-okta doctor {organization}` shows the cause), or"
            " set `when_stale` to use or lowest.",
            subject=f"{organization}/{directory}",
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
