"""What guards there are, what each asks, what it is told, and what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import BaseModel, ConfigDict

Guard = Literal[
    "directory_missing",
    "directory_stale",
    "removed",
    "removed_memberships",
    "blanked",
    "rewritten",
    "correlation",
]
Cause = Literal["directory_missing", "scope_changed", "rules_changed", "directory", "unknown"]

COMPARING: tuple[Guard, ...] = (
    "removed",
    "removed_memberships",
    "blanked",
    "rewritten",
    "correlation",
)
"""The guards that compare with the published directory."""

GUARD_QUESTIONS: Mapping[Guard, str] = {
    "directory_missing": "Did every directory contribute a snapshot?",
    "directory_stale": "Is every directory's data young enough?",
    "removed": "Are nearly all active people of the published directory still there and active?",
    "removed_memberships": "Are nearly all memberships of the published directory still there?",
    "blanked": "Do nearly all filled values still have a value?",
    "rewritten": "Are most values of each attribute as they were?",
    "correlation": "Are about as many people known to several directories, and few of them one now?",
}
"""What each guard asks, for people."""

BY_ATTRIBUTE = ("blanked", "rewritten")


class Verdict(BaseModel):
    """What one guard found.

    Attributes:
        directory: whose accounts it is about; None: about people.
        attribute: that it is about; None: about people, memberships or directories, or about all
            attributes, none of which is beyond its limits.
        passed: whether publishing may go on.
        warns: whether it passed with something to look at.
        count, of, percent: what was lost, of how much.
        limits: by their names in the organization file.
        cause: the likely one; None when it passed.
        says: all of it in words, without the command that lets it through.
    """

    model_config = ConfigDict(frozen=True)

    guard: Guard
    directory: str | None = None
    attribute: str | None = None
    passed: bool = True
    warns: bool = False
    count: int = 0
    of: int = 0
    percent: float = 0.0
    limits: Mapping[str, float] = {}
    cause: Cause | None = None
    says: str


@dataclass(frozen=True)
class Source:
    """The days of the snapshots that one directory contributed; None: it contributed none.

    Attributes:
        before: to the published directory.
        now: to the one that is judged.
        configured: whether the rules still have it.
    """

    before: date | None
    now: date | None
    configured: bool = True

    @property
    def missing(self) -> bool:
        """Whether its people are not in the directory that is judged."""
        return self.now is None


@dataclass(frozen=True)
class GuardContext:
    """What the tables do not tell.

    Attributes:
        day: that is judged.
        since: the published day that it would replace and is compared with; None: nothing is published.
        newer: the published day that stays, as it is newer; then there is nothing to judge.
        sources: every directory of either day, and every configured one.
        rules_changed: whether the two days were resolved under different rules.
        scope_changed: directories of which another part, or another place, was read.
        stale_after_days, when_stale: what the rules say of old snapshots.
    """

    day: date
    since: date | None
    sources: Mapping[str, Source]
    newer: date | None = None
    rules_changed: bool = False
    scope_changed: tuple[str, ...] = ()
    stale_after_days: int = 3
    when_stale: Literal["hold", "yield", "fail"] = "hold"
