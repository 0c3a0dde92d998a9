"""One page for each published day, for people who look rather than read.

The page stands alone: no script, nothing loaded from anywhere, no names of people. It is made from what
is stored, and from nothing later than its day, so that it can be made again.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from unicodedata import category

import jinja2

from opensense_okta.config.models import Organization
from opensense_okta.config.text import as_words, duration, percent
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.publishing.guards.evaluate import Verdict
from opensense_okta.publishing.judgement import Judgement, stored_judgement
from opensense_okta.publishing.published import Published, published_days, read_publication
from opensense_okta.resolution.checks import check_resolved_day
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.files import atomic_write, make_private_dir
from opensense_okta.storage.lake import Lake

DAYS = 90  # of history, at most
DEPARTMENTS = 15  # with a row of their own
COMBINATIONS = 12  # of directories, with a row of their own
LONGEST_NAME = 80  # characters of a department that are shown

TABLES = ("people", "accounts", "conflicts")
QUESTIONS = ("people", "departments", "directories", "accounts", "conflicts", "completeness")

Row = dict[str, object]


class NoReport(Exception):
    """There is nothing that a report of the day could be made from; the text says why."""


@dataclass(frozen=True)
class Bar:
    """One day in a picture: its path, which of the picture's colours, and what it says."""

    path: str
    colour: str
    says: str


@dataclass(frozen=True)
class Picture:
    """Numbers over days, in a field 1000 wide and 100 high that is stretched to fit.

    Attributes:
        name: unique on the page, fit for an HTML id.
        says: the same in words.
        top, bottom: what the upper and lower edge stand for.
        since: the day at the left edge.
        zero: how far down the line of zero is.
    """

    name: str
    title: str
    says: str
    top: str
    bottom: str
    since: date
    bars: tuple[Bar, ...] = ()
    line: str = ""
    zero: float = 100.0


@dataclass(frozen=True)
class PastDay:
    """One published day of the history."""

    published: Published

    @property
    def day(self) -> date:
        """Which day."""
        return self.published.day

    @property
    def active(self) -> int | None:
        """How many active people there were; None: that was not counted."""
        return self.published.resolved.evidence.get("people_active")


@dataclass(frozen=True)
class DirectoryOfDay:
    """What one directory contributed to the day.

    Attributes:
        as_of: the day its data is of; age: days since then.
        read: the snapshot's manifest; None: it is no longer stored.
        active, inactive: its accounts.
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
    pictures: tuple[Picture, ...]


def write_report(organization: Organization, lake: Lake, day: date) -> Path:
    """Writes the page of a published day, whole, and returns where it lies.

    Raises:
        NoReport: the day has not been published, or its tables are no longer stored.
    """
    one = read_publication(lake, day)
    if one is None:
        raise NoReport(
            f"{lake.organization}: {day} has not been published, so there is no report of it. Publish it"
            f" first, with `opensense-okta sync {lake.organization} --date {day}`."
        )
    if not all(lake.resolved(day).table(one, table).exists() for table in TABLES):
        raise NoReport(
            f"{lake.organization}: the tables that were published of {day} are no longer stored, so its"
            " report cannot be made again; one that was made before stays as it is."
        )
    page = _template().render(_content(organization, lake, one))
    folder = make_private_dir(lake.folder / "reports")
    path = folder / f"date={day}.html"
    atomic_write(path, page)
    return path


def _content(organization: Organization, lake: Lake, one: Published) -> dict[str, object]:
    """All that the page says, by the names that the template uses."""
    answers = _ask(lake, one)
    (people,) = answers["people"]
    history = _history(lake, one)
    before = one.base.manifest(lake) if one.base else None
    reads = _reads(lake, one)
    return {
        "organization": organization.name,
        "one": one,
        "since": _since(organization, lake, one),
        "people": people,
        "before": before.evidence if before else {},
        "departments": answers["departments"],
        "combinations": answers["directories"],
        "conflicts": _by_kind(answers["conflicts"]),
        "completeness": answers["completeness"],
        "history": history,
        "people_picture": _people_picture(history),
        "change_pictures": _change_pictures(history),
        "directories": list(_directories(one, reads, answers["accounts"])),
        "judgement": _judgement(lake, one),
        "warned": list(_warned(one, before, reads)),
    }


def _ask(lake: Lake, one: Published) -> dict[str, list[Row]]:
    """What the day's tables say; only numbers come out of the engine."""
    shelf = lake.resolved(one.day)
    with engine.start(lake.folder) as connection:
        for table in TABLES:
            engine.view(connection, table, shelf.table(one, table))
        most = {"departments": DEPARTMENTS, "directories": COMBINATIONS}
        return {
            name: engine.run(connection, __package__, f"{name}.sql", most=most.get(name, 0))
            for name in QUESTIONS
        }


def _history(lake: Lake, one: Published) -> list[PastDay]:
    """The last published days up to this one, oldest first."""
    days = [day for day in published_days(lake) if day <= one.day][-DAYS:]
    found = (read_publication(lake, day) for day in days)
    return [
        PastDay(record_publication)
        for record_publication in found
        if record_publication is not None
    ]


