"""What a page in the browser costs the web server, beside the floor of the same run: `make bench`.

The real command `opensense-okta ui` serves the pages of an organization of three directories. CPU and memory
are those of its web server's process alone. The floor is an empty DuckDB of a new process.
"""

import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import duckdb
import httpx
import psutil

from benchmarks.resolution import DAY, SIZES, organization, settings, store
from opensense_okta.publishing.approval import record_approval
from opensense_okta.publishing.publish import Held, publish
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage.lake import Lake

HERE = Path(__file__).parent
COMMAND = str(Path(sys.executable).with_name("opensense-okta"))
SIGN_IN = re.compile(r"(http://127\.0\.0\.1:\d+)/sign-in\?token=\S+")
PERSON = re.compile(r'href="/directory/(bench/people/[0-9a-f]{32})"')
NEXT_DAY = DAY + timedelta(days=1)
BATCHES, BATCH = 9, 4
"""A figure is the median of batches; each has several requests, because CPU is counted in 10 ms."""

MIX = ("overview", "organization", "overview", "organization", "person", "search")
SAMPLES = 10  # of the memory
INTRODUCTION = """# What a page costs

`opensense-okta ui` serves an organization of three directories. CPU is that of the web server's process for
one request, the median of {batches} batches of {batch} requests; a search has two, the form and the page with
its result. The floor is one `duckdb.connect`. The machine has 2 cores and is noisy: compare figures of one
run.
"""


@dataclass(frozen=True)
class Site:
    """The pages of an organization.

    Attributes:
        client: is signed in.
        process: the web server.
    """

    client: httpx.Client
    process: psutil.Process

    def get(self, path: str) -> str:
        """A page below `/directory/`."""
        return self.client.get(f"/directory/{path}").raise_for_status().text

    def search(self, who: str) -> str:
        """The page with the people who match."""
        answer = self.client.post(
            "/directory/bench/people",
            data={"who": who},
            headers={"Origin": f"{self.client.base_url}".rstrip("/")},
        )
        return self.get(f"bench/{answer.headers['location']}")

    def cpu(self) -> float:
        """Seconds of CPU that the web server has used."""
        times = self.process.cpu_times()
        return times.user + times.system

    def memory(self) -> float:
        """MiB of memory that the web server has."""
        return self.process.memory_info().rss / 2**20


def resolve_days(lake: Lake, accounts: int) -> None:
    """Resolves two days, and publishes the first."""
    for day in (DAY, NEXT_DAY):
        store(lake, accounts, day)
        resolve(organization(), day, lake)
        if day == DAY:
            publish_approved(lake, day)


def publish_approved(lake: Lake, day: date) -> None:
    """Publishes a day, approved: its snapshots have no evidence of a complete read."""
    try:
        publish(organization(), lake, day)
    except Held as held:
        record_approval(lake, held.judgement, "the benchmark")
        publish(organization(), lake, day)


@contextmanager
def serving(home: Path, data: Path) -> Iterator[Site]:
    """The pages of a home, signed in."""
    (home / "organizations").mkdir(parents=True)
    (home / "organizations" / "bench.yaml").write_text(json.dumps(settings()))  # JSON is YAML, too
    environment = {**os.environ, "DAGSTER_HOME": str(home), "OPENSENSE_DATA": str(data)}
    log = home.parent / "ui.log"
    command = [COMMAND, "ui", "--no-daemon", "--port", "0"]
    with (
        log.open("wb") as output,
        subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, cwd=HERE.parent
        ) as process,
    ):
        try:
            while (link := SIGN_IN.search(log.read_text())) is None:
                if process.poll() is not None:
                    raise RuntimeError(log.read_text())
                time.sleep(0.1)
            with httpx.Client(base_url=link[1], timeout=60) as client:
                client.get(link[0])
                (server,) = (
                    child
                    for child in psutil.Process(process.pid).children(recursive=True)
                    if "opensense_okta.web.webserver" in child.cmdline()
                )
                yield Site(client, server)
        finally:
            process.terminate()
            process.wait()


