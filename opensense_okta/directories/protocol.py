"""The protocol of a kind: what reads directories of one sort, and what reading asks of it.

To add a kind: a module that offers these things, a line in `kinds.py`, and its questions in
`snapshot.CHECKS`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import duckdb

from opensense_okta.directories.checkpoint import ReadCheckpoint
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.snapshot import Cost


@dataclass(frozen=True)
class Progress:
    """How far a read has come.

    Attributes:
        stage: what is being read, such as `users`.
        done: how many of the stage's things are read.
        total: how many there are, where that is known.
        note: what holds it up at the moment, in words.
    """

    stage: str
    done: int
    total: int | None = None
    note: str = ""


Listener = Callable[[Progress], None]


def no_progress(_progress: Progress) -> None:
    """Listens to nothing."""


def format_progress(progress: Progress) -> str:
    """One line of progress, for people."""
    if progress.note:
        return f"{progress.stage}: {progress.note}"
    total = f" of {progress.total:,}" if progress.total is not None else ""
    return f"{progress.done:,}{total} {progress.stage}"


S = TypeVar("S")

SHARED_SQL = "opensense_okta.directories"
"""The package of the SQL files that several kinds run."""


@dataclass(frozen=True)
class PreviousSnapshot:
    """The snapshot before, from which unchanged memberships are carried over."""

    groups: Path
    memberships: Path
    member_reads: Path


class Reader(Protocol):
    """One read of one directory: into a checkpoint, and from there into tables on a connection."""

    async def run(self) -> Cost:
        """Reads what the checkpoint lacks and makes the raw tables.

        They are views or tables named `raw_users`, `raw_groups`, `memberships` (docs/architecture.md) and
        `member_reads` (group_id, read_at, how): when each group's members were really read.

        Raises:
            DirectoryError: what was read until then stays in the checkpoint.
        """

    def collect_evidence(self) -> dict[str, int]:
        """The evidence for and against the raw tables as they are stored, by name.

        It has what the kind's checks name (`checks.SHARED`), and `groups_read`,
        `groups_carried_over` and `memberships_drifted`, which Dagster shows.
        """


MakeReader = Callable[
    [S, ReadCheckpoint, duckdb.DuckDBPyConnection, PreviousSnapshot | None, bool, Listener], Reader
]
"""Prepares one read, of

- the directory's settings,
- the checkpoint, in which is what was read so far and need not be read again,
- the connection, on which the tables are made,
- the snapshot before; None when there is none, or none of the same reach,
- whether the members of every group are read anew,
- who is told how far the read has come.
"""


def every_run(_settings: object) -> int:
    """Reads all memberships every day."""
    return 0


@dataclass(frozen=True)
class Kind(Generic[S]):
    """What reads directories of one sort.

    Attributes:
        files: of the checkpoint; those whose records make `raw_users`, `raw_groups` and `memberships`, in
            this order, so that what was set aside is counted with its table. A kind that sets nothing
            aside has none.
        reach: what decides what is read, such as address and scope. When it changes, nothing is
            carried over from the snapshot before.
        read: prepares one read.
        examine: the doctor's findings, of a handful of requests; it is told `stale_after_days`.
        compared: names of evidence of the snapshot before that checks compare with, as NAME_before.
        full_read_days: after how many days all memberships are read, the unchanged ones, too; 0: every
            day.
    """

    files: tuple[str, ...]
    source_scope: Callable[[S], dict[str, object]]
    reader: MakeReader[S]
    examine: Callable[[S, int], Awaitable[list[CheckResult]]]
    compared: tuple[str, ...] = ()
    full_read_days: Callable[[S], int] = every_run
