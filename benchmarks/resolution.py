"""What resolving three directories costs, beside the floor of the same run: `make bench`.

The floor is the same join in plain SQL: a left join on the employee number and the first filled value of
each attribute, without provenance, conflicts and ambiguous keys.
"""

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import duckdb

from opensense_okta.config.attributes import ATTRIBUTES, DATES
from opensense_okta.config.environment import memory_limit
from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import TABLES
from opensense_okta.directories.snapshot import Cost as ReadCost
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.resolution.resolve import resolve
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql

HERE = Path(__file__).parent
DAY = date(2026, 11, 23)
DIRECTORIES = ("okta", "entra", "hr")
CUSTOM = ("desk", "pronouns")
VALUES = (*(name for name in ATTRIBUTES if name not in DATES), *CUSTOM)
"""The attributes that the accounts have; none has dates."""
SIZES = {"1k": 1_000, "100k": 100_000, "1m": 1_000_000}
"""Accounts of each directory. The smallest size only shows that the benchmark works."""
RUNS = {"1k": 1, "100k": 5, "1m": 1}
INTRODUCTION = f"""# What resolving costs

Three directories with the given number of accounts and {len(VALUES)} attributes, matched by
employee number, then e-mail. One value in ten is blank, one in forty differs, and `title` has its own
precedence. Each line is one process; seconds are without Python's start. The floor is the same join in plain
SQL, without provenance and conflicts (`benchmarks/sql/floor.sql`). The machine has 2 cores and is noisy:
compare figures of one run. Of 100,000 accounts, each line is the fastest of {RUNS["100k"]} alternating runs,
and the slowest is given, too.
"""


@dataclass(frozen=True)
class Cost:
    """What one step cost: times in seconds, peak memory of its process in MiB."""

    wall: float
    cpu: float
    peak: float


def settings() -> dict[str, object]:
    """The organization file: three directories with a column for each attribute."""
    custom = {name: name for name in CUSTOM}
    directories = {
        name: {"kind": "csv", "users": "/nowhere", "attributes": custom} for name in DIRECTORIES
    }
    rules = {
        "match": ["employee_number", "email"],
        "attributes": {"title": {"precedence": ["hr"]}, "mobile_phone": {"blank": "wins"}},
    }
    return {
        "timezone": "UTC",
        "first_day": str(DAY),
        "directories": directories,
        "resolution": rules,
    }


def organization() -> Organization:
    """The organization of the file."""
    return Organization.model_validate({"name": "bench", **settings()})


def store(lake: Lake, accounts: int, day: date = DAY) -> None:
    """Stores a snapshot for each directory: the same people, with some different values."""
    for directory in DIRECTORIES:
        partition = lake.snapshot(directory, day)
        staged = partition.draft()
        with engine.start(staged.folder) as connection:
            Sql(connection, "benchmarks").run(
                "accounts.sql",
                directory=directory,
                accounts=accounts,
                attributes=list(VALUES),
            )
            rows = {table: engine.store(connection, table, staged.table(table)) for table in TABLES}
        now = datetime(day.year, day.month, day.day, 2, tzinfo=UTC)
        manifest = SnapshotManifest(
            id=staged.id,
            organization="bench",
            directory=directory,
            kind="csv",
            day=day,
            run_id="bench",
            chain="bench",
            mode="full",
            settings="",
            full_read=day,
            started=now,
            finished=now,
            cost=ReadCost(),
            rows=rows,
            set_aside=dict.fromkeys(TABLES, 0),
            evidence={},
        )
        partition.commit(staged, manifest)


def floor(lake: Lake, path: Path) -> None:
    """Joins the directories in plain SQL."""
    database = path / "floor.duckdb"
    database.unlink(missing_ok=True)
    with duckdb.connect(str(database)) as connection:
        for name in DIRECTORIES:
            partition = lake.snapshot(name, DAY)
            manifest = partition.manifest(SnapshotManifest)
            assert manifest is not None  # noqa: S101 - stored by the same run
            engine.view(connection, name, partition.table(manifest, "raw_users"))
        fields = [f"/{name}" for name in VALUES]
        connection.execute("set variable fields = $fields", {"fields": fields})
        connection.execute((HERE / "sql" / "floor.sql").read_text())
        connection.table("people").write_parquet(str(path / "people.parquet"), compression="zstd")


@click.command()
@click.argument("what", type=click.Choice(["all", "store", "resolve", "floor"]), default="all")
@click.argument("folder", type=click.Path(path_type=Path), required=False)
@click.option(
    "--size", "sizes", multiple=True, type=click.Choice(list(SIZES)), default=("100k", "1m")
)
@click.option(
    "--output", type=click.Path(path_type=Path), default=HERE, help="Folder of the results."
)
def main(what: str, folder: Path | None, sizes: tuple[str, ...], output: Path) -> None:
    """Measure and write resolution.md. WHAT and FOLDER are for the processes that are measured."""
    if folder is not None:
        lake = Lake(folder, "bench")
        wall, cpu = time.perf_counter(), time.process_time()
        match what:
            case "store":
                store(lake, SIZES[sizes[0]])
            case "resolve":
                resolve(organization(), DAY, lake)
            case "floor":
                floor(lake, folder)
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps(asdict(Cost(wall, cpu, peak))))
        return
    lines = [
        "| accounts | what | wall s | slowest | CPU s | CPU / floor | peak MiB |",
        "|" + " --- |" * 7,
    ]
    for size in sizes:
        with TemporaryDirectory() as scratch:
            _measured("store", scratch, size)
            turns = [
                {name: _measured(name, scratch, size) for name in ("floor", "resolve")}
                for _ in range(RUNS[size])
            ]
        minimum = min((turn["floor"] for turn in turns), key=attrgetter("wall"))
        for name in ("floor", "resolve"):
            cost = min((turn[name] for turn in turns), key=attrgetter("wall"))
            slowest = max(turn[name].wall for turn in turns)
            lines.append(
                f"| 3 x {SIZES[size]:,} | {name} | {cost.wall:.1f} | {slowest:.1f} | {cost.cpu:.1f} |"
                f" {cost.cpu / minimum.cpu:.1f} | {cost.peak:.0f} |"
            )
        print("\n".join(lines[-2:]))
    limit = (
        f"`OPENSENSE_MEMORY_LIMIT`: {memory_limit() / 2**20:.0f} MiB. It limits DuckDB when it"
        " resolves, but neither Python nor the floor."
    )
    text = f"{INTRODUCTION}\n" + "\n".join(lines) + f"\n\n{limit}\n"
    (output / "resolution.md").write_text(text)


def _measured(what: str, folder: str, size: str) -> Cost:
    command = [sys.executable, "-m", "benchmarks.resolution", what, folder, "--size", size]
    environment = {**os.environ, "PYTHONPATH": str(HERE.parent)}
    ended = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE)
    return Cost(**json.loads(ended.stdout))


if __name__ == "__main__":
    main()
