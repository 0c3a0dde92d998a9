"""Questions put to every snapshot, and how they are answered from its manifest alone.

What all kinds share stands here once; what one kind adds stands in its own module (`okta_checks.py`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from string import Formatter
from typing import Literal

Table = Literal["raw_users", "raw_groups", "memberships"]
TABLES: tuple[Table, ...] = ("raw_users", "raw_groups", "memberships")


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
    table: str
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

    def judge(self, numbers: Mapping[str, int], before: str) -> Finding:
        """The check's finding for one snapshot.

        Args:
            numbers: the evidence by name, with the table's own `rows` and `set_aside`.
            before: the last snapshot's day, in words.
        """
        names = [name for _, name, _, _ in Formatter().parse(self.says) if name]
        used = {name: numbers[name] for name in names if name in numbers}
        passed = self.passes(numbers)
        says = self.says.format(**numbers, before=before)
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


def tolerated(of: int) -> float:
    """How many of so many may be amiss before it is more than coming and going."""
    return max(ALWAYS_TOLERATED, SHARE_TOLERATED * of)


SHARED: tuple[Check, ...] = (
    Check(
        "listing_not_empty",
        "raw_users",
        holds=True,
        question="Were any users listed?",
        passes=lambda n: n["users"] > 0,
        says="{users:,} users were listed.",
        otherwise="A directory always has users: the credentials lack a role.",
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
        passes=lambda n: n["members_unknown"] + n["groups_unknown"] <= tolerated(n["memberships"]),
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
            passes=lambda n: n["set_aside"] <= tolerated(n["rows"]),
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
)
"""For every kind. Each kind's evidence has the counts they name: users, users_doubled, groups_doubled,
memberships, members_unknown, groups_unknown, logins_missing, emails_malformed. `rows`, `set_aside`,
`users_before` and `scope_changed` are added by whoever reads."""
