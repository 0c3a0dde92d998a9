"""The guards: their names, questions, inputs and results."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from pydantic import AliasChoices, Field, model_validator

from opensense_okta.directories.checks import CheckResult

Guard = Literal[
    "comparison_missing",
    "directory_missing",
    "directory_stale",
    "removed",
    "removed_memberships",
    "blanked",
    "rewritten",
    "correlation",
]
Cause = Literal[
    "directory_missing",
    "scope_changed",
    "ended",
    "rules_changed",
    "left_out",
    "directory",
    "unknown",
]

COMPARING: tuple[Guard, ...] = (
    "removed",
    "removed_memberships",
    "blanked",
    "rewritten",
    "correlation",
)
"""The guards that compare with the published directory."""

WARNING: tuple[Guard, ...] = ("directory_stale",)
"""The guards that never hold a day back."""

GUARD_QUESTIONS: Mapping[Guard, str] = {
    "comparison_missing": "Is it known what is published, so that the day can be compared with it?",
    "directory_missing": "Is there a snapshot of every directory?",
    "directory_stale": "Is the data of every directory at most `stale_after_days` old?",
    "removed": "Are nearly all active people of the published directory still there and active?",
    "removed_memberships": "Are nearly all memberships of the published directory still there?",
    "blanked": "Are nearly all values of each attribute that were filled still filled?",
    "rewritten": "Are most values of each attribute the same as before?",
    "correlation": "Do about as many people as before have several accounts, and were few people merged?",
}
"""The question that each guard answers, as text for people."""

BY_ATTRIBUTE = ("blanked", "rewritten")


class Verdict(CheckResult):
    """The result of one guard; its message does not contain the command that approves the day.

    Attributes:
        name: the guard.
        directory: the directory whose accounts are measured; None: people.
        attribute: the attribute that is measured; None: people, memberships or directories, or all
            attributes if none exceeds its limits.
        count, of, percent: the loss, the number before, and their ratio in percent.
        limits: the limits, by their names in the organization file.
        cause: the likely cause; None if the guard passed.
        found: the loss, as the beginning of a sentence; empty if there is none, or if an older version
            stored the verdict.
        exceeds: the limit that it exceeds, in words; empty if it exceeds none.
        because: the likely cause in words.
        directories: the directories where the cause is, if it is known to be in some.
        of_export: whether the people of the export are measured.
        against: the publication that it was compared with: what would be replaced, or the accepted one.
        lost: a fingerprint of who and what it counts; empty if the guard passed.
    """

    name: Guard = Field(validation_alias=AliasChoices("name", "guard"))
    attribute: str | None = None
    count: int = 0
    of: int = 0
    percent: float = 0.0
    limits: Mapping[str, float] = {}
    cause: Cause | None = None
    found: str = ""
    exceeds: str = ""
    because: str = ""
    directories: tuple[str, ...] = ()
    of_export: bool = False
    against: Literal["replaces", "accepted"] = "replaces"
    lost: str = ""

    @model_validator(mode="before")
    @classmethod
    def _of_version_0_1(cls, data: object) -> object:
        """In judgements that version 0.1 stored, a warning is `passed` and `warns`."""
        if not isinstance(data, dict) or "warns" not in data:
            return data
        warned = {"passed": False, "severity": "warning"} if data["warns"] else {}
        return {name: value for name, value in data.items() if name != "warns"} | warned


@dataclass(frozen=True)
class Source:
    """The days of the snapshots of one directory that were used; None: no snapshot was used.

    Attributes:
        before: for the published directory.
        now: for the day that is evaluated.
        configured: whether the organization file still has the directory.
        kind: of the directory, such as `csv`; None: the file no longer has it.
    """

    before: date | None
    now: date | None
    configured: bool = True
    kind: str | None = None

    @property
    def missing(self) -> bool:
        """Whether the day that is evaluated has no data of this directory."""
        return self.now is None


@dataclass(frozen=True)
class GuardContext:
    """The facts that guards need and the tables do not have.

    Attributes:
        day: the day that is evaluated.
        since: the published day that would be replaced and is compared; None: nothing is published.
        newer: a newer published day, which stays; then there is nothing to evaluate.
        lost: what shows that something was published, if it is not known what; else empty.
        sources: the directories of both days, and all configured ones.
        rules_changed: whether the two days were resolved under different rules.
        left_out: how many more users each rule of a directory's scope leaves out, by directory and rule.
        scope_changed: directories that were read with another scope or from another address.
        stale_after_days, when_stale: the rules for old snapshots.
    """

    day: date
    since: date | None
    sources: Mapping[str, Source]
    newer: date | None = None
    lost: str = ""
    rules_changed: bool = False
    scope_changed: tuple[str, ...] = ()
    left_out: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    stale_after_days: int = 3
    when_stale: Literal["use", "lowest", "fail"] = "use"
