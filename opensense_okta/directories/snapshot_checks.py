"""The checks of every snapshot, by the kind of its directory."""

from collections.abc import Mapping

from opensense_okta.directories.checks import Check, Finding, Table
from opensense_okta.directories.csv import checks as csv_checks
from opensense_okta.directories.entra import checks as entra_checks
from opensense_okta.directories.okta import checks as okta_checks
from opensense_okta.directories.snapshot import SnapshotManifest

CHECKS: Mapping[str, tuple[Check, ...]] = {
    "okta": okta_checks.CHECKS,
    "entra": entra_checks.CHECKS,
    "csv": csv_checks.CHECKS,
}
"""The questions put to every snapshot, by the kind of its directory."""


LACKED: Mapping[str, int] = {"files_unended": 0, "groups_hidden": 0, "stale_after_days": 3}
"""What manifests of earlier versions do not have, and what it is taken for."""


def check_snapshot(manifest: SnapshotManifest) -> list[Finding]:
    """Every check of a snapshot; publishing is held back by those that hold and did not pass."""
    before = str(manifest.before or "none yet")
    return [check.judge(_numbers(manifest, check.table), before) for check in CHECKS[manifest.kind]]


def _numbers(manifest: SnapshotManifest, table: Table) -> dict[str, int]:
    """What a check of a table is judged by."""
    return {
        **LACKED,
        **manifest.evidence,
        "set_aside": manifest.set_aside[table],
        "rows": manifest.rows[table],
    }
