"""Whether two versions of the project publish the same rows: `python -m benchmarks.rows OTHER`.

OTHER is a checkout of another version with its own `.venv`. Both versions sync the same simulated companies
on two days, and each table and view of their `directory.duckdb` is compared. Left out are times and ids of a
run, how much was requested, and schemas whose name begins with `_`. A person's id is random: a person is
known by an account.
"""

import json
import os
import random
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import duckdb

from benchmarks.simulated import advance_to, simulated

HERE = Path(__file__).parent
OF_THE_RUN = {
    "captured_at",
    "finished",
    "proof",
    "published_at",
    "requests",
    "resolved_id",
    "run_id",
    "started",
    "waits",
}
"""Columns whose values two runs of one version have different, too."""
PERSON_COLUMNS = {"person_id", "manager_id"}
LARGE = {"users": 100_000, "groups": 5_000, "memberships": 1_000_000, "quiet": True}
OTHERS = ("entra", "google", "csv")
SHARE_OF_KIND = 0.5  # of the small companies that have it
EXAMPLES = 3  # rows of each difference that are printed

NO_LIMIT = {"count": 10**6, "percent": 100}
"""A small company changes so much in a day that it would be held."""

# Each sync is a process, forked from one that has imported everything: half the time is imports. The days are
# simulated, because a read can only be of the present day.
SYNCS = """
import importlib, os, pkgutil, sys
from datetime import datetime
import time_machine
import opensense_okta
from opensense_okta.cli.main import main
for module in pkgutil.walk_packages(opensense_okta.__path__, "opensense_okta."):
    if module.name.split(".")[1] not in {"simulator", "web"}:
        importlib.import_module(module.name)
for line in sys.stdin:
    home, now = line.split()
    child = os.fork()
    if not child:
        os.environ |= {"DAGSTER_HOME": home, "OPENSENSE_DATA": f"{home}/data"}
        for number, name in ((1, "out"), (2, "log")):
            os.dup2(os.open(f"{home}/{name}", os.O_CREAT | os.O_WRONLY | os.O_TRUNC), number)
        with time_machine.travel(datetime.fromisoformat(now), tick=True):
            main(["sync", "rows", "--json"])
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


class Version:
    """A version of the project that syncs when it is asked to."""

    def __init__(self, checkout: Path, name: str) -> None:
        self.name = name
        self._checkout = checkout
        secrets = {"ROWS_TOKEN": "simulator-token", "ROWS_SECRET": "simulator~secret"}
        self._process = subprocess.Popen(
            [str(checkout / ".venv" / "bin" / "python"), "-c", SYNCS],
            cwd=checkout,
            env={**os.environ, **secrets},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def sync(self, folder: Path, organization: dict[str, object], day: date) -> tuple[str, Path]:
        """Syncs as on that day, and returns how it ended and the published database."""
        home = folder / self.name
        (home / "organizations").mkdir(parents=True, exist_ok=True)
        file = home / "organizations" / "rows.yaml"
        file.write_text(json.dumps(organization))  # JSON is YAML, too
        now = datetime.now(UTC).replace(year=day.year, month=day.month, day=day.day)
        questions, answers = self._process.stdin, self._process.stdout
        if questions is None or answers is None:
            raise RuntimeError("the process has no pipes")
        print(home, now.isoformat(), file=questions, flush=True)
        answers.readline()
        try:
            status = json.loads((home / "out").read_text())["status"]
        except (FileNotFoundError, ValueError):
            raise RuntimeError(f"{self._checkout}: {(home / 'log').read_text()[-3000:]}") from None
        return status, home / "data" / "rows" / "directory.duckdb"

    def end(self) -> None:
        """Ends the process."""
        self._process.communicate()


@dataclass(frozen=True)
class Company:
    """A simulated company: the name for messages, the options of `simulate`, and its other directories."""

    name: str
    options: dict[str, object]
    others: tuple[str, ...] = ()


def random_company(seed: int) -> Company:
    """A small company with Okta and some of the other kinds of directories."""
    chance = random.Random(seed)  # noqa: S311 - the same seed must give the same company
    users, groups = chance.randint(3, 150), chance.randint(4, 30)
    memberships = chance.randint(0, users * groups // 2)
    others = tuple(kind for kind in OTHERS if chance.random() < SHARE_OF_KIND)
    options: dict[str, object] = {
        "seed": seed,
        "users": users,
        "groups": groups,
        "memberships": memberships,
    }
    name = f"seed {seed}, {users}/{groups}/{memberships}, {' '.join(('okta', *others))}"
    return Company(name, options, others)


def other_directories(folder: Path, ports: tuple[int, int]) -> dict[str, dict[str, object]]:
    """The directories beside Okta, by kind."""
    entra, google = (f"http://127.0.0.1:{port}" for port in ports)
    return {
        "entra": {
            "kind": "entra",
            "tenant_id": "5b0e1c6a-7a34-4c11-9d5e-0a1b2c3d4e5f",
            "client_id": "c1b2a3d4-0f0e-4d0c-8b0a-090807060504",
            "client_secret": {"env": "ROWS_SECRET"},
            "authority": entra,
            "graph": entra,
            "requests_per_second": 1000.0,
        },
        "google": {
            "kind": "google",
            "service_account": {"file": str(folder / "google.json")},
            "administrator": "directory-sync@acme.example",
            "endpoint": google,
            "requests_per_second": 1000.0,
            "attributes": {"pronouns": "customSchemas.HR.pronouns"},
        },
        "csv": {
            "kind": "csv",
            "users": str(folder / "hr.csv"),
            "id": "employee_number",
            "attributes": {
                "given_name": "First Name",
                "family_name": "Last Name",
                "email": "Work Email",
                "title": "Job Title",
                "department": "Department",
                "manager": "Manager Number",
            },
        },
    }


def settings(url: str, others: dict[str, dict[str, object]]) -> dict[str, object]:
    """The organization file."""
    directories = {"okta": okta_directory(url), **others}
    title = [kind for kind in ("csv", "entra", "okta") if kind in directories]
    return {
        "timezone": "UTC",
        "first_day": "2026-01-01",
        "directories": directories,
        "guards": {
            "removed": {**NO_LIMIT, "max": 10**6},
            "blanked": NO_LIMIT,
            "rewritten": NO_LIMIT,
        },
        "resolution": {
            "match": ["employee_number", "email"],
            "attributes": {"title": {"precedence": title}, "aliases": {"merge": "union"}},
            "groups": {"merge_by": "name"},
        },
    }


def okta_directory(url: str) -> dict[str, object]:
    """The directory of a company's Okta organization."""
    return {
        "kind": "okta",
        "endpoint": url,
        "api_token": {"env": "ROWS_TOKEN"},
        "rate_limit_share": 1.0,
        "attributes": {"desk": "deskNumber"},
    }


