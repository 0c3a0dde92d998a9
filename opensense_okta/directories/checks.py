"""Checks of stored data, and the result that every kind of check has.

A check is evaluated on the counts in a manifest alone. `SHARED` has the checks of every kind of directory,
`okta/checks.py` what Okta adds, `resolution/checks.py` the checks of a resolved day.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

Table = Literal["raw_users", "raw_groups", "memberships"]
TABLES: tuple[Table, ...] = ("raw_users", "raw_groups", "memberships")

Severity = Literal["warning", "error"]
Outcome = Literal["passed", "warning", "error"]


class CheckResult(BaseModel):
    """The result of one check, without personal data.

    Attributes:
        name: the check's, the same every day.
        passed: whether there is nothing to do.
        severity: of a check that did not pass: an error holds publishing back (the doctor: it makes the
            next sync fail), a warning does not.
        message: the finding, in one or two sentences.
        hint: what it means and what to do; empty if the check passed.
        numbers: what the check was evaluated on, by name.
        subject: the table, attribute, match key or directory that it is about, if any.
        directory: the directory that it is about; None: people, or the whole organization.
    """

    model_config = ConfigDict(frozen=True)

    name: str = Field(validation_alias=AliasChoices("name", "check", "guard"))
    passed: bool = True
    severity: Severity = "error"
    message: str = Field(validation_alias=AliasChoices("message", "says"))
    hint: str = ""
    numbers: Mapping[str, int] = {}
    subject: str = ""
    directory: str | None = None

    @classmethod
    def make(cls, name: str, outcome: Outcome, message: str, hint: str = "") -> "CheckResult":
        """A result of the doctor, which has no numbers."""
        return CheckResult(
            name=name,
            passed=outcome == "passed",
            severity="error" if outcome == "error" else "warning",
            message=message,
            hint=hint,
        )

    @property
    def outcome(self) -> Outcome:
        """Passed, or the severity of the failure."""
        return "passed" if self.passed else self.severity

    @property
    def text(self) -> str:
        """Message and hint."""
        return f"{self.message} {self.hint}".rstrip()


@dataclass(frozen=True)
class Check:
    """A question about stored data, answered from the counts in its manifest alone.

    Attributes:
        table: the table whose Dagster asset shows it.
        blocks_publishing: whether publishing is held back if it does not pass.
        question: what is asked, for people.
        predicate: whether it passes, by the counts.
        message: the finding, with the counts by name in braces, and `before`, the day of the last snapshot.
        failure_hint: what it means and what to do if it did not pass.
        uncounted: the message if one of the counts is missing, because an older version stored the manifest.
    """

    name: str
    table: str
    blocks_publishing: bool
    question: str
    predicate: Callable[[Mapping[str, int]], bool]
    message: str
    failure_hint: str
    uncounted: str = "An older version of the program did not count this."

    def run(
        self, numbers: Mapping[str, int], *, before: str = "", directory: str | None = None
    ) -> CheckResult:
        """Evaluates the check.

        A check with a missing count is not proven: it fails if it blocks publishing, else it passes.

        Args:
            numbers: the evidence by name; of a snapshot also `rows` and `set_aside` of the table.
            before: the day of the last snapshot, in words.
            directory: the directory that it is about, if it is about one.
        """
        names = {name for _, name, _, _ in Formatter().parse(self.message) if name} - {"before"}
        counted = names <= numbers.keys()
        if counted:
            passed = self.predicate(numbers)
            message = self.message.format(**numbers, before=before)
            hint = self.failure_hint
        else:
            passed = not self.blocks_publishing
            message, hint = self.uncounted, COUNT_AGAIN
        return CheckResult(
            name=self.name,
            passed=passed,
            severity="error" if self.blocks_publishing else "warning",
            message=message,
            hint="" if passed else hint,
            numbers={name: numbers[name] for name in sorted(names & numbers.keys())},
            subject=self.table,
            directory=directory,
        )


COUNT_AGAIN = "Resolve the day again: sync it, or start a backfill of it."

SHARE_TOLERATED = 0.01  # of records set aside, and of memberships of somebody unknown
ALWAYS_TOLERATED = 10  # so that a small organization is not held for a handful
SHARE_EXPECTED = 0.9  # of the users of the snapshot before


DOUBLED: tuple[tuple[Table, str], ...] = (
    ("raw_users", "users_doubled"),
    ("raw_groups", "groups_doubled"),
)


def tolerated(of: int) -> float:
    """How many of so many may be amiss before it is more than coming and going."""
    return max(ALWAYS_TOLERATED, SHARE_TOLERATED * of)


SHARED: tuple[Check, ...] = (
    Check(
        "listing_not_empty",
        "raw_users",
        blocks_publishing=True,
        question="Were any users listed?",
        predicate=lambda n: n["users"] > 0,
        message="{users:,} users were listed.",
        failure_hint="A directory always has users: the credentials lack a role.",
    ),
    *(
        Check(
            "ids_unique",
            table,
            blocks_publishing=True,
            question="Is each id listed only once?",
            predicate=lambda n, doubled=doubled: n[doubled] == 0,  # type: ignore[misc]  # bound now
            message=f"{{{doubled}:,}} ids came twice on one page.",
            failure_hint="The answer of the directory is wrong. Sync again.",
        )
        for table, doubled in DOUBLED
    ),
    Check(
        "members_known",
        "memberships",
        blocks_publishing=True,
        question="Were the user and the group of each membership listed, too?",
        predicate=lambda n: (
            n["members_unknown"] + n["groups_unknown"] <= tolerated(n["memberships"])
        ),
        message="{members_unknown:,} of {memberships:,} memberships name a user who was not listed,"
        " {groups_unknown:,} a group that was not.",
        failure_hint="A few are people who came or went during the read; more mean that a listing is"
        " incomplete.",
    ),
    *(
        Check(
            "records_understood",
            table,
            blocks_publishing=True,
            question="Could nearly all records be understood?",
            predicate=lambda n: n["set_aside"] <= tolerated(n["rows"]),
            message="{set_aside:,} records beside {rows:,} were set aside: not an object with a usable id,"
            " a key twice, or nested too deeply.",
            failure_hint="More than a few mean that the API's answers have changed.",
        )
        for table in TABLES
    ),
    Check(
        "size_stable",
        "raw_users",
        blocks_publishing=False,
        question="Are there nearly as many users as in the snapshot before?",
        predicate=lambda n: n["users"] >= SHARE_EXPECTED * n["users_before"],
        message="{users:,} users were listed, {users_before:,} in the snapshot before.",
        failure_hint="Only a part of the directory may have been listed. The guards hold the day back if"
        " the loss exceeds their limits.",
    ),
    Check(
        "scope_stable",
        "raw_users",
        blocks_publishing=False,
        question="Are the scope and the address the same as for the snapshot before?",
        predicate=lambda n: n["scope_changed"] == 0,
        message="Changes of scope or endpoint since the snapshot before ({before}): {scope_changed}.",
        failure_hint="People outside of the new scope are gone.",
    ),
    Check(
        "logins_present",
        "raw_users",
        blocks_publishing=False,
        question="Does every user have a login?",
        predicate=lambda n: n["logins_missing"] == 0,
        message="{logins_missing:,} users have no login.",
        failure_hint="Correct the profiles in the directory.",
    ),
    Check(
        "emails_well_formed",
        "raw_users",
        blocks_publishing=False,
        question="Does every user have a well-formed e-mail address?",
        predicate=lambda n: n["emails_malformed"] == 0,
        message="{emails_malformed:,} users have no e-mail address or a malformed one.",
        failure_hint="Their signatures cannot be addressed; correct the profiles in the directory.",
    ),
)
"""For every kind. Each kind's evidence has the counts they name: users, users_doubled, groups_doubled,
memberships, members_unknown, groups_unknown, logins_missing, emails_malformed. `rows`, `set_aside`,
`users_before` and `scope_changed` are added by whoever reads."""

NESTED_GROUPS_KNOWN = Check(
    "nested_groups_known",
    "memberships",
    blocks_publishing=False,
    question="Was each group that is a member of a group listed, too?",
    predicate=lambda n: n["nested_groups_unknown"] == 0,
    message="{nested_groups:,} memberships are those of a group in a group; {nested_groups_unknown:,} of"
    " these groups were not listed.",
    failure_hint="The members of a group that was not listed are missing in the groups above it. A few are"
    " groups that were deleted during the read.",
)
"""For every kind with groups in groups. The reader of the kind adds the counts."""