def _since(organization: Organization, lake: Lake, one: Published) -> datetime | None:
    """When the day was published, on the organization's clocks, as far as that is known."""
    ledger = lake.ledger(one.day)
    since = one.since
    if since is None and ledger.exists():  # which publishing has written
        since = datetime.fromtimestamp(ledger.stat().st_mtime, UTC)
    return since.astimezone(organization.zone) if since else None


def _judgement(lake: Lake, one: Published) -> Judgement | None:
    """The judgement of exactly what was published; the day may have been judged again since."""
    found = stored_judgement(lake, one.day)
    if found is None or (found.resolved, found.base) != (one.id, one.base):
        return None
    return found


def _by_kind(rows: Sequence[Row]) -> dict[str, list[Row]]:
    return {str(kind): list(found) for kind, found in groupby(rows, lambda row: row["kind"])}


def _reads(lake: Lake, one: Published) -> dict[str, tuple[SnapshotManifest, ...]]:
    """The stored reads of each directory up to the one that the day was resolved from."""
    return {
        directory: tuple(_manifests(lake, directory, source.day))
        for directory, source in one.resolved.sources.items()
    }


def _manifests(lake: Lake, directory: str, until: date) -> Iterator[SnapshotManifest]:
    for day in [stored for stored in lake.snapshot_days(directory) if stored <= until][-DAYS:]:
        manifest = lake.snapshot(directory, day).manifest(SnapshotManifest)
        if manifest is not None:
            yield manifest


def _used(
    one: Published, reads: Mapping[str, Sequence[SnapshotManifest]]
) -> dict[str, SnapshotManifest]:
    """The snapshots that the day was resolved from, as far as they are still stored."""
    return {
        directory: reads[directory][-1]
        for directory, source in one.resolved.sources.items()
        if reads[directory] and reads[directory][-1].id == source.id
    }


def _directories(
    one: Published,
    reads: Mapping[str, tuple[SnapshotManifest, ...]],
    accounts: Sequence[Row],
) -> Iterator[DirectoryOfDay]:
    used = _used(one, reads)
    counted = {str(row["directory"]): row for row in accounts}
    for name, source in one.resolved.sources.items():
        row = counted.get(name, {})
        yield DirectoryOfDay(
            name=name,
            as_of=source.as_of,
            age=(one.day - source.as_of).days,
            stale=source.stale,
            read=used.get(name),
            active=int(str(row.get("active", 0))),
            inactive=int(str(row.get("inactive", 0))),
            reads=reads[name],
            pictures=tuple(_read_pictures(name, reads[name], one.day)),
        )


def _warned(
    one: Published,
    before: ResolvedManifest | None,
    reads: Mapping[str, Sequence[SnapshotManifest]],
) -> Iterator[CheckResult]:
    """The warnings of the checks; their errors are in the judgement."""
    for manifest in _used(one, reads).values():
        yield from (result for result in check_snapshot(manifest) if result.outcome == "warning")
    for result in check_resolved_day(one.resolved, before):
        if result.outcome == "warning":
            yield result


# Pictures of numbers over days.


@dataclass(frozen=True)
class _Days:
    """Where days are between the left and the right edge."""

    first: date
    last: date

    @property
    def width(self) -> float:
        return 1000 / ((self.last - self.first).days + 1)

    def left(self, day: date) -> float:
        return (day - self.first).days * self.width

    def bar(self, day: date, start: float, end: float) -> str:
        """A bar of a day from one height to another, with a gap beside it."""
        left, width = self.left(day) + 0.1 * self.width, 0.8 * self.width
        return f"M{left:.1f} {start:.2f}V{end:.2f}h{width:.1f}V{start:.2f}z"

    def line(self, points: Sequence[tuple[date, float]]) -> str:
        """Through the middles of the days; a single point is a dot."""
        steps = [f"{self.left(day) + self.width / 2:.1f} {height:.2f}" for day, height in points]
        return f"M{'L'.join(steps)}{'h0' if len(steps) == 1 else ''}" if steps else ""


def _people_picture(history: Sequence[PastDay]) -> Picture | None:
    """Active people; None while there is only one day."""
    known = [(past.day, past.active) for past in history if past.active is not None]
    if len(known) < 2:
        return None
    low, high = min(count for _, count in known), max(count for _, count in known)
    span = high - low
    axis = _Days(history[0].day, history[-1].day)
    line = axis.line([(d, 100 * (high - n) / span if span else 50.0) for d, n in known])
    return Picture(
        name="people-over-time",
        title="Active people",
        says=f"Active people went from {known[0][1]:,} on {known[0][0]} to {known[-1][1]:,} on"
        f" {known[-1][0]}; the fewest were {low:,}, the most {high:,}.",
        top=f"{high:,}",
        bottom=f"{low:,}" if span else "",
        since=axis.first,
        line=line,
    )