def free_ports() -> tuple[int, int]:
    """Two ports that no server has at this moment."""
    with closing(socket.socket()) as first, closing(socket.socket()) as second:
        for server in (first, second):
            server.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


@contextmanager
def running(company: Company, folder: Path, day: date) -> Iterator[tuple[str, dict[str, object]]]:
    """Starts the company, and yields its URL and its organization file."""
    ports = free_ports()
    options: dict[str, object] = {"users_limit": 10**8, "groups_limit": 10**8, "day": day}
    paths = {"google_key_file": folder / "google.json", "hr_file": folder / "hr.csv"}
    options |= {"entra_port": ports[0], "google_port": ports[1], **paths}
    others = other_directories(folder, ports)
    with simulated(**options, **company.options) as url:
        yield url, settings(url, {kind: others[kind] for kind in company.others})


def tables(connection: duckdb.DuckDBPyConnection, database: str) -> dict[str, list[str]]:
    """The columns of each table and view, sorted, without those of the run."""
    found = connection.execute(
        """
        select schema_name || '.' || table_name, list(column_name order by column_name)
        from duckdb_columns()
        where database_name = $database and not starts_with(schema_name, '_')
            and not list_contains($of_the_run, column_name)
        group by all
        """,
        {"database": database, "of_the_run": sorted(OF_THE_RUN)},
    )
    return dict(found.fetchall())


