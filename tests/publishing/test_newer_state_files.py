"""Every state file that a newer version wrote is refused by name."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
import time_machine

from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.publishing.approval import approvals
from opensense_okta.publishing.exports.state import last_export
from opensense_okta.publishing.judgement import stored_judgement
from opensense_okta.publishing.notifications.state import stored_state
from opensense_okta.publishing.published import published, read_publication
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.lake import UNNAMED_FILES_KEPT, Lake
from opensense_okta.storage.state_files import StateFileTooNew
from tests.support.stored import DAY, organization

SNAPSHOT, RESOLVED = f"snapshots/directory=okta/date={DAY}", f"resolved/date={DAY}"


def read(lake: Lake) -> SnapshotManifest:
    """Continues the read of a directory, on its day."""
    with time_machine.travel(datetime(2026, 11, 23, 12, tzinfo=UTC)):
        return take_snapshot(organization(), "okta", DAY, lake, Run("run", "group"), lambda _: None)


READERS: dict[str, Callable[[Lake], object]] = {
    f"{SNAPSHOT}/manifest.json": lambda lake: lake.snapshot("okta", DAY).manifest(SnapshotManifest),
    f"{SNAPSHOT}/abcd/pages/open.json": read,
    f"{RESOLVED}/manifest.json": lambda lake: lake.resolved(DAY).manifest(ResolvedManifest),
    f"{RESOLVED}/judgement.json": lambda lake: stored_judgement(lake, DAY),
    f"{RESOLVED}/approval.json": lambda lake: approvals(lake, DAY),
    f"{RESOLVED}/published.json": lambda lake: read_publication(lake, DAY),
    "published.json": published,
    "exported.json": last_export,
    "notices.json": stored_state,
}


SWEPT = [name for name in READERS if Path(name).name in {"manifest.json", "published.json"}]


def write_newer(lake: Lake, name: str) -> Path:
    """Writes a state file as a newer version might."""
    path = lake.scratch / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"format": 3, "content": "unknown"}')
    return path


@pytest.mark.parametrize("name", READERS)
def test_a_file_of_a_newer_version_is_refused_by_name(tmp_path: Path, name: str) -> None:
    lake = Lake(tmp_path, "acme")
    path = write_newer(lake, name)
    with pytest.raises(StateFileTooNew) as raised:
        READERS[name](lake)
    assert str(path) in raised.value.message


@pytest.mark.parametrize("name", SWEPT)
def test_a_sweep_removes_nothing_that_a_newer_version_may_need(tmp_path: Path, name: str) -> None:
    lake = Lake(tmp_path, "acme")
    path = write_newer(lake, name)
    day = RESOLVED if path.parent == lake.scratch else Path(name).parent
    tables = [
        lake.scratch / day / tables_id / "people.parquet"
        for tables_id in ("0123456789abcdef", "fedcba9876543210")
    ]
    for file in tables:
        file.parent.mkdir(parents=True)
        file.touch()
    with pytest.raises(StateFileTooNew) as raised:
        lake.sweep(datetime.now(UTC) + 2 * UNNAMED_FILES_KEPT)
    assert str(path) in raised.value.message
    assert all(file.exists() for file in tables)
