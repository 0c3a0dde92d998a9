"""Which snapshot of each directory a day is resolved from, and what an old one is worth."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta

from opensense_okta.config.models import Organization
from opensense_okta.directories.snapshot import SnapshotManifest, newest_snapshot
from opensense_okta.storage.lake import Lake


@dataclass(frozen=True)
class Chosen:
    """The snapshot that a directory contributes.

    Attributes:
        manifest: of the snapshot.
        as_of: the day its data is of; for a file the day the file was last changed.
        stale: whether that is longer ago than `stale_after_days`.
    """

    manifest: SnapshotManifest
    as_of: date
    stale: bool


class NothingToResolve(Exception):
    """No directory has a snapshot of the day or of one before it."""

    def __init__(self, organization: str, directories: Mapping[str, object], day: date) -> None:
        super().__init__(
            f"{organization}: there is no snapshot of {day} or of a day before it, of any of the directories"
            f" {', '.join(directories)}, so there is nothing to resolve. An API only tells the present:"
            " choose a day from the first snapshot on, or read one now with"
            f" `opensense-okta sync {organization}`."
        )


class StaleDirectory(Exception):
    """A directory's data is too old, and the rules say that this fails the day."""

    def __init__(
        self, organization: str, directory: str, day: date, as_of: date, days: int
    ) -> None:
        super().__init__(
            f"{organization}/{directory}: its newest data is of {as_of}, {(day - as_of).days} days before"
            f" {day}; `stale_after_days` is {days} and `when_stale` is fail. Nothing was resolved; the"
            " published directory stays as it was. What to do: mend the directory's reads (`opensense-okta"
            f" doctor {organization}` says what is wrong), or set `when_stale` to hold or yield."
        )


def choose(organization: Organization, day: date, lake: Lake) -> dict[str, Chosen]:
    """Each directory's newest snapshot not after the day; a directory that has none is left out.

    Raises:
        NothingToResolve: none has one.
        StaleDirectory: one is too old, and the rules say that this is a failure.
    """
    rules = organization.resolution
    chosen = {}
    for name in organization.directories:
        manifest = newest_snapshot(lake, name, day)
        if manifest is None:
            continue
        as_of = manifest.day - timedelta(days=manifest.evidence.get("file_age_days", 0))
        stale = (day - as_of).days > rules.stale_after_days
        if stale and rules.when_stale == "fail":
            raise StaleDirectory(organization.name, name, day, as_of, rules.stale_after_days)
        chosen[name] = Chosen(manifest, as_of, stale)
    if not chosen:
        raise NothingToResolve(organization.name, organization.directories, day)
    return chosen
