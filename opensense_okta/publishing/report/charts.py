"""Charts of numbers over days: SVG paths in a view box of 1000 by 100 that is stretched to fit."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from opensense_okta.config.text import duration
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.publishing.published import Published


@dataclass(frozen=True)
class Bar:
    """One day in a chart: its SVG path, the name of its colour, and its text."""

    path: str
    colour: str
    text: str


@dataclass(frozen=True)
class Chart:
    """Numbers over days.

    Attributes:
        name: unique on the page, valid as an HTML id.
        description: the content of the chart, in a sentence.
        top, bottom: the values at the upper and lower edge.
        since: the day at the left edge.
        zero: the distance of the zero line from the upper edge.
    """

    name: str
    title: str
    description: str
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
        """The date."""
        return self.published.day

    @property
    def active(self) -> int | None:
        """The number of active people; None: it was not counted."""
        return self.published.resolved.evidence.get("people_active")


@dataclass(frozen=True)
class _Axis:
    """The horizontal position of days."""

    first: date
    last: date

    @property
    def width(self) -> float:
        return 1000 / ((self.last - self.first).days + 1)

    def left(self, day: date) -> float:
        return (day - self.first).days * self.width

    def bar(self, day: date, start: float, end: float) -> str:
        """The bar of a day between two heights, with a gap beside it."""
        left, width = self.left(day) + 0.1 * self.width, 0.8 * self.width
        return f"M{left:.1f} {start:.2f}V{end:.2f}h{width:.1f}V{start:.2f}z"

    def line(self, points: Sequence[tuple[date, float]]) -> str:
        """A line through the middles of the days; a single point is a dot."""
        steps = [f"{self.left(day) + self.width / 2:.1f} {height:.2f}" for day, height in points]
        return f"M{'L'.join(steps)}{'h0' if len(steps) == 1 else ''}" if steps else ""


def people_chart(history: Sequence[PastDay]) -> Chart | None:
    """Active people on each day; None while only one day is stored."""
    known = [(past.day, past.active) for past in history if past.active is not None]
    if len(known) < 2:
        return None
    low, high = min(count for _, count in known), max(count for _, count in known)
    span = high - low
    axis = _Axis(history[0].day, history[-1].day)
    line = axis.line([(d, 100 * (high - n) / span if span else 50.0) for d, n in known])
    return Chart(
        name="people-over-time",
        title="Active people",
        description=f"Active people went from {known[0][1]:,} on {known[0][0]} to {known[-1][1]:,} on"
        f" {known[-1][0]}; the fewest were {low:,}, the most {high:,}.",
        top=f"{high:,}",
        bottom=f"{low:,}" if span else "",
        since=axis.first,
        line=line,
    )


def change_charts(history: Sequence[PastDay]) -> list[Chart]:
    """People added, removed and changed. The first published day is left out: all people were new."""
    known = [
        (past.day, past.published.difference)
        for past in history
        if past.published.base is not None and past.published.difference is not None
    ]
    if not known:
        return []
    axis = _Axis(history[0].day, history[-1].day)
    added = {day: difference.added for day, difference in known}
    removed = {day: difference.removed for day, difference in known}
    changed = {day: difference.changed for day, difference in known}
    up, down = max(added.values()), max(removed.values())
    zero = 100 * up / (up + down) if up + down else 50.0
    both = [
        *_bars(axis, added, zero, zero / max(up, 1), "added"),
        *_bars(axis, removed, zero, (zero - 100) / max(down, 1), "removed"),
    ]
    return [
        Chart(
            name="added-and-removed",
            title="People added and removed",
            description=f"{sum(added.values()):,} people were added and {sum(removed.values()):,} removed on"
            f" {len(known):,} days; at most {up:,} and {down:,} on one day.",
            top=f"+{up:,}" if up else "",
            bottom=f"\N{MINUS SIGN}{down:,}" if down else "",
            since=axis.first,
            bars=tuple(both),
            zero=zero,
        ),
        _bar_chart(axis, "changed-people", "People changed", changed, "changed"),
    ]


def read_charts(directory: str, reads: Sequence[SnapshotManifest], until: date) -> Iterator[Chart]:
    """The cost of reading a directory on each day; nothing while only one read is stored."""
    if len(reads) < 2:
        return
    axis = _Axis(reads[0].day, until)
    requests = {read.day: read.cost.requests for read in reads}
    seconds = {read.day: round((read.finished - read.started).total_seconds()) for read in reads}
    left = {
        read.day: round(100 * read.cost.headroom)
        for read in reads
        if read.cost.headroom is not None
    }
    if any(requests.values()):
        yield _bar_chart(axis, f"{directory}-requests", "Requests", requests, "requests")
    yield _bar_chart(
        axis, f"{directory}-seconds", "Duration", seconds, "seconds", format_number=duration
    )
    if left:
        yield Chart(
            name=f"{directory}-headroom",
            title="Rate limit left",
            description=f"The smallest share of a rate limit that was left was {min(left.values())} %.",
            top="100 %",
            bottom="0 %",
            since=axis.first,
            line=axis.line([(day, 100.0 - share) for day, share in left.items()]),
        )


def _bar_chart(
    axis: _Axis,
    name: str,
    title: str,
    numbers: Mapping[date, int],
    what: str,
    *,
    format_number: Callable[[int], str] = "{:,}".format,
) -> Chart:
    most, last = max(numbers.values()), list(numbers.values())[-1]
    return Chart(
        name=name,
        title=title,
        description=f"At most {format_number(most)} on one day, {format_number(last)} on the last.",
        top=format_number(most) if most else "",
        bottom="0",
        since=axis.first,
        bars=tuple(
            _bars(axis, numbers, 100.0, 100 / max(most, 1), what, format_number=format_number)
        ),
    )


def _bars(
    axis: _Axis,
    numbers: Mapping[date, int],
    zero: float,
    unit: float,
    what: str,
    *,
    format_number: Callable[[int], str] = "{:,}".format,
) -> Iterator[Bar]:
    """Bars that start at `zero`; `unit` is the height of the number 1, negative downwards."""
    for day, number in numbers.items():
        if number:
            words = what if format_number is not duration else ""
            path = axis.bar(day, zero, zero - number * unit)
            yield Bar(
                path=path, colour=what, text=f"{day}: {format_number(number)} {words}".rstrip()
            )
