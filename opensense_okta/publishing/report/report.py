"""The HTML report of a published day.

The page is self-contained: it has no script, loads nothing, and has no names of people. It is made only
from the stored data up to its day, so making it again gives the same content.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from unicodedata import category

import jinja2

from opensense_okta.config.errors import UserError
from opensense_okta.config.models import Organization
from opensense_okta.config.text import as_words, duration, percent, plural
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.publishing.approval import Approval, approvals
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import Judgement, stored_judgement
from opensense_okta.publishing.published import Published, published_days, read_publication
from opensense_okta.publishing.report.charts import (
    Chart,
    PastDay,
    change_charts,
    people_chart,
    read_charts,
)
from opensense_okta.publishing.report.counts import (
    AccountCount,
    ConflictCount,
    Counts,
    count_day,
)
from opensense_okta.resolution.checks import check_resolved_day
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import RESOLVED, Lake, ledger_name, report_name, snapshots_of
from opensense_okta.storage.partition import local_file
from opensense_okta.storage.sql import Sql

DAYS = 90  # of history, at most
LONGEST_NAME = 80  # characters of a department that are shown

TABLES = ("people", "accounts", "conflicts")


class NoReport(UserError):
    """The data that a report of the day needs is not stored."""


@dataclass(frozen=True)
class DirectoryOfDay:
    """What one directory contributed to the day.

    Attributes:
        as_of: the day of its data; age: days since then.
        read: the snapshot's manifest; None: it is no longer stored.
        active, inactive: the numbers of its accounts.
        reads: the stored reads up to the day, oldest first.
    """

    name: str
    as_of: date
    age: int
    stale: bool
    read: SnapshotManifest | None
    active: int
    inactive: int
    reads: tuple[SnapshotManifest, ...]
    charts: tuple[Chart, ...]


def write_report(organization: Organization, lake: Lake, day: date) -> Path:
    """Writes the report of a published day and returns its local file.

    Raises:
        NoReport: the day has not been published, or its tables are no longer stored.
    """
    name = report_name(day)
    over = lake.store.version(name)  # before the publication is read: a newer report stays
    publication = read_publication(lake, day)
    if publication is None:
        raise NoReport(
            f"{lake.organization}: {day} has not been published, so there is no report of it. Publish it"
            f" first, with `opensense-okta sync {lake.organization} --date {day}`."
        )
    if not all(lake.resolved(day).table(publication, table).exists() for table in TABLES):
        raise NoReport(
            f"{lake.organization}: the tables that were published of {day} are no longer stored, so its"
            " report cannot be made again; one that was made before stays as it is."
        )
    page = _template().render(_content(organization, lake, publication))
    lake.store.write(name, page.encode(), over)
    return local_file(lake.store, name)


def _content(organization: Organization, lake: Lake, publication: Published) -> dict[str, object]:
    """The values of the template's variables."""
    counts = _count(lake, publication)
    history = _history(lake, publication)
    before = publication.base.manifest(lake) if publication.base else None
    reads = _reads(lake, publication)
    return {
        "organization": organization.name,
        "publication": publication,
        "since": _since(organization, lake, publication),
        "people": counts.people,
        "before": before.evidence if before else {},
        "departments": counts.departments,
        "combinations": counts.combinations,
        "conflicts": _by_kind(counts.conflicts),
        "completeness": counts.completeness,
        "history": history,
        "people_chart": people_chart(history),
        "change_charts": change_charts(history),
        "directories": list(_directories(publication, reads, counts.accounts)),
        "judgement": _judgement(lake, publication),
        "approval": _approval(organization, lake, publication),
        "warned": list(_warned(publication, before, reads)),
    }


def _count(lake: Lake, publication: Published) -> Counts:
    shelf = lake.resolved(publication.day)
    with engine.start(lake.scratch) as connection:
        for table in TABLES:
            engine.view(connection, table, shelf.table(publication, table))
        return count_day(Sql(connection, __package__))


def _history(lake: Lake, publication: Published) -> list[PastDay]:
    """The last published days up to this one, oldest first."""
    listed = lake.listed(RESOLVED)
    days = [day for day in published_days(listed) if day <= publication.day][-DAYS:]
    publications = (read_publication(listed, day) for day in days)
    return [PastDay(publication) for publication in publications if publication is not None]


def _since(organization: Organization, lake: Lake, publication: Published) -> datetime | None:
    """When the day was published, in the organization's time zone; None: not known."""
    since = publication.since
    if since is None:  # publishing writes the ledger
        ledger = next(lake.store.entries(ledger_name(publication.day)), None)
        since = ledger.modified if ledger else None
    return since.astimezone(organization.zone) if since else None


