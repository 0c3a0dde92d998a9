"""Judges what publishing would change: too many people gone, values blank, directories missing.

Publishing never replaces a good directory by a worse one unless somebody has looked (invariants 2
and 8). A guard compares two directories, says what it found in numbers, and names the likely cause.
What a guard says is for events and manifests; names of people are in `examples` alone.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Literal, get_args

import duckdb
from pydantic import BaseModel, ConfigDict

from opensense_okta import engine
from opensense_okta.organization import (
    BlankedGuard,
    Guards,
    RemovedGuard,
    RewrittenGuard,
)

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
Limit = RemovedGuard | BlankedGuard | RewrittenGuard

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
    "correlation": "Are about as many people known to several directories as before?",
}
"""What each guard asks, for people."""

BY_ATTRIBUTE = ("blanked", "rewritten")

HALF_OF = (
    3  # values, or memberships; a half of fewer is one, which somebody may well change by hand
)
ALL_OF = 5  # values of one attribute; fewer are what one person may clear by hand
NEARLY_ALL = 0.9  # of a loss, so that one directory is named for it
POINTS, LINKED = 20, 10  # the share of people with several accounts may fall by, and their number


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
class Circumstances:
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


def judge(
    connection: duckdb.DuckDBPyConnection, guards: Guards, circumstances: Circumstances
) -> list[Verdict]:
    """Every guard's verdict; the day is held when one of them did not pass.

    A guard of attributes gives one verdict for each attribute beyond its limits, or one for all.

    Args:
        connection: on which `changes.compare` has compared the published directory with the new one;
            not used when it replaces nothing.
        guards: the organization's limits.
        circumstances: what the tables do not tell.
    """
    if circumstances.newer is not None:
        stays = f"Nothing is replaced: the directory of {circumstances.newer} is published, and is newer."
        return [Verdict(guard=guard, says=stays) for guard in get_args(Guard)]
    directories = [*_missing(circumstances), *_stale(circumstances)]
    if circumstances.since is None:
        first = "Nothing is published yet that could be compared with."
        return [*directories, *(Verdict(guard=guard, says=first) for guard in COMPARING)]
    engine.run(connection, __package__, "guards_accounts.sql")
    rows = engine.run(connection, __package__, "guards.sql")
    losses = [_Loss.model_validate({**row, "limit": _limit(guards, row)}) for row in rows]
    (links,) = engine.run(connection, __package__, "guards_correlation.sql")
    case = _Case(circumstances, tuple(loss for loss in losses if loss.exceeds), tuple(losses))
    correlation = _correlation(_Links.model_validate(links), case)
    return [*directories, *_judged(losses, case), correlation]


def examples(
    connection: duckdb.DuckDBPyConnection, verdict: Verdict, limit: int = 20
) -> list[dict[str, object]]:
    """The most telling rows behind a verdict, with names: for a person's eyes, never for events.

    Args:
        connection: on which `changes.compare` has compared the two directories.
        verdict: that did not pass.
        limit: how many rows at most.
    """
    whose = "accounts" if verdict.directory else "people"
    match verdict.guard:
        case "removed":
            name = f"guards_removed_{whose}.sql"
        case "blanked" | "rewritten":
            name = f"guards_values_{whose}.sql"
        case "removed_memberships" | "correlation":
            name = f"guards_{verdict.guard}_examples.sql"
        case _:
            return []
    engine.run(connection, __package__, "guards_accounts.sql")
    return engine.run(
        connection,
        __package__,
        name,
        directory=verdict.directory,
        attribute=verdict.attribute,
        blanked=verdict.guard == "blanked",
        examples=limit,
    )


# Directories that are not there, or not of the day.


def _missing(circumstances: Circumstances) -> Iterator[Verdict]:
    for name, source in circumstances.sources.items():
        if source.missing and source.before is None and not source.configured:
            continue
        words = f"The snapshot of {source.now} was used."
        if not source.configured:
            words = f"{name} is in the published directory, and the rules have it no longer."
        elif source.missing and source.before:
            words = (
                f"{name} is in the published directory with its snapshot of {source.before}, and"
                f" {circumstances.day} has no snapshot of it. Read it again, or take it out of the rules."
            )
        elif source.missing:
            words = (
                f"{name} is in the rules, and has never been read. Find out why with"
                " `opensense-okta doctor`, or take it out of the rules."
            )
        yield Verdict(
            guard="directory_missing",
            directory=name,
            passed=not source.missing,
            cause="directory_missing" if source.missing else None,
            says=words,
        )


def _stale(circumstances: Circumstances) -> Iterator[Verdict]:
    limit = circumstances.stale_after_days
    worth = {"yield": " Its values count last."}.get(circumstances.when_stale, "")
    for name, source in circumstances.sources.items():
        if source.now is None:
            continue
        age = (circumstances.day - source.now).days
        stale = age > limit
        says = f"{name}'s snapshot is of {source.now}, {age} days old; it is stale after {limit}."
        if stale:
            says += f"{worth} Mend its reads: the people in it are as they were."
        yield Verdict(
            guard="directory_stale",
            directory=name,
            warns=stale,
            count=age,
            limits={"stale_after_days": limit},
            says=says,
        )


# What was lost, against the limits.


class _Loss(BaseModel):
    """One measure of `guards.sql`.

    Attributes:
        gone: those of `count` that are not there at all; the others are inactive.
        staying: people, or accounts of the directory, that are active on both days.
        known: whether the attribute is still there.
    """

    model_config = ConfigDict(frozen=True)

    guard: Guard
    directory: str | None
    attribute: str | None
    count: int
    of: int
    gone: int
    staying: int
    known: bool
    limit: Limit

    @property
    def percent(self) -> float:
        return 100 * self.count / self.of if self.of else 0.0

    @property
    def exceeds(self) -> str:
        """Which limit it is beyond, in words; empty when it is within all of them."""
        count, percent = self.limit.count, self.limit.percent
        by_attribute = self.guard in BY_ATTRIBUTE
        # An attribute that hardly anybody has may lose half of it on an ordinary day.
        matters = not by_attribute or self.count > percent / 100 * self.staying
        most = self.limit.max if isinstance(self.limit, RemovedGuard) else None
        if self.count == self.of and self.of >= (ALL_OF if by_attribute else 1):
            return "all of them"
        if self.count > count and self.percent > percent:
            return f"more than {count:,} and more than {percent:g} %"
        if self.guard == "removed" and most is not None and self.count > most:
            return f"more than {most:,}"
        few = self.of < (1 if self.guard == "removed" else HALF_OF)
        if not few and 2 * self.count >= self.of and matters:
            return "half of them or more"
        return ""

    @property
    def limits(self) -> dict[str, float]:
        # How many memberships may go at most depends on how large the groups are.
        return self.limit.model_dump(exclude=set() if self.guard == "removed" else {"max"})

    @property
    def found(self) -> str:
        """The loss as the beginning of a sentence."""
        whose = f"active accounts of {self.directory}" if self.directory else "active people"
        numbers = f"{self.count:,} of {self.of:,}"
        share = f"({self.percent:.1f} %)"
        match self.guard:
            case "removed":
                inactive = self.count - self.gone
                return (
                    f"{numbers} {whose} {share} are gone ({self.gone:,}) or inactive ({inactive:,})"
                )
            case "blanked":
                return f"{self.attribute}: {numbers} values of {whose} {share} became blank"
            case "rewritten":
                return f"{self.attribute}: {numbers} values of {whose} {share} became other values"
        of = f" of {self.directory}" if self.directory else ""
        return f"{numbers} memberships{of} {share} are gone"

    @property
    def held_beyond(self) -> str:
        """The limits in words."""
        most = f", and {self.limits['max']:,}" if "max" in self.limits else ""
        return f"The limits are {self.limit.count:,} together with {self.limit.percent:g} %{most}."


def _limit(guards: Guards, row: Mapping[str, object]) -> Limit:
    whose = guards if row["directory"] is None else guards.of(str(row["directory"]))
    match row["guard"]:
        case "blanked":
            return whose.blanked
        case "rewritten":
            return whose.rewritten
    return whose.removed


def _judged(losses: Iterable[_Loss], case: "_Case") -> Iterator[Verdict]:
    groups: dict[tuple[Guard, str | None], list[_Loss]] = {
        (guard, None): [] for guard in COMPARING if guard != "correlation"
    }
    for loss in losses:
        groups.setdefault((loss.guard, loss.directory), []).append(loss)
    for (guard, directory), members in groups.items():
        held = [loss for loss in members if loss.exceeds]
        yield from (_held(loss, case) for loss in held)
        if not held:
            yield _passed(guard, directory, members)


def _held(loss: _Loss, case: "_Case") -> Verdict:
    cause, words = case.cause(loss.guard, loss)
    return _verdict(
        loss,
        attribute=loss.attribute,
        passed=False,
        cause=cause,
        says=f"{loss.found}: {loss.exceeds}. {loss.held_beyond} Likely cause: {words}",
    )


def _passed(guard: Guard, directory: str | None, losses: list[_Loss]) -> Verdict:
    most = max(losses, key=lambda loss: (loss.percent, loss.count), default=None)
    if most is None:
        return Verdict(guard=guard, directory=directory, says="There was nothing to lose.")
    beginning = "The most is " if guard in BY_ATTRIBUTE else ""
    return _verdict(most, says=f"{beginning}{most.found}. {most.held_beyond}")


def _verdict(
    loss: _Loss,
    *,
    says: str,
    attribute: str | None = None,
    passed: bool = True,
    cause: Cause | None = None,
) -> Verdict:
    return Verdict(
        guard=loss.guard,
        directory=loss.directory,
        attribute=attribute,
        passed=passed,
        count=loss.count,
        of=loss.of,
        percent=round(loss.percent, 2),
        limits=loss.limits,
        cause=cause,
        says=says,
    )


# Whether people still are found to be one in several directories.


class _Links(BaseModel):
    """How many active people there are, and how many of them have several accounts."""

    model_config = ConfigDict(frozen=True)

    directories: int
    people_before: int
    linked_before: int
    people_after: int
    linked_after: int


def _correlation(links: _Links, case: "_Case") -> Verdict:
    if links.directories < 2:
        return Verdict(guard="correlation", says="One directory alone has nobody to match.")
    before = 100 * links.linked_before / max(links.people_before, 1)
    after = 100 * links.linked_after / max(links.people_after, 1)
    fewer = links.linked_before - links.linked_after
    half = links.linked_before >= HALF_OF and 2 * fewer >= links.linked_before
    held = before - after > POINTS and (fewer > LINKED or half)
    cause, words = case.cause("correlation", None) if held else (None, "")
    says = (
        f"{links.linked_after:,} of {links.people_after:,} active people ({after:.1f} %) have several"
        f" accounts; {links.linked_before:,} of {links.people_before:,} ({before:.1f} %) had."
        f" The limits are {LINKED} people together with {POINTS} points of 100."
    )
    return Verdict(
        guard="correlation",
        passed=not held,
        count=max(fewer, 0),
        of=links.linked_before,
        percent=round(max(before - after, 0), 2),
        limits={"count": LINKED, "points": POINTS},
        cause=cause,
        says=f"{says} Likely cause: {words}" if held else says,
    )


# The likely cause, the most specific first.

UNKNOWN: Mapping[Guard, str] = {
    "removed": "people really left, or only a part of them was listed, as in a file that is half there,"
    " or to an administrator with a restricted role.",
    "removed_memberships": "a large group was deleted or emptied, or its members can no longer be read.",
    "blanked": "the field was emptied or renamed in the directory, or may no longer be read.",
    "rewritten": "the field was changed for everybody in the directory, or another field is read now.",
    "correlation": "the values that accounts are matched by no longer agree between the directories.",
}


@dataclass(frozen=True)
class _Case:
    """All that bears on the cause of one loss.

    Attributes:
        held: the losses beyond their limits.
        losses: all of them.
    """

    circumstances: Circumstances
    held: tuple[_Loss, ...]
    losses: tuple[_Loss, ...]

    def cause(self, guard: Guard, loss: _Loss | None) -> tuple[Cause, str]:
        """The likely cause of a loss, or of a fall of correlation, and the same in words."""
        directory = loss.directory if loss else None
        found: list[tuple[Cause, str]] = [
            ("directory_missing", self._vanished(directory)),
            ("scope_changed", self._scope(guard, directory)),
            ("rules_changed", self._rules(guard, loss)),
            ("directory", self._directory(guard, loss)),
            ("unknown", UNKNOWN[guard]),
        ]
        return next((cause, words) for cause, words in found if words)

    def _vanished(self, directory: str | None) -> str:
        gone = {
            name: source
            for name, source in self.circumstances.sources.items()
            if source.before and source.missing and directory in (None, name)
        }
        unread = [name for name, source in gone.items() if source.configured]
        dropped = [name for name, source in gone.items() if not source.configured]
        if unread:
            return (
                f"{_listed(unread)} was published on {self.circumstances.since}, and was not read."
            )
        return f"the rules no longer have {_listed(dropped)}." if dropped else ""

    def _scope(self, guard: Guard, directory: str | None) -> str:
        # Who is out of scope is gone; the values of those who stay do not change by it.
        if directory and guard in BY_ATTRIBUTE:
            return ""
        names = [name for name in self.circumstances.scope_changed if directory in (None, name)]
        if not names:
            return ""
        return (
            f"the scope or the address of {_listed(names)} was changed since"
            f" {self.circumstances.since}; who is outside of it is gone."
        )

    def _rules(self, guard: Guard, loss: _Loss | None) -> str:
        if loss and not loss.known:
            return f"the rules no longer have the attribute {loss.attribute}."
        # Rules decide what accounts are worth, not whether they are there.
        of_accounts = loss is not None and guard == "removed" and bool(loss.directory)
        explained = guard.startswith("removed") and any(
            held.guard == "removed" and held.directory for held in self.held
        )
        if not self.circumstances.rules_changed or of_accounts or explained:
            return ""
        return (
            f"the rules were changed since {self.circumstances.since};"
            " `opensense-okta preview` shows what they do."
        )

    def _directory(self, guard: Guard, loss: _Loss | None) -> str:
        """Which directory's own loss explains that of people."""
        if guard == "correlation":
            keys = {
                f"{h.directory}'s {h.attribute}" for h in self.held if h.directory and h.attribute
            }
            words = "changed, see there; accounts may be matched by it."
            return f"{_listed(sorted(keys))} {words}" if keys else self._accounts_gone()
        directory, attribute = (loss.directory, loss.attribute) if loss else (None, None)
        if guard == "removed_memberships" and (gone := self._beyond("removed", directory)):
            return gone  # who has left is in no group any more
        if directory:
            return ""
        if found := self._beyond(guard, None, attribute):
            return found
        own = self._own(guard, None, attribute)
        most = max(own, key=lambda other: other.count, default=None)
        total = sum(other.count for other in own)
        if most and len(own) > 1 and most.count >= NEARLY_ALL * total > 0:
            return f"{most.found}; the other directories lost next to nothing."
        return self._accounts_gone() if guard in BY_ATTRIBUTE else ""

    def _own(
        self, guard: Guard, directory: str | None, attribute: str | None = None
    ) -> list[_Loss]:
        """What each directory, or only one, has lost itself."""
        return [
            other
            for other in self.losses
            if other.directory
            and directory in (None, other.directory)
            and (other.guard, other.attribute) == (guard, attribute)
        ]

    def _beyond(self, guard: Guard, directory: str | None, attribute: str | None = None) -> str:
        """The same as far as it is beyond its limits, in words."""
        explains = [other for other in self._own(guard, directory, attribute) if other.exceeds]
        return (
            f"{'; '.join(other.found for other in explains)}: the cause is there."
            if explains
            else ""
        )

    def _accounts_gone(self) -> str:
        """Which directory's accounts are gone, and with them what only they had."""
        gone = [held.found for held in self.held if held.guard == "removed" and held.directory]
        return f"{'; '.join(gone)}: what only they had is gone with them." if gone else ""


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
