"""What a sync costs, beside the floor of the same run: `make bench`.

Each figure is of one process, so that CPU and peak memory are of that process alone. The machine is
noisy: compare figures of one run, not of different runs.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import httpx
import matplotlib as mpl
from matplotlib import pyplot as plt

mpl.use("svg")

HERE = Path(__file__).parent
COMMAND = str(Path(sys.executable).with_name("opensense-okta"))
SIZES = {
    "100": (100, 10, 300),
    "1k": (1_000, 50, 3_000),
    "10k": (10_000, 500, 60_000),
    "100k": (100_000, 5_000, 1_000_000),
}
"""Users, groups and memberships. `1k` only shows that the benchmark works."""

INTRODUCTION = """# What a sync costs

Each line is one process. The floor downloads the same pages with a minimal client and discards them. A sync
is `opensense-okta sync` from start to end, with Dagster. Before an incremental sync 1 % of the users and the
members of 2 % of the groups have changed. The machine is noisy and has 2 cores: compare
figures of one run.
"""
ORGANIZATION = """
timezone: UTC
first_day: 2026-01-01
directories:
  okta:
    kind: okta
    endpoint: {url}
    api_token: {{env: BENCH_TOKEN}}
    rate_limit_share: 1.0
"""


@dataclass(frozen=True)
class Cost:
    """What one process cost; times in seconds, peak memory in MiB."""

    requests: int
    wall: float
    cpu: float
    peak: float


@dataclass(frozen=True)
class Reading:
    """The part of a sync that reads, in seconds."""

    wall: float
    cpu: float


@dataclass(frozen=True)
class Row:
    """One line of the results."""

    size: str
    latency: int
    what: str
    cost: Cost
    reading: Reading | None
    floor: Cost

    def cells(self) -> list[str]:
        """The cells of the line."""
        return [
            " / ".join(f"{count:,}" for count in SIZES[self.size]),
            f"{self.latency} ms",
            self.what,
            f"{self.cost.requests:,}",
            f"{self.cost.wall:.1f}",
            f"{self.cost.cpu:.1f}",
            *self._reading(),
            f"{self.cost.peak:.0f}",
        ]

    def _reading(self) -> tuple[str, str, str]:
        if self.reading is None:
            return "", "", ""
        share = self.reading.cpu / self.floor.cpu
        return f"{self.reading.wall:.1f}", f"{self.reading.cpu:.1f}", f"{share:.1f}"


@contextmanager
def simulator(
    size: tuple[int, int, int], latency: int, limits: tuple[int, int] = (10**8, 10**8)
) -> Iterator[str]:
    """Starts a simulated Okta organization of that size, as of yesterday, in another process."""
    with TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        options = {
            "port": 0,
            "users": size[0],
            "groups": size[1],
            "memberships": size[2],
            "day": datetime.now(UTC).date() - timedelta(days=1),
            "latency-ms": latency,
            "users-limit": limits[0],
            "groups-limit": limits[1],
            "ready-file": ready,
        }
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
        flags.append("--quiet")
        process = subprocess.Popen([COMMAND, "simulate", *flags], stdout=subprocess.DEVNULL)
        try:
            while not ready.exists():
                if process.poll() is not None:
                    raise RuntimeError("the simulator did not start")
                time.sleep(0.1)
            yield ready.read_text().strip()
        finally:
            process.terminate()
            process.wait()


def advance_day(url: str) -> None:
    """Simulates a day: 1 % of the users and the members of 2 % of the groups change."""
    today = datetime.now(UTC).date()
    httpx.post(f"{url}/_simulator/day", json={"day": str(today)}, timeout=120).raise_for_status()


def measured(command: list[str], environment: dict[str, str]) -> tuple[str, Cost]:
    """Runs a process and returns its output and its cost, without the number of requests."""
    started = time.monotonic()
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        output = process.stdout.read() if process.stdout else ""
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{command} failed: {output}")
    cpu = usage.ru_utime + usage.ru_stime
    return output, Cost(0, time.monotonic() - started, cpu, usage.ru_maxrss / 1024)


def sync(url: str, home: Path) -> tuple[Cost, Reading]:
    """Runs `opensense-okta sync` and returns its cost and the part that reads."""
    (home / "organizations").mkdir(parents=True, exist_ok=True)
    (home / "organizations" / "bench.yaml").write_text(ORGANIZATION.format(url=url))
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "OPENSENSE_DATA": str(home / "data"),
        "BENCH_TOKEN": "simulator-token",
    }
    output, cost = measured([COMMAND, "sync", "bench", "--json"], environment)
    read = json.loads(output)["directories"]["okta"]
    reading = datetime.fromisoformat(read["finished"]) - datetime.fromisoformat(read["started"])
    part = Reading(reading.total_seconds(), read["cost"]["cpu"])
    return Cost(read["cost"]["requests"], cost.wall, cost.cpu, cost.peak), part


def floor(url: str) -> Cost:
    """Downloads the same pages and discards them."""
    output, cost = measured([sys.executable, str(HERE / "floor.py"), url], dict(os.environ))
    return Cost(int(output), cost.wall, cost.cpu, cost.peak)


def table(rows: list[Row]) -> str:
    """A Markdown table."""
    header = ["users / groups / memberships", "latency", "what", "requests", "wall s", "CPU s"]
    header += ["reading: wall s", "CPU s", "CPU / floor", "peak MiB"]
    lines = [header, ["---"] * len(header), *(row.cells() for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def picture(rows: list[Row], path: Path) -> None:
    """Draws requests, CPU and peak memory of each run beside the floor of the same size."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    labels = [f"{row.size} {row.latency} ms\n{row.what}" for row in rows]
    for axis, name, values in (
        (axes[0], "requests", [row.cost.requests for row in rows]),
        (axes[1], "CPU seconds", [row.cost.cpu for row in rows]),
        (axes[2], "peak MiB", [row.cost.peak for row in rows]),
    ):
        colors = ["#9aa5b1" if row.what == "floor" else "#2f6fde" for row in rows]
        axis.barh(labels, values, color=colors)
        axis.set_title(name)
        axis.invert_yaxis()
        axis.tick_params(labelsize=7)
    figure.savefig(path, metadata={"Date": None, "Creator": None})
    plt.close(figure)


