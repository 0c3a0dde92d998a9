"""The manifest of a snapshot: one directory on one day, how it was read, and the counts for its checks."""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import ClassVar, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from opensense_okta.directories.checks import TABLES, Table
from opensense_okta.storage.lake import Lake, snapshots_of
from opensense_okta.storage.partition import MANIFEST, Manifest, at_once, local_file
from opensense_okta.storage.state_files import IfDamaged

NESTED_GROUPS = "nested_groups"
"""The table with the groups in groups, and its count in the evidence. It is stored where there are any."""


class Cost(BaseModel):
    """What a read cost.

    Attributes:
        requests: all requests, retries included; retries: the repeated ones.
        pages: pages of listings; resumed_pages: pages that an earlier run of the same snapshot had read.
        received: bytes of response bodies.
        cpu: seconds of processor time, of all threads, from the first request to the last table.
        waits, waited: number and seconds of the waits for the rate limit.
        headroom: the smallest share of the rate limit that was left at any time, 0 to 1; None if the API
            does not report its limits.
    """

    model_config = ConfigDict(frozen=True)

    requests: int = 0
    retries: int = 0
    pages: int = 0
    resumed_pages: int = 0
    received: int = 0
    cpu: float = 0.0
    waits: int = 0
    waited: float = 0.0
    headroom: float | None = None


class SnapshotManifest(Manifest):
    """The commit of a snapshot.

    Attributes:
        attempt_group: the sync and its retries that read it; a retry of the group uses it again.
        mode: `full` if all memberships were read, `incremental` if unchanged ones were carried over.
        settings: digest of the source and the scope.
        full_read: the day of the last full read.
        before: the day of the last snapshot; None if there was none.
        started, finished: when the read began and ended (UTC).
        rows: the number of rows of each table.
        set_aside: records of each listing that could not be parsed.
        first_set_aside: the page, and the record of it, of the first of them, where that is known.
        evidence: counts for the checks.
        forgotten: how many users were removed from the tables since; `rows` and `evidence` still count them.
    """

    IF_DAMAGED: ClassVar = IfDamaged(
        "It is as if the directory had no snapshot of that day: a day uses the snapshot before.",
        "start the sync if the day is today, which reads it again; else restore the file from a backup, or"
        " delete the folder of the day.",
    )

    organization: str
    directory: str
    kind: str
    day: date
    run_id: str
    attempt_group: str = Field(validation_alias=AliasChoices("attempt_group", "chain"))
    mode: Literal["full", "incremental"]
    settings: str
    full_read: date
    before: date | None = None
    started: datetime
    finished: datetime
    cost: Cost
    rows: Mapping[Table, int]
    set_aside: Mapping[Table, int]
    first_set_aside: Mapping[Table, tuple[int, int]] = {}
    evidence: Mapping[str, int]
    forgotten: int = 0

    @property
    def tables(self) -> tuple[str, ...]:
        """The stored tables. Groups in groups are one where there are any; earlier versions read none."""
        return (*TABLES, NESTED_GROUPS) if self.evidence.get(NESTED_GROUPS) else TABLES


def newest_snapshot(lake: Lake, directory: str, day: date) -> SnapshotManifest | None:
    """The directory's newest snapshot not after the day that can be read, or None."""
    return next(snapshots(lake, directory, day), None)


def snapshots(lake: Lake, directory: str, day: date) -> Iterator[SnapshotManifest]:
    """The directory's snapshots not after the day that can be read, newest first."""
    for stored in reversed(lake.snapshot_days(directory)):
        manifest = None
        if stored <= day:
            manifest = lake.snapshot(directory, stored).manifest(SnapshotManifest)
        if manifest is not None:
            yield manifest


def manifest_files(lake: Lake, directory: str) -> list[tuple[date, str]]:
    """The days of the directory's manifests that can be read, with the local paths of the files."""
    listed = lake.listed(snapshots_of(directory))

    def file_of(day: date) -> list[tuple[date, str]]:
        partition = listed.snapshot(directory, day)
        if partition.manifest(SnapshotManifest) is None:
            return []
        return [(day, str(local_file(listed.store, partition.document(MANIFEST))))]

    found = at_once(lake.store, file_of, listed.snapshot_days(directory))
    return [file for files in found for file in files]