def select(database: str, table: str, columns: list[str]) -> str:
    """The rows as texts. A person is the first of the person's accounts."""
    cells = [
        f"(select account from {database}_keys as keys where keys.person_id = rows.{column}) as {column}"
        if column in PERSON_COLUMNS
        else f'rows."{column}"::varchar as "{column}"'
        for column in columns
    ]
    schema, name = table.split(".")
    return f'select {", ".join(cells)} from {database}."{schema}"."{name}" as rows'


def differences(before: Path, after: Path) -> list[str]:
    """What differs between two published databases, a line for each table and side."""
    lines = []
    with duckdb.connect() as connection:
        for name, path in (("before", before), ("after", after)):
            connection.execute(f"attach '{path}' as {name} (read_only)")
            connection.execute(
                f"create table {name}_keys as select person_id, min(directory || '/' || id) as account"
                f" from {name}.main.accounts group by person_id"
            )
        first, second = tables(connection, "before"), tables(connection, "after")
        lines += [
            f"{table}: the columns differ: {first.get(table)} and {second.get(table)}"
            for table in sorted({*first, *second})
            if first.get(table) != second.get(table)
        ]
        for table in sorted({*first} & {*second}):
            columns = [column for column in first[table] if column in second[table]]
            for left, right in (("before", "after"), ("after", "before")):
                rows = connection.sql(
                    f"{select(left, table, columns)} except all {select(right, table, columns)}"
                )
                if count := len(rows):
                    examples = rows.order("all").limit(EXAMPLES).fetchall()
                    lines.append(f"{table}: {count} rows are only in {left}, such as {examples}")
    return lines


def compare(company: Company, versions: tuple[Version, Version]) -> list[str]:
    """Syncs a company on two days with both versions, and returns the differences."""
    today = datetime.now(UTC).date()
    yesterday = today - timedelta(days=1)
    lines = []
    with TemporaryDirectory() as scratch, ThreadPoolExecutor(2) as threads:
        folder = Path(scratch)
        with running(company, folder, yesterday) as (url, organization):
            for day in (yesterday, today):
                advance_to(url, day)
                sync = partial(Version.sync, folder=folder, organization=organization, day=day)
                (status, before), (other_status, after) = threads.map(sync, versions)
                lines += [f"{day}: {line}" for line in differences(before, after)]
                if status != other_status:
                    lines.append(f"{day}: the sync ended {status} and {other_status}")
    return lines


@click.command()
@click.argument("other", type=click.Path(path_type=Path, exists=True, resolve_path=True))
@click.option("--companies", default=50, show_default=True, help="Number of small companies.")
@click.option("--seed", default=1, show_default=True, help="Of the first small company.")
@click.option(
    "--large/--no-large", default=True, help="Whether a company of 100,000 people follows."
)
def main(other: Path, companies: int, seed: int, *, large: bool) -> None:
    """Compare the published rows of OTHER, a checkout with its own .venv, with those of this version."""
    chosen = [random_company(seed + number) for number in range(companies)]
    if large:
        chosen.append(Company("large", {"seed": seed, **LARGE}))
    versions = Version(other, "before"), Version(HERE.parent, "after")
    different = 0
    for company in chosen:
        lines = compare(company, versions)
        print(
            "\n  ".join([f"{company.name}: {'different' if lines else 'equal'}", *lines]),
            flush=True,
        )
        different += bool(lines)
    for version in versions:
        version.end()
    print(f"{len(chosen)} companies, {different} with differences")
    raise SystemExit(1 if different else 0)


if __name__ == "__main__":
    main()
