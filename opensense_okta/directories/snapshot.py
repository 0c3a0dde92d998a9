"""What one directory held on one day: the manifest that says how it was read and what proves it whole."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from opensense_okta.directories.checks import Table
from opensense_okta.storage.lake import Lake, Manifest


class Cost(BaseModel):
    """What a read asked of the API and of its time.

    Attributes:
        requests: made, repeated ones included; retries: the repeated ones.
        pages: of the listings; resumed_pages: read by an earlier run of the same snapshot.
        received: bytes of bodies.
        cpu: seconds of processor time, of all threads, from the first request to the last table.
        waits, waited: times and seconds waited for the rate limit.
        headroom: the smallest share of a rate-limit budget that was left at any moment, 0 to 1; None
            when the API says nothing of limits.
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
        chain: the day's sync with its retries that read it; a retry of the chain reuses it.
        mode: `full` when all memberships were read, `incremental` when unchanged ones were carried over.
        settings: digest of where was read and what was in scope.
        full_read: the day on which all memberships were last read.
        before: the day of the snapshot before, None when there was none.
        started, finished: when the read began and ended (UTC); the tables were captured between.
        rows: of each table.
        set_aside: records of each listing that could not be understood.
        evidence: counts that speak for the snapshot or against it.
    """

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
    evidence: Mapping[str, int]


def newest_snapshot(lake: Lake, directory: str, day: date) -> SnapshotManifest | None:
    """The directory's newest snapshot not after the day, or None."""
    for stored in reversed(lake.snapshot_days(directory)):
        if stored <= day:
            return lake.snapshot(directory, stored).manifest(SnapshotManifest)
    return None
