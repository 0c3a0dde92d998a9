"""The interface of a kind of directory, such as Okta.

To add a kind:

1. a folder beside `okta/`, with a reader, checks, a doctor, and `kind.py`, which names them;
2. a settings model in `config/directory_models.py`, and rules between its keys in `config/consistency.py`;
3. its fields and its active statuses in `config/attributes.py`;
4. its checks in `snapshot_checks.py`.
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
    """The progress of a read.

    Attributes:
        stage: what is being read, such as `users`.
        done: how many of them are read.
        total: how many there are, if that is known.
        note: what the read is waiting for, in words.
    """

    stage: str
    done: int
    total: int | None = None
    note: str = ""


Listener = Callable[[Progress], None]


def no_progress(_progress: Progress) -> None:
    """Ignores the progress."""


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
    """The tables of the last snapshot, from which unchanged memberships are carried over.

    Attributes:
        users, groups, memberships, member_reads: as stored.
        carry_over: memberships that are not stored, because the users or groups are out of scope; None:
            there are none.
        carry_over_groups: what is known of groups that are not stored; None: there are none.
        nested_groups: the groups in groups; None: there are none.
    """

    users: Path
    groups: Path
    memberships: Path
    member_reads: Path
    carry_over: Path | None = None
    carry_over_groups: Path | None = None
    nested_groups: Path | None = None

    def view(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Makes the views named `before_`: users, groups, members, nested_groups, reads."""
        if self.nested_groups is not None:
            nested = connection.read_parquet(str(self.nested_groups))
            nested.create_view("before_nested_groups", replace=True)
        groups = "id, created, last_membership_updated, members_count"
        for name, columns, files in (
            ("before_users", "id", (self.users,)),
            ("before_groups", groups, (self.groups, self.carry_over_groups)),
            ("before_members", "group_id, user_id", (self.memberships, self.carry_over)),
            ("before_reads", "*", (self.member_reads,)),
        ):
            first, *others = (
                connection.read_parquet(str(file)).select(columns) for file in files if file
            )
            for other in others:
                first = first.union(other)
            first.create_view(name, replace=True)


class Reader(Protocol):
    """Reads one directory into a checkpoint, and from there into tables on a connection."""

    async def run(self) -> Cost:
        """Reads what is not in the checkpoint, and makes the raw tables.

        They are views or tables named `raw_users`, `raw_groups`, `memberships` (docs/architecture.md) and
        `member_reads` (group_id, read_at, how): when the members of each group were last read. Where groups
        have groups, the reader replaces the view `nested_groups` (group_id, member_group_id).

        Raises:
            DirectoryError: the pages read so far stay in the checkpoint.
        """

    def collect_evidence(self) -> dict[str, int]:
        """Counts of the stored raw tables, by name, for the checks.

        It has the counts of the kind's checks (`checks.SHARED`), and `groups_read`,
        `groups_carried_over` and `memberships_drifted`, which Dagster shows.
        """


MakeReader = Callable[
    [S, ReadCheckpoint, duckdb.DuckDBPyConnection, PreviousSnapshot | None, bool, Listener], Reader
]
"""Prepares one read, of

- the directory's settings,
- the checkpoint with the pages read so far,
- the connection on which the tables are made,
- the last snapshot; None if there is none with the same source and scope,
- whether the members of all groups are read, also of unchanged ones,
- the listener that gets the progress.
"""


def every_run(_settings: object) -> int:
    """Reads all memberships every day."""
    return 0


def unlocated(_settings: object) -> dict[str, str]:
    """No metadata: the address of a file may have a secret in it."""
    return {}


@dataclass(frozen=True)
class Kind(Generic[S]):
    """What the program does with one kind of directory.

    Attributes:
        files: the checkpoint's files with the records of `raw_users`, `raw_groups` and `memberships`, in
            this order, so that records set aside are counted for their table. Empty if none are set aside.
        source_scope: what decides what is read, such as address and scope. If it changes, nothing is
            carried over from the last snapshot.
        reader: makes the reader of one read.
        examine: the doctor's results, from a few requests; its second argument is `stale_after_days`.
        source: what is read, such as `tenant`: the last part of the key of its external asset.
        description: of that asset, with `{directory}` for the directory's name.
        located: metadata of that asset, by which people recognize it.
        compared: names of counts of the last snapshot that checks compare with, as NAME_before.
        full_read_days: all memberships are read after so many days, also the unchanged ones; 0: every day.
        members_read: the view with all members that were read, in scope or not, if the next read may carry
            them over; empty: it reads all members again.
    """

    files: tuple[str, ...]
    source_scope: Callable[[S], dict[str, object]]
    reader: MakeReader[S]
    examine: Callable[[S, int], Awaitable[list[CheckResult]]]
    source: str
    description: str
    located: Callable[[S], dict[str, str]] = unlocated
    compared: tuple[str, ...] = ()
    full_read_days: Callable[[S], int] = every_run
    members_read: str = ""