def cost(site: Site, request: Callable[[], object]) -> float:
    """Milliseconds of the web server's CPU for one request."""
    request()
    batches = []
    for _ in range(BATCHES):
        before = site.cpu()
        for _ in range(BATCH):
            request()
        batches.append(1000 * (site.cpu() - before) / BATCH)
    return statistics.median(batches)


def connect_cost() -> float:
    """Milliseconds of CPU that an empty DuckDB takes."""
    costs = []
    for _ in range(BATCHES):
        before = time.process_time()
        duckdb.connect().close()
        costs.append(1000 * (time.process_time() - before))
    return statistics.median(costs)


def requests_of(site: Site, people: Sequence[str]) -> dict[str, Callable[[], object]]:
    """A function for each kind of request; it takes another person each time."""
    next_person, next_number = cycle(people), cycle(range(0, len(people) * 10, 7))
    return {
        "overview": lambda: site.get(""),
        "organization": lambda: site.get("bench/"),
        "person": lambda: site.get(next(next_person)),
        "search": lambda: site.search(f"person{next(next_number)}@example.com"),
        "search for a name": lambda: site.search(f"display_name {next(next_number) % 997}"),
    }


def after_publication(site: Site, lake: Lake, person: str) -> list[str]:
    """Lines of the table about the first requests after a publication."""
    publish_approved(lake, NEXT_DAY)
    published, before = time.perf_counter(), site.cpu()
    while f"{NEXT_DAY}</time>, since" not in site.get(""):
        pass
    shown = time.perf_counter() - published
    site.get(person)
    both = time.perf_counter() - published
    cpu = 1000 * (site.cpu() - before)
    return [
        f"| the new day is shown after its publication | | {1000 * shown:.0f} |",
        f"| first overview and person after it | {cpu:.0f} | {1000 * both:.0f} |",
    ]


def memory_over(site: Site, requests: Mapping[str, Callable[[], object]], count: int) -> list[str]:
    """Lines of the table of the web server's memory while it answers a mix of requests."""
    lines = []
    for number, name in zip(range(1, count + 1), cycle(MIX), strict=False):
        requests[name]()
        if number % (count // SAMPLES) == 0:
            lines.append(f"| {number:,} | {site.memory():.0f} |")
    return lines


@click.command()
@click.option("--size", type=click.Choice([*SIZES]), default="100k")
@click.option("--requests", "count", default=1_000, help="Requests while the memory is watched.")
@click.option(
    "--output", type=click.Path(path_type=Path), default=HERE, help="Folder of the results."
)
def main(size: str, count: int, output: Path) -> None:
    """Measure and write pages.md."""
    with TemporaryDirectory() as scratch:
        data = Path(scratch) / "data"
        data.mkdir()
        lake = Lake(data, "bench")
        resolve_days(lake, SIZES[size])
        with serving(Path(scratch) / "home", data) as site:
            people = [
                PERSON.findall(site.search(f"person{number}@example.com"))[0]
                for number in range(0, SIZES[size], SIZES[size] // 20)
            ]
            requests = requests_of(site, people)
            lines = ["| request | CPU ms | wall ms |", "| --- | --- | --- |"]
            lines.append(f"| floor: an empty DuckDB | {connect_cost():.0f} | |")
            for name, request in requests.items():
                started = time.perf_counter()
                used = cost(site, request)
                wall = 1000 * (time.perf_counter() - started) / (BATCHES * BATCH + 1)
                lines.append(f"| {name} | {used:.0f} | {wall:.0f} |")
                print(lines[-1], flush=True)
            lines += after_publication(site, lake, people[0])
            lines += ["", f"{SIZES[size]:,} people. Then a mix of requests:", ""]
            lines += ["| requests | memory MiB |", "| --- | --- |"]
            lines += memory_over(site, requests, count)
    text = INTRODUCTION.format(batches=BATCHES, batch=BATCH) + "\n" + "\n".join(lines) + "\n"
    (output / "pages.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
