"""The state of each stored day, and examples of what holds a day back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from opensense_okta.config.text import as_words
from opensense_okta.publishing.approval import check_approval
from opensense_okta.publishing.evaluation import compared
from opensense_okta.publishing.guards.evaluate import Verdict, examples
from opensense_okta.publishing.guards.exported import measure_export
from opensense_okta.publishing.judgement import Judgement, stored_judgement
from opensense_okta.publishing.published import (
    Published,
    published,
    read_publication,
    resolved_day,
)
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.lake import Lake


@dataclass(frozen=True)
class DayState:
    """What is stored of a day.

    Attributes:
        publication: how it was published last; None: it was not.
        is_published: whether it is the published day.
        resolved: the tables that were resolved last; None: they are those of the publication, or there are
            none.
        held: why these are not published, if an approval is needed.
        has_report: whether a report of it is stored.
    """

    day: date
    publication: Published | None
    is_published: bool
    resolved: ResolvedManifest | None
    held: Judgement | None
    has_report: bool

    @property
    def words(self) -> str:
        """The state in a few words."""
        if self.is_published:
            return "published"
        if self.publication:
            return "published before"
        if self.held:
            return "held back"
        return "resolved, not published" if self.resolved else "read, not resolved"

    @property
    def difference(self) -> Difference | None:
        """How much it changes of the published day before it; None: not known."""
        if self.publication:
            return self.publication.difference
        return self.held.difference if self.held else None

    @property
    def active_people(self) -> int | None:
        """The number of its active people; None: not known."""
        resolved = self.publication.resolved if self.publication else self.resolved
        return resolved.evidence.get("people_active") if resolved else None


@dataclass(frozen=True)
class Examples:
    """People, groups or accounts because of which a guard holds a day back: personal data.

    Attributes:
        of: the guard, and the directory and attribute that it measured.
        rows: by column; the most telling first, see the SQL file of the guard.
    """

    of: str
    rows: Sequence[dict[str, object]]

    @property
    def columns(self) -> list[str]:
        """The columns that have a value in a row: a directory may have no display names."""
        names = self.rows[0] if self.rows else ()
        return [name for name in names if any(row[name] is not None for row in self.rows)]


def days_of(lake: Lake) -> list[date]:
    """The days of which anything is stored, newest first."""
    snapshots = (day for name in lake.directories() for day in lake.snapshot_days(name))
    return sorted({*lake.resolved_days(), *lake.published_days(), *snapshots}, reverse=True)


def states_of(lake: Lake, days: Sequence[date]) -> list[DayState]:
    """The states of some days, in their order."""
    last, reports = published(lake), set(lake.report_days())
    return [_state_of(lake, day, last, has_report=day in reports) for day in days]


def _state_of(lake: Lake, day: date, last: Published | None, *, has_report: bool) -> DayState:
    is_published = last is not None and last.day == day
    publication = last if is_published else read_publication(lake, day)
    resolved = lake.resolved(day).manifest(ResolvedManifest)
    if resolved is not None and publication is not None and resolved.id == publication.id:
        resolved = None
    held = None
    if resolved is not None and (last is None or last.day <= day):
        held = _held(lake, resolved)
    return DayState(day, publication, is_published, resolved, held, has_report)


def _held(lake: Lake, resolved: ResolvedManifest) -> Judgement | None:
    judgement = stored_judgement(lake, resolved.day)
    if judgement is None or judgement.resolved != resolved.id:
        return None
    needs_approval = check_approval(lake, judgement).state == "needs_approval"
    return judgement if needs_approval else None


def examples_of(
    lake: Lake, judgement: Judgement, verdicts: Sequence[Verdict], limit: int
) -> tuple[Difference, list[Examples]]:
    """How much a held day differs from what it would replace, with examples for some of its verdicts.

    Args:
        lake: of the organization.
        judgement: of the day.
        verdicts: of the judgement; those without examples are left out.
        limit: the most rows of one verdict.

    Raises:
        NotResolved: the day, or what is published, is no longer stored.
    """
    resolved = resolved_day(lake, judgement.day)
    by_number: dict[int, Examples] = {}
    differences = []
    targets = [judgement.replaces, *map(judgement.target_of, verdicts)]
    for target in dict.fromkeys(targets):
        with compared(lake, target, resolved) as (connection, difference):
            differences.append(difference)
            if target == judgement.replaces and judgement.export is not None:
                measure_export(connection, lake, judgement.export, judgement.day)
            for number, verdict in enumerate(verdicts):
                if judgement.target_of(verdict) == target:
                    rows = examples(connection, verdict, limit)
                    by_number[number] = Examples(_measured(verdict), rows)
    return differences[0], [
        by_number[number] for number in sorted(by_number) if by_number[number].rows
    ]


def telling(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The verdicts that count other losses: of a guard and attribute, the one that counts most.

    A guard counts the same people once for people, and once for each directory that they have accounts in.
    """
    largest: dict[tuple[str, str | None], Verdict] = {}
    for verdict in verdicts:
        key = (verdict.name, verdict.attribute)
        if key not in largest or verdict.count > largest[key].count:
            largest[key] = verdict
    return list(largest.values())


def _measured(verdict: Verdict) -> str:
    """What a verdict is about, in words."""
    parts = (as_words(verdict.name), verdict.directory, verdict.attribute)
    return ", ".join(part for part in parts if part)
