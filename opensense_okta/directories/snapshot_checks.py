"""The checks of every snapshot, by the kind of its directory."""

from collections.abc import Mapping
from datetime import date

from opensense_okta.directories.checks import TABLES, Check, CheckResult
from opensense_okta.directories.csv import checks as csv_checks
from opensense_okta.directories.entra import checks as entra_checks
from opensense_okta.directories.google import checks as google_checks
from opensense_okta.directories.okta import checks as okta_checks
from opensense_okta.directories.snapshot import SnapshotManifest, newest_snapshot, snapshots
from opensense_okta.storage.lake import Lake

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "okta": okta_checks.CHECKS,
    "entra": entra_checks.CHECKS,
    "google": google_checks.CHECKS,
    "csv": csv_checks.CHECKS,
}
"""By the kind of the directory."""


DEFAULTS: Mapping[str, int] = {
    "files_unended": 0,
    "groups_hidden": 0,
    "groups_listed_before": 0,
    "stale_after_days": 3,
}
"""The value of a count that a manifest does not have: of an earlier version, or of a first snapshot."""


def check_snapshot(manifest: SnapshotManifest) -> list[CheckResult]:
    """Runs all checks of a snapshot, in the order of `CHECKS`."""
    before = str(manifest.before or "none yet")
    numbers: Mapping[str, Mapping[str, int]] = {
        table: {
            **DEFAULTS,
            **manifest.evidence,
            "rows": manifest.rows[table],
            "set_aside": manifest.set_aside[table],
        }
        for table in TABLES
    }
    return [
        check.run(numbers[check.table], before=before, directory=manifest.directory)
        for check in CHECKS[manifest.kind]
    ]


def base_snapshot(lake: Lake, directory: str, day: date) -> SnapshotManifest | None:
    """The directory's snapshot not after the day that the next one is compared with, or None.

    It is the newest that is proven, or was published because a person approved its day: what a failed read
    has lost is missed on the second day, too. If there is none, it is the newest of all.
    """
    for manifest in snapshots(lake, directory, day):
        if _is_proven(manifest) or lake.is_published(manifest.id, manifest.day):
            return manifest
    return newest_snapshot(lake, directory, day)


def _is_proven(manifest: SnapshotManifest) -> bool:
    return all(result.outcome != "error" for result in check_snapshot(manifest))