def _change_pictures(history: Sequence[PastDay]) -> list[Picture]:
    """Who came, went and changed; the first published day, when everybody was new, says nothing."""
    known = [
        (past.day, past.published.difference)
        for past in history
        if past.published.base is not None and past.published.difference is not None
    ]
    if not known:
        return []
    axis = _Days(history[0].day, history[-1].day)
    added = {day: found.added for day, found in known}
    removed = {day: found.removed for day, found in known}
    changed = {day: found.changed for day, found in known}
    up, down = max(added.values()), max(removed.values())
    zero = 100 * up / (up + down) if up + down else 50.0
    both = [
        *_bars(axis, added, zero, zero / max(up, 1), "added"),
        *_bars(axis, removed, zero, (zero - 100) / max(down, 1), "removed"),
    ]
    return [
        Picture(
            name="added-and-removed",
            title="People added and removed",
            says=f"{sum(added.values()):,} people were added and {sum(removed.values()):,} removed on"
            f" {len(known):,} days; at most {up:,} and {down:,} on one day.",
            top=f"+{up:,}" if up else "",
            bottom=f"\N{MINUS SIGN}{down:,}" if down else "",
            since=axis.first,
            bars=tuple(both),
            zero=zero,
        ),
        _upright(axis, "changed-people", "People changed", changed, "changed"),
    ]


def _read_pictures(
    directory: str, reads: Sequence[SnapshotManifest], until: date
) -> Iterator[Picture]:
    """What reading a directory took, day by day; nothing while there is only one."""
    if len(reads) < 2:
        return
    axis = _Days(reads[0].day, until)
    requests = {read.day: read.cost.requests for read in reads}
    seconds = {read.day: round((read.finished - read.started).total_seconds()) for read in reads}
    left = {
        read.day: round(100 * read.cost.headroom)
        for read in reads
        if read.cost.headroom is not None
    }
    if any(requests.values()):
        yield _upright(axis, f"{directory}-requests", "Requests", requests, "requests")
    yield _upright(axis, f"{directory}-seconds", "Duration", seconds, "seconds", in_words=duration)
    if left:
        yield Picture(
            name=f"{directory}-headroom",
            title="Rate limit left",
            says=f"The smallest share of a rate limit that was left was {min(left.values())} %.",
            top="100 %",
            bottom="0 %",
            since=axis.first,
            line=axis.line([(day, 100.0 - share) for day, share in left.items()]),
        )


def _upright(
    axis: _Days,
    name: str,
    title: str,
    numbers: Mapping[date, int],
    what: str,
    *,
    in_words: Callable[[int], str] = "{:,}".format,
) -> Picture:
    most = max(numbers.values())
    return Picture(
        name=name,
        title=title,
        says=f"At most {in_words(most)} on one day, {in_words(list(numbers.values())[-1])} on the last.",
        top=in_words(most) if most else "",
        bottom="0",
        since=axis.first,
        bars=tuple(_bars(axis, numbers, 100.0, 100 / max(most, 1), what, in_words=in_words)),
    )


def _bars(
    axis: _Days,
    numbers: Mapping[date, int],
    zero: float,
    unit: float,
    what: str,
    *,
    in_words: Callable[[int], str] = "{:,}".format,
) -> Iterator[Bar]:
    """Bars that start at `zero`; `unit` is the height of one, negative downwards."""
    for day, number in numbers.items():
        if number:
            words = what if in_words is not duration else ""
            path = axis.bar(day, zero, zero - number * unit)
            yield Bar(path=path, colour=what, says=f"{day}: {in_words(number)} {words}".rstrip())


# How things are written.


def nearness(verdict: Verdict) -> float | None:
    """How near to its limits a guard came, 0 to 1; None where there is no such limit."""
    if verdict.outcome == "error":
        return 1.0
    limits = verdict.limits
    if "stale_after_days" in limits:
        return min(verdict.count / max(limits["stale_after_days"], 1), 1.0)
    share = limits.get("percent", limits.get("points"))
    if "count" not in limits or share is None:
        return None
    # A guard trips when both are exceeded, or the most that may ever be.
    both = min(_part(verdict.count, limits["count"]), _part(verdict.percent, share))
    most = _part(verdict.count, limits["max"]) if "max" in limits else 0.0
    return min(max(both, most), 1.0)


def _part(number: float, limit: float) -> float:
    return number / limit if limit else float(number > 0)


def plain(name: object) -> str:
    """A name from a directory, without control characters and of a length that can be shown."""
    text = str(name)
    kept = "".join(" " if category(each) == "Cc" else each for each in text[:LONGEST_NAME])
    return f"{kept}…" if len(text) > LONGEST_NAME else kept


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters.update(
        number="{:,}".format, duration=duration, plain=plain, words=as_words, nearness=nearness
    )
    environment.globals.update(percent=percent)
    text = files(__package__).joinpath("report.html.jinja").read_text(encoding="utf-8")
    return environment.from_string(text)
