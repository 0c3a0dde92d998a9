"""What many organizations in one code location cost: `make bench`.

Each figure is the CPU time of a new process, so that nothing is warm but Python's own bytecode.
"""

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import dagster as dg
from dagster._core.remote_representation.external_data import RepositorySnap

from opensense_okta.definitions import defs
from opensense_okta.orchestration import names

HERE = Path(__file__).parent
INTRODUCTION = """# What many organizations cost

Organizations of three directories in one code location. Loading is what the code server does at its start
and when definitions are reloaded, with the snapshot that it sends to Dagster's web server and daemon; those
of the jobs are sent when they are asked for. A run's process loads its own organization only. The sensor
`retries` is evaluated every 30 seconds for all of them, a schedule at its ticks for one. CPU is that of a
process; the machine has 2 cores and is noisy.

At most 50 organizations in a code location is the documented size.

| organizations | load: CPU s | MiB | snapshot MB | a run loads: CPU s | sensor: CPU s | schedule: CPU s |
| --- | --- | --- | --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Cost:
    """What a process used: CPU seconds, MiB at its peak, and bytes of the snapshot."""

    load: float
    memory: float = 0
    snapshot: int = 0
    sensor: float = 0
    schedule: float = 0


def settings(number: int) -> dict[str, object]:
    """The organization file of one of many."""
    secret = {"env": "NO_SUCH_SECRET"}
    return {
        "timezone": "Europe/Berlin",
        "schedule": f"{number % 60} 2 * * *",
        "first_day": "2026-11-01",
        "directories": {
            "okta": {
                "kind": "okta",
                "endpoint": f"https://company{number}.okta.com",
                "api_token": secret,
            },
            "entra": {
                "kind": "entra",
                "tenant_id": f"company{number}.onmicrosoft.com",
                "client_id": "8f9a1c1e-0000-4000-8000-000000000001",
                "client_secret": secret,
            },
            "hr": {"kind": "csv", "users": "/srv/hr/people.csv"},
        },
        "publish": {"csv": {"path": "exports/{date}/people.csv"}},
    }


def cpu() -> float:
    """The CPU seconds of this process."""
    return time.process_time()


def seconds_of(work: Callable[[], object]) -> float:
    """The CPU seconds of some work."""
    before = cpu()
    work()
    return cpu() - before


def cost_here() -> Cost:
    """What this process costs, which loads what its environment says."""
    definitions = defs()
    repository = definitions.get_repository_def()
    if names.organization_of_job(os.environ.get("DAGSTER_RUN_JOB_NAME", "")):
        definitions.resolve_job_def(os.environ["DAGSTER_RUN_JOB_NAME"])
        return Cost(cpu())
    snapshot = len(dg.serialize_value(RepositorySnap.from_def(repository, defer_snapshots=True)))
    load, memory = cpu(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sensor = repository.get_sensor_def(names.RETRIES)
    schedule = repository.get_schedule_def(names.sync_schedule("company0"))
    with (
        dg.DagsterInstance.get() as instance,
        dg.build_sensor_context(instance, repository_def=repository) as context,
        dg.build_schedule_context(
            instance, scheduled_execution_time=datetime.now(UTC), repository_def=repository
        ) as tick,
    ):
        return Cost(
            load,
            memory,
            snapshot,
            seconds_of(lambda: sensor.evaluate_tick(context)),
            seconds_of(lambda: schedule.evaluate_tick(tick)),
        )


def cost_of(count: int, job: str = "") -> Cost:
    """What a process costs that loads so many organizations, or one of them for a run of a job."""
    with TemporaryDirectory() as home:
        folder = Path(home, "organizations")
        folder.mkdir()
        for number in range(count):
            file = folder / f"company{number}.yaml"
            file.write_text(json.dumps(settings(number)))  # JSON is YAML, too
        environment = {
            **os.environ,
            "DAGSTER_HOME": home,
            "OPENSENSE_DATA": str(Path(home, "data")),
            "DAGSTER_RUN_JOB_NAME": job,
        }
        command = [sys.executable, "-m", "benchmarks.organizations", "--here"]
        done = subprocess.run(
            command, env=environment, cwd=HERE.parent, check=True, capture_output=True, text=True
        )
    return Cost(**json.loads(done.stdout.splitlines()[-1]))


@click.command()
@click.option("--here", is_flag=True, hidden=True, help="Measure this process.")
@click.option("--count", "counts", type=int, multiple=True, default=(1, 50, 200))
@click.option(
    "--output", type=click.Path(path_type=Path), default=HERE, help="Folder of the results."
)
def main(here: bool, counts: tuple[int, ...], output: Path) -> None:
    """Measure and write organizations.md."""
    if here:
        print(json.dumps(asdict(cost_here())))
        return
    text = INTRODUCTION
    print(text, end="")
    for count in counts:
        all_of_them, run = cost_of(count), cost_of(count, names.sync_job("company0"))
        line = (
            f"| {count} | {all_of_them.load:.1f} | {all_of_them.memory:.0f}"
            f" | {all_of_them.snapshot / 1e6:.1f} | {run.load:.1f} | {all_of_them.sensor:.2f}"
            f" | {all_of_them.schedule:.2f} |\n"
        )
        print(line, end="", flush=True)
        text += line
    (output / "organizations.md").write_text(text)


if __name__ == "__main__":
    main()