def syncs(name: str, latency: int) -> list[Row]:
    """Measures the floor, a full sync, and an incremental sync one simulated day later.

    The first day is yesterday, so the second sync is of another day of the company, and of the same day
    here. Its requests show how few members it reads.
    """
    with simulator(SIZES[name], latency) as url, TemporaryDirectory() as home:
        minimum = floor(url)
        full = sync(url, Path(home))
        advance_day(url)
        incremental = sync(url, Path(home))
    return [
        Row(name, latency, "floor", minimum, None, minimum),
        Row(name, latency, "full sync", full[0], full[1], minimum),
        Row(name, latency, "incremental sync", incremental[0], incremental[1], minimum),
    ]


def rate_limited(name: str) -> str:
    """Reports how much of an enforced rate limit a read uses."""
    users_limit, groups_limit = 300, 250
    with (
        simulator(SIZES[name], 0, (users_limit, groups_limit)) as url,
        TemporaryDirectory() as home,
    ):
        cost, reading = sync(url, Path(home))
        served = httpx.get(f"{url}/_simulator/requests", timeout=60).json()
    groups = sum("/groups" in request["target"] for request in served)
    refused = sum(request["status"] == 429 for request in served)
    return (
        f"Under an enforced limit of {users_limit} users and {groups_limit} groups calls a minute, with"
        f" `rate_limit_share` 1.0: {groups} groups calls in {reading.wall:.0f} s, which is"
        f" {groups / (groups_limit * reading.wall / 60):.0%} of the limit; {refused} responses were a 429"
        f" ({cost.requests} requests in total)."
    )


@click.command()
@click.option(
    "--size", "sizes", multiple=True, type=click.Choice(list(SIZES)), default=("100", "10k", "100k")
)
@click.option("--latency-ms", "latencies", multiple=True, type=int, default=(0, 100))
@click.option(
    "--limits/--no-limits", default=True, help="Whether a read under a rate limit is measured."
)
@click.option(
    "--output", type=click.Path(path_type=Path), default=HERE, help="Folder of the results."
)
def main(sizes: tuple[str, ...], latencies: tuple[int, ...], *, limits: bool, output: Path) -> None:
    """Measure syncs and write results.md and results.svg."""
    rows: list[Row] = []
    for name in sizes:
        for latency in latencies:
            rows += syncs(name, latency)
            print(table(rows[-3:]))
    budget = rate_limited(sizes[min(1, len(sizes) - 1)]) if limits else ""
    print(budget)
    picture(rows, output / "results.svg")
    text = INTRODUCTION + f"\n{table(rows)}\n\n{budget}\n\n![The same as a picture](results.svg)\n"
    (output / "results.md").write_text(text)


if __name__ == "__main__":
    main()