def _approval(organization: Organization, lake: Lake, publication: Published) -> Approval | None:
    """The approval with which the day was published, in the organization's time zone."""
    by = publication.approved_by
    given = [approval for approval in approvals(lake, publication.day) if approval.by == by]
    if not given:
        return None
    return given[-1].model_copy(update={"when": given[-1].when.astimezone(organization.zone)})


def _judgement(lake: Lake, publication: Published) -> Judgement | None:
    """The judgement of exactly these tables; None: not stored, or judged again later."""
    stored = stored_judgement(lake, publication.day)
    if stored is None or (stored.resolved, stored.base) != (publication.id, publication.base):
        return None
    return stored


def _by_kind(rows: Sequence[ConflictCount]) -> dict[str, list[ConflictCount]]:
    return {kind: list(members) for kind, members in groupby(rows, lambda row: row.kind)}


def _reads(lake: Lake, publication: Published) -> dict[str, tuple[SnapshotManifest, ...]]:
    """The stored reads of each directory up to the one that the day was resolved from."""
    return {
        directory: tuple(_manifests(lake, directory, source.day))
        for directory, source in publication.resolved.sources.items()
    }


def _manifests(lake: Lake, directory: str, until: date) -> Iterator[SnapshotManifest]:
    listed = lake.listed(snapshots_of(directory))
    for day in [stored for stored in listed.snapshot_days(directory) if stored <= until][-DAYS:]:
        manifest = listed.snapshot(directory, day).manifest(SnapshotManifest)
        if manifest is not None:
            yield manifest


def _used(
    publication: Published, reads: Mapping[str, Sequence[SnapshotManifest]]
) -> dict[str, SnapshotManifest]:
    """The snapshots that the day was resolved from; only those that are still stored."""
    return {
        directory: reads[directory][-1]
        for directory, source in publication.resolved.sources.items()
        if reads[directory] and reads[directory][-1].id == source.id
    }


def _directories(
    publication: Published,
    reads: Mapping[str, tuple[SnapshotManifest, ...]],
    accounts: Sequence[AccountCount],
) -> Iterator[DirectoryOfDay]:
    used = _used(publication, reads)
    counted = {row.directory: row for row in accounts}
    for name, source in publication.resolved.sources.items():
        row = counted.get(name, AccountCount(name, active=0, inactive=0))
        yield DirectoryOfDay(
            name=name,
            as_of=source.as_of,
            age=(publication.day - source.as_of).days,
            stale=source.stale,
            read=used.get(name),
            active=row.active,
            inactive=row.inactive,
            reads=reads[name],
            charts=tuple(read_charts(name, reads[name], publication.day)),
        )


def _warned(
    publication: Published,
    before: ResolvedManifest | None,
    reads: Mapping[str, Sequence[SnapshotManifest]],
) -> Iterator[CheckResult]:
    """The warnings of the checks; their errors are in the judgement."""
    for manifest in _used(publication, reads).values():
        yield from (result for result in check_snapshot(manifest) if result.outcome == "warning")
    for result in check_resolved_day(publication.resolved, before):
        if result.outcome == "warning":
            yield result


def nearness(verdict: Verdict) -> float | None:
    """How close a guard came to its limits, from 0 to 1; None: the guard has no such limits."""
    if verdict.outcome == "error":
        return 1.0
    limits = verdict.limits
    if "stale_after_days" in limits:
        return min(verdict.count / max(limits["stale_after_days"], 1), 1.0)
    share = limits.get("percent", limits.get("points"))
    if "count" not in limits or share is None:
        return None
    # A guard does not pass if count and percent are exceeded, or if `max` is.
    both = min(_part(verdict.count, limits["count"]), _part(verdict.percent, share))
    most = _part(verdict.count, limits["max"]) if "max" in limits else 0.0
    return min(max(both, most), 1.0)


def _part(number: float, limit: float) -> float:
    return number / limit if limit else float(number > 0)


def plain(name: object) -> str:
    """A name from a directory without control characters, cut to LONGEST_NAME characters."""
    text = str(name)
    kept = "".join(" " if category(char) == "Cc" else char for char in text[:LONGEST_NAME])
    return f"{kept}…" if len(text) > LONGEST_NAME else kept


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        number="{:,}".format, duration=duration, plain=plain, words=as_words, nearness=nearness
    )
    environment.globals.update(percent=percent, plural=plural, second=timedelta(seconds=1))
    text = files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(text)
