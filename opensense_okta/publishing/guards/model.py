"""What guards there are, what each asks, what it is told, and what it finds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal

from pydantic import AliasChoices, Field, model_validator

from opensense_okta.directories.checks import CheckResult

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


class Verdict(CheckResult):
    """The result of one guard; its message does not have the command that approves the day.

    Attributes:
        name: the guard.
        directory: the directory whose accounts it is about; None: people.
        attribute: the attribute that it is about; None: people, memberships or directories, or all
            attributes, none of which is beyond its limits.
        count, of, percent: what was lost, of how much.
        limits: by their names in the organization file.
        cause: the likely one; None when it passed.
    """

    name: Guard = Field(validation_alias=AliasChoices("name", "guard"))
    attribute: str | None = None
    count: int = 0
    of: int = 0
    percent: float = 0.0
    limits: Mapping[str, float] = {}
    cause: Cause | None = None

    @model_validator(mode="before")
    @classmethod
    def _of_version_0_1(cls, data: object) -> object:
        """Judgements that version 0.1 stored have a warning as `passed` and `warns`."""
        if not isinstance(data, dict) or "warns" not in data:
            return data
        warned = {"passed": False, "severity": "warning"} if data["warns"] else {}
        return {name: value for name, value in data.items() if name != "warns"} | warned


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
    when_stale: Literal["use", "lowest", "fail"] = "use"
