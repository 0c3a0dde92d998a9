"""What a sync costs, beside the floor of the same run and the last release: `make bench`.

Each figure is of one process, so that CPU and peak memory are of that process alone. Machines differ and are
noisy: a release is compared by its CPU divided by the floor's of the same run, and a difference within the
noise is named so.
"""

import json
import os
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import httpx

from benchmarks.figures import (
    FLOOR,
    FULL,
    INCREMENTAL,
    NAIVE,
    SIZES,
    Cost,
    Reading,
    Row,
    goals,
    noise_table,
    picture,
    read_release,
    table,
    write_release,
)
from benchmarks.simulated import advance_to, simulated

HERE = Path(__file__).parent
COMMAND = str(Path(sys.executable).with_name("opensense-okta"))
Run = tuple[Cost, Reading | None]
RELEASE = HERE / "release.json"
TURNS = {"100": 3, "10k": 3}
"""How often a size is measured without latency; a line is the run with the median CPU."""

INTRODUCTION = """# What a sync costs

Each line is one process, with its start. A sync is `opensense-okta sync` from start to end, with Dagster.
Before an incremental sync 1 % of the users and the members of 2 % of the groups have changed.

- The floor (`benchmarks/floor.py`) is the least that a download of the same pages into a DuckDB file costs:
  an async client, one insert for each table, no checks.
- The naive script (`benchmarks/naive.py`) is what somebody writes on the first day: a synchronous client,
  pandas, DuckDB. It stores the same number of rows.
- Machines differ, so the last release is compared by its CPU divided by that of the floor in its own run.
  If the difference is smaller than the noise of both runs, it is no difference.
"""
NOISE = """## Noise

The floor runs before, between and after the syncs of a size. The spread is the largest value minus the
smallest, divided by the median. The noise of a line is the spread of the floor's CPU or of the line's own
runs, if that is larger.
"""
GOALS = """## Goals

Seconds are of the machine of this run; the goals were set on one with two cores where the floor of
100,000 users took 6.7 s of CPU. A read has ten connections: one lists the users, one the groups, and eight
read members.
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
guards: {{removed: {{count: 100, percent: 100}}}} # of 100 people a day removes more than the default
"""


def simulator(
    size: tuple[int, int, int], latency: int, limits: tuple[int, int] = (10**8, 10**8)
) -> AbstractContextManager[str]:
    """Starts a simulated company of that size, as of yesterday, of which a day changes little."""
    return simulated(
        quiet=True,
        users=size[0],
        groups=size[1],
        memberships=size[2],
        day=datetime.now(UTC).date() - timedelta(days=1),
        latency_ms=latency,
        users_limit=limits[0],
        groups_limit=limits[1],
    )


def advance_day(url: str) -> None:
    """Simulates a day: 1 % of the users and the members of 2 % of the groups change."""
    advance_to(url, datetime.now(UTC).date())


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


def sync(url: str, home: Path, command: str = "") -> tuple[Cost, Reading]:
    """Runs `opensense-okta sync` and returns its cost and the part that reads."""
    (home / "organizations").mkdir(parents=True, exist_ok=True)
    (home / "organizations" / "bench.yaml").write_text(ORGANIZATION.format(url=url))
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(home),
        "OPENSENSE_DATA": str(home / "data"),
        "BENCH_TOKEN": "simulator-token",
    }
    httpx.delete(f"{url}/_simulator/requests", timeout=60).raise_for_status()
    output, cost = measured([command or COMMAND, "sync", "bench", "--json"], environment)
    targets = [str(request["target"]) for request in requests_of(url)]
    member_requests = sum("/groups/" in target and "/users" in target for target in targets)
    read = json.loads(output)["directories"]["okta"]
    reading = datetime.fromisoformat(read["finished"]) - datetime.fromisoformat(read["started"])
    part = Reading(reading.total_seconds(), read["cost"]["cpu"], member_requests)
    return Cost(read["cost"]["requests"], cost.wall, cost.cpu, cost.peak), part


def requests_of(url: str) -> list[dict[str, object]]:
    """The requests that the simulator answered."""
    return list(httpx.get(f"{url}/_simulator/requests", timeout=60).json())


