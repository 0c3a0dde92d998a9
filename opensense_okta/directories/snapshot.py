"""What one directory held on one day: the manifest that says how it was read and what proves it whole."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from string import Formatter
from typing import Literal

from pydantic import BaseModel, ConfigDict

from opensense_okta.lake import Lake, Manifest

Table = Literal["raw_users", "raw_groups", "memberships"]
TABLES: tuple[Table, ...] = ("raw_users", "raw_groups", "memberships")


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
    chain: str
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


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        name: of the check, the same every day.
        table: that it is about.
        passed: whether all is well.
        holds: whether publishing is held back when it is not.
        says: the finding in words, with what it means when it did not pass.
        numbers: what it was judged by.
    """

    name: str
    table: Table
    passed: bool
    holds: bool
    says: str
    numbers: Mapping[str, int]


@dataclass(frozen=True)
class Check:
    """A question put to every snapshot, answered from its manifest alone.

    Attributes:
        question: what is asked, for people.
        passes: whether all is well.
        says: the finding, with the numbers by name in braces, and `before`, the last snapshot's day.
        otherwise: what it means, and what to do, when it did not pass.
    """

    name: str
    table: Table
    holds: bool
    question: str
    passes: Callable[[Mapping[str, int]], bool]
    says: str
    otherwise: str

    def judge(self, manifest: SnapshotManifest) -> Finding:
        """The check's finding for one snapshot."""
        numbers = {
            **manifest.evidence,
            "set_aside": manifest.set_aside[self.table],
            "rows": manifest.rows[self.table],
        }
        names = [name for _, name, _, _ in Formatter().parse(self.says)]
        used = {name: numbers[name] for name in names if name in numbers}
        passed = self.passes(numbers)
        says = self.says.format(**numbers, before=manifest.before or "none yet")
        return Finding(
            self.name,
            self.table,
            passed,
            self.holds,
            says if passed else f"{says} {self.otherwise}",
            used,
        )


SHARE_TOLERATED = 0.01  # of records set aside, and of memberships of somebody unknown
ALWAYS_TOLERATED = 10  # so that a small organization is not held for a handful
SHARE_EXPECTED = 0.9  # of the users of the snapshot before


DOUBLED: tuple[tuple[Table, str], ...] = (
    ("raw_users", "users_doubled"),
    ("raw_groups", "groups_doubled"),
)


def _tolerated(of: int) -> float:
    return max(ALWAYS_TOLERATED, SHARE_TOLERATED * of)


CHECKS: tuple[Check, ...] = (
    Check(
        "listing_not_empty",
        "raw_users",
        holds=True,
        question="Were any users listed?",
        passes=lambda n: n["users"] > 0,
        says="{users:,} users were listed.",
        otherwise="A directory always has users: the credentials lack a role.",
    ),
    Check(
        "everyone_group_listed",
        "raw_groups",
        holds=True,
        question="Is the group Everyone there, unless only some groups are wanted?",
        passes=lambda n: n["everyone"] > 0 or n["scoped_to_groups"] > 0,
        says="Groups named Everyone, built in: {everyone}.",
        otherwise="Who does not see it has a restricted administrator role.",
    ),
    *(
        Check(
            "ids_unique",
            table,
            holds=True,
            question="Does an id name one record?",
            passes=lambda n, doubled=doubled: n[doubled] == 0,  # type: ignore[misc]  # bound now
            says=f"{{{doubled}:,}} ids came twice on one page.",
            otherwise="A page that repeats an id is broken.",
        )
        for table, doubled in DOUBLED
    ),
    Check(
        "members_known",
        "memberships",
        holds=True,
        question="Were the user and the group of each membership listed, too?",
        passes=lambda n: n["members_unknown"] + n["groups_unknown"] <= _tolerated(n["memberships"]),
        says="{members_unknown:,} of {memberships:,} memberships name a user who was not listed,"
        " {groups_unknown:,} a group that was not.",
        otherwise="A few are people who came or went during the read; more mean that a listing is"
        " incomplete.",
    ),
    *(
        Check(
            "records_understood",
            table,
            holds=True,
            question="Could the records be understood?",
            passes=lambda n: n["set_aside"] <= _tolerated(n["rows"]),
            says="{set_aside:,} records beside {rows:,} were set aside: not an object, or without an id.",
            otherwise="More than a few mean that the API's answers have changed.",
        )
        for table in TABLES
    ),
    Check(
        "size_like_before",
        "raw_users",
        holds=False,
        question="Are there nearly as many users as in the snapshot before?",
        passes=lambda n: n["users"] >= SHARE_EXPECTED * n["users_before"],
        says="{users:,} users were listed, {users_before:,} in the snapshot before.",
        otherwise="A restricted administrator role shows only a part; a loss is held by the guards.",
    ),
    Check(
        "scope_like_before",
        "raw_users",
        holds=False,
        question="Was the same part of the same organization read as in the snapshot before?",
        passes=lambda n: n["scope_changed"] == 0,
        says="Changes of scope or endpoint since the snapshot before ({before}): {scope_changed}.",
        otherwise="People may disappear because of it.",
    ),
    Check(
        "members_counted",
        "raw_groups",
        holds=False,
        question="Do the groups have as many members as the API's statistics say?",
        passes=lambda n: n["groups_miscounted"] == 0,
        says="{groups_miscounted:,} groups have another number of members than the API's statistics say.",
        otherwise="The statistics are hints; look at it when it lasts for days.",
    ),
    Check(
        "logins_present",
        "raw_users",
        holds=False,
        question="Does every user have a login?",
        passes=lambda n: n["logins_missing"] == 0,
        says="{logins_missing:,} users have no login.",
        otherwise="Correct the profiles in the directory.",
    ),
    Check(
        "emails_well_formed",
        "raw_users",
        holds=False,
        question="Does every user have a well-formed e-mail address?",
        passes=lambda n: n["emails_malformed"] == 0,
        says="{emails_malformed:,} users have no e-mail address or a malformed one.",
        otherwise="Their signatures cannot be addressed; correct the profiles in the directory.",
    ),
    Check(
        "statuses_known",
        "raw_users",
        holds=False,
        question="Is every user's status one that is known here?",
        passes=lambda n: n["statuses_unknown"] == 0,
        says="{statuses_unknown:,} users have a status that is not known here.",
        otherwise="They count as inactive until opensense_okta knows the status.",
    ),
)


def judge_snapshot(manifest: SnapshotManifest) -> list[Finding]:
    """Every check of a snapshot; publishing is held back by those that hold and did not pass."""
    return [check.judge(manifest) for check in CHECKS]
