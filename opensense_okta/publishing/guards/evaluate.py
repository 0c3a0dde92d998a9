"""Evaluates what publishing would change: too many removed people, blank values, missing directories.

Publishing never replaces a good directory by a worse one without a person's approval (invariants 2
and 8). A guard compares two directories, reports the result in numbers, and names the likely cause.
Verdicts are for events and manifests; only `examples` returns names of people.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import get_args

import duckdb

from opensense_okta.config.models import Guards, RemovedGuard
from opensense_okta.config.text import plural
from opensense_okta.publishing.guards.causes import CauseFinder, LikelyCause
from opensense_okta.publishing.guards.measures import HALF_OF, Loss, Measure, measure
from opensense_okta.publishing.guards.model import (
    COMPARING,
    GUARD_QUESTIONS,
    WARNING,
    Guard,
    GuardContext,
    Source,
    Verdict,
)
from opensense_okta.publishing.guards.verdicts import explained, verdict_on
from opensense_okta.storage.sql import Sql

__all__ = [
    "COMPARING",
    "GUARD_QUESTIONS",
    "WARNING",
    "Guard",
    "GuardContext",
    "Source",
    "Verdict",
    "evaluate_guards",
    "examples",
]

POINTS, LINKED = 20, 10  # largest decrease of people with several accounts: points, people


def evaluate_guards(
    connection: duckdb.DuckDBPyConnection, guards: Guards, circumstances: GuardContext
) -> list[Verdict]:
    """Returns the verdicts of all guards; the day is held back if one did not pass.

    A guard of attributes returns one verdict for each attribute that exceeds its limits, else one for all.

    Args:
        connection: on which `changes.compare` has compared the published directory with the new one.
        guards: the organization's limits.
        circumstances: the facts that the tables do not have.
    """
    if circumstances.newer is not None:
        stays = f"Nothing is replaced: the directory of {circumstances.newer} is published, and is newer."
        return [Verdict(name=guard, message=stays) for guard in get_args(Guard)]
    known = _known(connection, circumstances.lost)
    directories = [known, *_missing(circumstances), *_stale(circumstances)]
    if circumstances.since is None:
        first = "Nothing is published yet that could be compared with."
        if circumstances.lost:
            first = "There is nothing to compare with."
        return [*directories, *(Verdict(name=guard, message=first) for guard in COMPARING)]
    sql = Sql(connection, __package__)
    sql.run("accounts.sql")
    losses = [
        measure(loss, guards) for loss in sql.rows("losses.sql", Loss, day=str(circumstances.day))
    ]
    links = sql.row("correlation.sql", _Links)
    case = CauseFinder(circumstances, tuple(loss for loss in losses if loss.exceeds), tuple(losses))
    correlation = _correlation(links, guards.removed, case)
    return [*directories, *_judged(losses, case), *correlation]


def examples(
    connection: duckdb.DuckDBPyConnection, verdict: Verdict, limit: int = 20
) -> list[dict[str, object]]:
    """The most useful example rows for a verdict, with names: to show to a person, never for events.

    Args:
        connection: on which `changes.compare` has compared the two directories.
        verdict: a verdict that did not pass.
        limit: the largest number of rows.
    """
    whose = "accounts" if verdict.directory else "people"
    match verdict.name:
        case _ if (
            verdict.of_export and not verdict.found
        ):  # all rows of a file, see emptied_export.py
            return []
        case "removed" if verdict.of_export:
            name = "removed_export_examples.sql"
        case "removed":
            name = f"removed_{whose}.sql"
        case "blanked" | "rewritten":
            name = f"values_{whose}.sql"
        case "removed_memberships" | "correlation":
            name = f"{verdict.name}_examples.sql"
        case _:
            return []
    sql = Sql(connection, __package__)
    sql.run("accounts.sql")
    return sql.rows(
        name,
        dict[str, object],
        directory=verdict.directory,
        attribute=verdict.attribute,
        blanked=verdict.name == "blanked",
        examples=limit,
    )


# Whether there is something to compare with.


def _known(connection: duckdb.DuckDBPyConnection, lost: str) -> Verdict:
    if not lost:
        return Verdict(name="comparison_missing", message="What is published is known.")
    new = Sql(connection, __package__).row("counts.sql", _Counts)
    return Verdict(
        name="comparison_missing",
        passed=False,
        count=new.active,
        message=f"There is nothing to compare with: {lost}, and the published directory itself is lost."
        f" The day has {new.active:,} active of {new.people:,} people, {new.groups:,} groups and"
        f" {new.memberships:,} memberships. Put `directory.duckdb` and `published.json` back from a"
        " backup of the lake if there is one; else compare these numbers with what you know.",
    )


@dataclass(frozen=True)
class _Counts:
    """How large a day is."""

    people: int
    active: int
    groups: int
    memberships: int


# Directories that are missing, or older than the day.


def _missing(circumstances: GuardContext) -> Iterator[Verdict]:
    for name, source in circumstances.sources.items():
        if source.missing and source.before is None and not source.configured:
            continue
        words = f"The snapshot of {source.now} was used."
        if not source.configured:
            words = f"{name} is in the published directory, and no longer in the organization file."
        elif source.missing and source.before:
            words = (
                f"{name} is in the published directory with its snapshot of {source.before}, and"
                f" {circumstances.day} has no snapshot of it. Read it again, or take it out of the"
                " organization file."
            )
        elif source.missing:
            words = (
                f"{name} is in the organization file, and has never been read. Find out why with"
                " `opensense-okta doctor`, or take it out of the organization file."
            )
        yield Verdict(
            name="directory_missing",
            directory=name,
            passed=not source.missing,
            cause="directory_missing" if source.missing else None,
            message=words,
        )


def _stale(circumstances: GuardContext) -> Iterator[Verdict]:
    limit = circumstances.stale_after_days
    worth = {"lowest": " Values of other directories are used before its own."}.get(
        circumstances.when_stale, ""
    )
    for name, source in circumstances.sources.items():
        if source.now is None:
            continue
        age = (circumstances.day - source.now).days
        stale, old = age > limit, f"{plural(age, 'day')} old"
        message = f"{name}'s snapshot is of {source.now}, {old}; it is stale after {limit}."
        if stale:
            message += f"{worth} Until {name} is read again, its people stay as they were."
        yield Verdict(
            name="directory_stale",
            directory=name,
            passed=not stale,
            severity="warning",
            count=age,
            limits={"stale_after_days": limit},
            message=message,
        )


# Losses, compared with the limits.


def _judged(losses: Iterable[Measure], case: CauseFinder) -> Iterator[Verdict]:
    groups: dict[tuple[Guard, str | None], list[Measure]] = {
        (guard, None): [] for guard in COMPARING if guard != "correlation"
    }
    for loss in losses:
        groups.setdefault((loss.guard, loss.directory), []).append(loss)
    for (guard, directory), members in groups.items():
        held = [loss for loss in members if loss.exceeds]
        yield from (_held(loss, case) for loss in held)
        if not held:
            yield _passed(guard, directory, members)


def _held(loss: Measure, case: CauseFinder) -> Verdict:
    cause = case.cause(loss.guard, loss)
    return verdict_on(
        loss,
        attribute=loss.attribute,
        cause=cause,
        found=loss.found,
        message=f"{loss.found}: {loss.exceeds}. Likely cause: {cause.words}",
    )


def _passed(guard: Guard, directory: str | None, losses: list[Measure]) -> Verdict:
    most = max(losses, key=lambda loss: (loss.percent, loss.count), default=None)
    if most is None:
        return Verdict(name=guard, directory=directory, message="There was nothing to lose.")
    found = f"{most.within[0].upper()}{most.within[1:]}" if not most.count else most.within
    return verdict_on(most, found=found, message=f"{found}. {most.held_beyond}")


# Correlation: whether people are still matched across directories.


@dataclass(frozen=True)
class _Links:
    """The numbers of active people, of those with several accounts, and of merged people."""

    directories: int
    people_before: int
    linked_before: int
    people_after: int
    linked_after: int
    merged: int

    @property
    def before(self) -> float:
        return 100 * self.linked_before / max(self.people_before, 1)

    @property
    def after(self) -> float:
        return 100 * self.linked_after / max(self.people_after, 1)

    @property
    def fewer(self) -> int:
        return max(self.linked_before - self.linked_after, 0)

    @property
    def exceeds(self) -> str:
        """The limit that the decrease exceeds, in words; empty if it exceeds none."""
        half = self.linked_before >= HALF_OF and 2 * self.fewer >= self.linked_before
        if self.before - self.after <= POINTS or not (self.fewer > LINKED or half):
            return ""
        many = f"more than {LINKED} fewer" if self.fewer > LINKED else "half of them or more"
        return f"{many}, and more than {POINTS} percentage points"

    @property
    def merged_percent(self) -> float:
        return 100 * self.merged / max(self.people_before, 1)


def _correlation(links: _Links, limit: RemovedGuard, case: CauseFinder) -> Iterator[Verdict]:
    if links.directories < 2:
        yield Verdict(name="correlation", message="With one directory there is nobody to match.")
        return
    yield _linked(links, case)
    # A merged person is not removed, but gets the signature of the other person.
    if links.merged > limit.count and links.merged_percent > limit.percent:
        yield _merged(links, limit, case)


def _linked(links: _Links, case: CauseFinder) -> Verdict:
    cause = case.cause("correlation", None) if links.exceeds else None
    found = (
        f"{links.linked_after:,} of {links.people_after:,} active people ({links.after:.1f} %) have several"
        f" accounts; {links.linked_before:,} of {links.people_before:,} ({links.before:.1f} %) had"
    )
    limits = (
        f"Held back when more than {LINKED} people fewer have several accounts, and their share is lower by"
        f" more than {POINTS} percentage points."
    )
    return Verdict(
        name="correlation",
        passed=not links.exceeds,
        count=links.fewer,
        of=links.linked_before,
        percent=round(max(links.before - links.after, 0), 2),
        limits={"count": LINKED, "points": POINTS},
        message=f"{found}: {links.exceeds}. Likely cause: {cause.words}"
        if cause
        else f"{found}. {limits}",
        found=found,
        exceeds=links.exceeds if cause else "",
        **explained(cause),
    )


def _merged(links: _Links, limit: RemovedGuard, case: CauseFinder) -> Verdict:
    cause = case.cause("correlation", None)
    if cause.kind == "unknown":
        words = "accounts of a directory have other people's values in their match keys."
        cause = LikelyCause("unknown", words)
    found = (
        f"{links.merged:,} of {links.people_before:,} active people ({links.merged_percent:.1f} %)"
        " were merged with another person"
    )
    exceeds = f"more than {limit.count:,} and more than {limit.percent:g} %"
    return Verdict(
        name="correlation",
        passed=False,
        count=links.merged,
        of=links.people_before,
        percent=round(links.merged_percent, 2),
        limits={"count": limit.count, "percent": limit.percent},
        message=f"{found}: {exceeds}. Likely cause: {cause.words}",
        found=found,
        exceeds=exceeds,
        **explained(cause),
    )
