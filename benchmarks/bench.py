"""What a sync costs, beside the floor of the same run: `make bench`.

Each figure is of a process of its own, so that CPU and peak memory are that process's alone. These
are noisy machines' seconds: compare within a run, not between runs.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click

HERE = Path(__file__).parent
COMMAND = str(Path(sys.executable).with_name("opensense-okta"))
SIZES = {"10k": (10_000, 500, 60_000), "100k": (100_000, 5_000, 1_000_000)}
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
    """What one process cost."""

    requests: int
    wall: float
    cpu: float
    peak: float  # MiB


@contextmanager
def simulator(size: tuple[int, int, int], latency: int) -> Iterator[str]:
    """An Okta organization of that size in a process of its own, without a rate limit."""
    users, groups, memberships = size
    with TemporaryDirectory() as folder:
        ready = Path(folder) / "ready"
        options = {
            "port": 0,
            "users": users,
            "groups": groups,
            "memberships": memberships,
            "latency-ms": latency,
            "users-limit": 10**8,
            "groups-limit": 10**8,
            "ready-file": ready,
        }
        flags = [text for name, value in options.items() for text in (f"--{name}", str(value))]
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


def measured(command: list[str], environment: dict[str, str]) -> tuple[str, Cost]:
    """Runs a process; its output, and its cost without the number of requests."""
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


def sync(url: str, home: Path) -> tuple[Cost, float]:
    """One `opensense-okta sync`, and the seconds that reading took of it."""
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
    return Cost(read["cost"]["requests"], cost.wall, cost.cpu, cost.peak), reading.total_seconds()


def floor(url: str) -> Cost:
    """The same pages downloaded and thrown away."""
    output, cost = measured([sys.executable, str(HERE / "floor.py"), url], dict(os.environ))
    return Cost(int(output), cost.wall, cost.cpu, cost.peak)


def table(rows: list[list[str]], header: list[str]) -> str:
    """A Markdown table."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


@click.command()
@click.option("--size", "sizes", multiple=True, type=click.Choice(list(SIZES)), default=list(SIZES))
@click.option("--latency-ms", "latencies", multiple=True, type=int, default=(0, 100))
def main(sizes: tuple[str, ...], latencies: tuple[int, ...]) -> None:
    """Measures full syncs and writes benchmarks/results.md."""
    rows = []
    for name in sizes:
        for latency in latencies:
            with simulator(SIZES[name], latency) as url, TemporaryDirectory() as home:
                bare = floor(url)
                whole, reading = sync(url, Path(home))
            for what, cost in (("floor", bare), ("sync", whole)):
                rows.append(
                    [
                        "/".join(f"{count:,}" for count in SIZES[name]),
                        f"{latency} ms",
                        what,
                        f"{cost.requests:,}",
                        f"{cost.wall:.1f}",
                        f"{reading:.1f}" if what == "sync" else "",
                        f"{cost.cpu:.1f}",
                        f"{cost.cpu / bare.cpu:.1f}",
                        f"{cost.peak:.0f}",
                    ]
                )
                print(rows[-1])
    header = [
        "users/groups/memberships",
        "latency",
        "what",
        "requests",
        "wall s",
        "of it reading s",
    ]
    header += ["CPU s", "CPU / floor", "peak MiB"]
    (HERE / "results.md").write_text(f"# What a sync costs\n\n{table(rows, header)}\n")


if __name__ == "__main__":
    main()
