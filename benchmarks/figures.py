"""The figures of the benchmark of a sync: tables, goals, a picture, and what a release had."""

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SIZES = {
    "100": (100, 10, 300),
    "1k": (1_000, 50, 3_000),
    "10k": (10_000, 500, 60_000),
    "100k": (100_000, 5_000, 1_000_000),
}
"""Users, groups and memberships. `1k` only shows that the benchmark works."""
CONNECTIONS = 10  # that a read may have at once (`opensense_okta/directories/http/client.py`)
FLOOR, NAIVE, FULL, INCREMENTAL = "floor", "naive script", "full sync", "incremental sync"


@dataclass(frozen=True)
class Cost:
    """What one process cost; times in seconds, peak memory in MiB."""

    requests: int
    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Reading:
    """The part of a sync that reads: seconds, and how many requests were for members of groups."""

    wall: float
    cpu: float
    member_requests: int = 0


@dataclass(frozen=True)
class Before:
    """What a line had in a release: its CPU divided by the floor's in one run, and the noise of that run."""

    ratio: float
    noise: float


@dataclass(frozen=True)
class Row:
    """One line of the results: a kind of process, which ran once or several times.

    Attributes:
        runs: with the part that reads, where it is a sync.
        floors: of the same turn.
    """

    size: str
    latency: int
    what: str
    runs: Sequence[tuple[Cost, Reading | None]]
    floors: Sequence[Cost]

    @property
    def key(self) -> str:
        """The name of the line."""
        return f"{self.size}, {self.latency} ms, {self.what}"

    @property
    def cost(self) -> Cost:
        """The cost of the run with the median CPU."""
        return self._median[0]

    @property
    def reading(self) -> Reading | None:
        """The part of that run that reads."""
        return self._median[1]

    @property
    def ratio(self) -> float:
        """The CPU, divided by the floor's."""
        return self.cost.cpu / _median(self.floors).cpu

    @property
    def noise(self) -> float:
        """How far the CPU of equal processes was apart, as a share: of the floor, or of this line."""
        costs = [cost for cost, _ in self.runs]
        return max(spread([cost.cpu for cost in group]) for group in (costs, self.floors))

    @property
    def _median(self) -> tuple[Cost, Reading | None]:
        return sorted(self.runs, key=lambda run: run[0].cpu)[(len(self.runs) - 1) // 2]

    def cells(self, before: Before | None) -> list[str]:
        """The cells of the line."""
        reading = self.reading
        return [
            " / ".join(f"{count:,}" for count in SIZES[self.size]),
            f"{self.latency} ms",
            self.what,
            f"{self.cost.requests:,}",
            f"{self.cost.wall:.1f}",
            f"{self.cost.cpu:.1f}",
            f"{self.ratio:.1f}",
            f"{before.ratio:.1f}" if before else "",
            change(self, before) if before else "",
            f"{reading.wall:.1f}" if reading else "",
            f"{reading.cpu:.1f}" if reading else "",
            f"{self.cost.peak:.0f}",
        ]


def _median(costs: Sequence[Cost]) -> Cost:
    return sorted(costs, key=lambda cost: cost.cpu)[(len(costs) - 1) // 2]


def spread(values: Sequence[float]) -> float:
    """How far the values are apart, as a share of the median."""
    return (max(values) - min(values)) / sorted(values)[(len(values) - 1) // 2]


def change(row: Row, before: Before) -> str:
    """How much the CPU, divided by the floor's, has changed since a release."""
    changed = row.ratio / before.ratio - 1
    if abs(changed) <= row.noise + before.noise:
        return "no difference beyond noise"
    return f"{changed:+.0%}"


def markdown(header: Iterable[str], lines: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    names = list(header)
    rows = [names, ["---"] * len(names), *lines]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def table(rows: Iterable[Row], release: str = "", before: dict[str, Before] | None = None) -> str:
    """The costs, beside those of a release."""
    header = ["users / groups / memberships", "latency", "what", "requests", "wall s", "CPU s"]
    header += ["CPU / floor", f"{release}: CPU / floor", "change"]
    header += ["reading: wall s", "CPU s", "peak MiB"]
    return markdown(header, (row.cells((before or {}).get(row.key)) for row in rows))


def noise_table(rows: Iterable[Row]) -> str:
    """How far the runs of the floor were apart."""
    header = ["users / groups / memberships", "latency", "runs of the floor"]
    header += ["CPU s", "spread", "wall s", "spread"]
    lines = []
    for row in rows:
        if row.what != FLOOR:
            continue
        sides = [[cost.cpu for cost in row.floors], [cost.wall for cost in row.floors]]
        figures = [
            text
            for side in sides
            for text in (f"{min(side):.2f} to {max(side):.2f}", f"{spread(side):.0%}")
        ]
        lines.append([*row.cells(None)[:2], str(len(row.floors)), *figures])
    return markdown(header, lines)


@dataclass(frozen=True)
class Goal:
    """A limit of a figure; the figure may need several lines."""

    text: str
    unit: str
    limit: float
    lines: tuple[tuple[str, int, str], ...]
    figure: Callable[..., float]

    def cells(self, rows: dict[tuple[str, int, str], Row]) -> list[str] | None:
        """The cells of the line; None if it was not measured."""
        if not all(line in rows for line in self.lines):
            return None
        measured = self.figure(*(rows[line] for line in self.lines))
        met = "yes" if measured <= self.limit else "no"
        return [self.text, f"{self.limit:g}{self.unit}", f"{measured:.2f}{self.unit}", met]


def cpu(row: Row) -> float:
    """Seconds of CPU."""
    return row.cost.cpu


def peak(row: Row) -> float:
    """Peak memory in MiB."""
    return row.cost.peak


def over_floor(row: Row) -> float:
    """CPU, divided by the floor's."""
    return row.ratio


def over_other(row: Row, other: Row) -> float:
    """CPU, divided by that of another line."""
    return row.cost.cpu / other.cost.cpu


def member_share(row: Row, full: Row) -> float:
    """Requests for members of groups, in percent of those of the full read."""
    return 100 * _reading(row).member_requests / _reading(full).member_requests


def over_bound(row: Row) -> float:
    """Seconds that the read took, divided by what its requests take on all connections at once."""
    return _reading(row).wall / (row.cost.requests * row.latency / 1000 / CONNECTIONS)


def _reading(row: Row) -> Reading:
    if row.reading is None:
        raise ValueError(f"{row.key} does not read")
    return row.reading


GOALS = (
    Goal("100k full sync: CPU / floor", "", 3.0, (("100k", 0, FULL),), over_floor),
    Goal("100k full sync: peak memory", " MiB", 600, (("100k", 0, FULL),), peak),
    Goal("100k incremental sync: CPU", " s", 12, (("100k", 0, INCREMENTAL),), cpu),
    Goal("100k incremental sync: peak memory", " MiB", 600, (("100k", 0, INCREMENTAL),), peak),
    Goal(
        "100k incremental sync: requests for members, of those of the full one",
        " %",
        3,
        (("100k", 0, INCREMENTAL), ("100k", 0, FULL)),
        member_share,
    ),
    Goal(
        "10k full sync: CPU / naive script",
        "",
        1.3,
        (("10k", 0, FULL), ("10k", 0, NAIVE)),
        over_other,
    ),
    Goal(
        f"10k full sync, 100 ms: reading / (requests x latency / {CONNECTIONS} connections)",
        "",
        1.1,
        (("10k", 100, FULL),),
        over_bound,
    ),
    Goal("100 people, full sync: CPU", " s", 3.2, (("100", 0, FULL),), cpu),
)


def goals(rows: Iterable[Row]) -> str:
    """The goals that these lines decide, each with what was measured; empty if there are none."""
    measured = {(row.size, row.latency, row.what): row for row in rows}
    lines = [cells for goal in GOALS if (cells := goal.cells(measured))]
    return markdown(["goal", "at most", "measured", "met"], lines) if lines else ""


def read_release(path: Path) -> tuple[str, dict[str, Before]]:
    """The name of the release in the file, and its lines."""
    stored = json.loads(path.read_text(encoding="utf-8"))
    lines = {
        key: Before(line["cpu_by_floor"], line["noise"]) for key, line in stored["lines"].items()
    }
    return stored["release"], lines


def write_release(path: Path, release: str, rows: Iterable[Row]) -> None:
    """Stores the lines as those of a release: ratios, because machines differ."""
    lines = {
        row.key: {"cpu_by_floor": round(row.ratio, 3), "noise": round(row.noise, 3)}
        for row in rows
        if row.reading
    }
    text = json.dumps({"release": release, "lines": lines}, indent=2)
    path.write_text(f"{text}\n", encoding="utf-8")


def picture(rows: Sequence[Row], path: Path) -> None:
    """Draws requests, CPU and peak memory of each line beside the floor of the same size."""
    import matplotlib as mpl  # noqa: PLC0415 - slow, and the tests of the figures need none
    from matplotlib import pyplot as plt  # noqa: PLC0415 - as above

    mpl.use("svg")
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.6), layout="constrained")
    labels = [f"{row.size} {row.latency} ms\n{row.what}" for row in rows]
    for axis, name, values in (
        (axes[0], "requests", [row.cost.requests for row in rows]),
        (axes[1], "CPU seconds", [row.cost.cpu for row in rows]),
        (axes[2], "peak MiB", [row.cost.peak for row in rows]),
    ):
        colors = ["#2f6fde" if row.reading else "#9aa5b1" for row in rows]
        axis.barh(labels, values, color=colors)
        axis.set_title(name)
        axis.invert_yaxis()
        axis.tick_params(labelsize=7)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)