def script(name: str, url: str) -> tuple[Cost, dict[str, int]]:
    """Runs `floor` or `naive` and returns its cost and the rows that it stored."""
    with TemporaryDirectory() as folder:
        command = [sys.executable, str(HERE / f"{name}.py"), url, str(Path(folder, "bench.duckdb"))]
        output, cost = measured(command, dict(os.environ))
    stored = json.loads(output)
    return Cost(stored["requests"], cost.wall, cost.cpu, cost.peak), stored["rows"]


def floor(url: str) -> Cost:
    """Downloads the same pages into a DuckDB file."""
    return script("floor", url)[0]


def turn(name: str, latency: int, command: str = "") -> tuple[list[Cost], dict[str, Run]]:
    """Measures the floor, a full sync, an incremental sync one simulated day later, and the naive script.

    The first day is yesterday, so the second sync is of another day of the company, and of the same day
    here. Its requests show how few members it reads. The naive script would wait 10 minutes for the latency
    of the largest size: it is measured without.
    """
    with simulator(SIZES[name], latency) as url, TemporaryDirectory() as home:
        floors = [floor(url)]
        runs: dict[str, Run] = {FULL: sync(url, Path(home), command)}
        floors.append(floor(url))
        advance_day(url)
        runs[INCREMENTAL] = sync(url, Path(home), command)
        last, rows = script("floor", url)
        if not latency:
            naive, naive_rows = script("naive", url)
            if naive_rows != rows:
                raise RuntimeError(f"the naive script stored {naive_rows}, the floor {rows}")
            runs[NAIVE] = naive, None
    return [*floors, last], runs


def syncs(name: str, latency: int, command: str = "") -> list[Row]:
    """The lines of a size: the floor, the naive script and the syncs."""
    turns = [turn(name, latency, command) for _ in range(1 if latency else TURNS.get(name, 1))]
    floors = [cost for costs, _ in turns for cost in costs]
    kinds = [what for what in (NAIVE, FULL, INCREMENTAL) if what in turns[0][1]]
    return [
        Row(name, latency, FLOOR, [(cost, None) for cost in floors], floors),
        *(Row(name, latency, what, [runs[what] for _, runs in turns], floors) for what in kinds),
    ]


def rate_limited(name: str, command: str = "") -> str:
    """Reports how much of an enforced rate limit a read uses."""
    users_limit, groups_limit = 300, 250
    with (
        simulator(SIZES[name], 0, (users_limit, groups_limit)) as url,
        TemporaryDirectory() as home,
    ):
        cost, reading = sync(url, Path(home), command)
        served = requests_of(url)
    groups = sum("/groups" in str(request["target"]) for request in served)
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
@click.option("--release", help="Store the figures in release.json as those of this release.")
@click.option(
    "--command", default="", help="The opensense-okta to measure. Default: this version's."
)
def main(
    sizes: tuple[str, ...],
    latencies: tuple[int, ...],
    *,
    limits: bool,
    output: Path,
    release: str | None,
    command: str,
) -> None:
    """Measure syncs and write results.md and results.svg."""
    name, before = read_release(RELEASE)
    rows: list[Row] = []
    for size in sizes:
        for latency in latencies:
            measured_rows = syncs(size, latency, command)
            print(table(measured_rows, name, before), flush=True)
            rows += measured_rows
    if release:
        write_release(output / RELEASE.name, release, rows)
        return
    budget = rate_limited(sizes[min(1, len(sizes) - 1)], command) if limits else ""
    reached = goals(rows)
    print(f"{noise_table(rows)}\n\n{reached}\n\n{budget}")
    picture(rows, output / "results.svg")
    sections = [
        INTRODUCTION + "\n" + table(rows, name, before),
        f"{GOALS}\n{reached}" if reached else "",
        f"{NOISE}\n{noise_table(rows)}",
        budget,
        "![The same as a picture](results.svg)",
    ]
    (output / "results.md").write_text("\n\n".join(filter(None, sections)) + "\n")


if __name__ == "__main__":
    main()
