"""What version 0.1 left behind, unpacked: a DAGSTER_HOME, a lake, and the companies that it was reading.

`tests/fixtures/README.md` describes the content. The lake names the addresses of its APIs, so the
simulators listen on the ports of then, one test at a time on a machine.
"""

import importlib
import json
import os
import shutil
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
import duckdb
import pytest
from filelock import FileLock

from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.entra.groups import Member
from opensense_okta.simulator.entra.server import Simulator as EntraSimulator
from opensense_okta.simulator.entra.tenant import Tenant
from opensense_okta.simulator.okta.limits import Limits
from opensense_okta.simulator.okta.server import Simulator as OktaSimulator
from opensense_okta.simulator.serving import running
from tests.support.commands import Ended, run_command

ARCHIVE = Path(__file__).parents[1] / "fixtures" / "lake_0_1.tar.xz"
LAST_DAY, NEXT_DAY = date(2026, 11, 22), date(2026, 11, 23)
ACME_OKTA, ACME_ENTRA, CEDAR_OKTA = 21871, 21872, 21873

SECRETS = {
    "ACME_OKTA_API_TOKEN": "simulator-token",
    "ACME_ENTRA_CLIENT_SECRET": "simulator~secret",
    "CEDAR_OKTA_API_TOKEN": "simulator-token",
    "DOGWOOD_OKTA_API_TOKEN": "simulator-token",
}

_temporary = TemporaryDirectory(prefix="lake-0-1-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT"))

Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class LeftBehind:
    """The unpacked folder: `dagster_home`, `data`, `hr` and `simulated`."""

    root: Path
    capture: pytest.CaptureFixture[str]

    def lake(self, organization: str) -> Path:
        """The organization's folder of the lake."""
        return self.root / "data" / organization

    def document(self, organization: str, path: str) -> Any:  # noqa: ANN401 - JSON
        """A JSON file of the organization's folder."""
        return json.loads((self.lake(organization) / path).read_bytes())

    def rows(self, organization: str, query: str) -> Rows:
        """The rows of a query on the published directory."""
        database = self.lake(organization) / "directory.duckdb"
        with duckdb.connect(str(database), read_only=True) as connection:
            return _rows(connection, query)

    def resolved(self, organization: str, day: date, table: str) -> Rows:
        """A resolved table of a day, sorted."""
        tables = self.document(organization, f"resolved/date={day}/manifest.json")["id"]
        path = self.lake(organization) / "resolved" / f"date={day}" / tables / f"{table}.parquet"
        with duckdb.connect() as connection:
            return _rows(connection, f"from '{path}' order by all")

    def people_of_accounts(self, organization: str) -> dict[tuple[str, str], str]:
        """The person's id of each published account."""
        accounts = self.rows(organization, "from accounts")
        return {(row["directory"], row["id"]): row["person_id"] for row in accounts}

    def run(self, *arguments: str) -> Ended:
        """Runs a command to its end, in this process, so that its clock can be set."""
        return run_command(self.capture, *arguments)

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The Dagster instance."""
        with dg.DagsterInstance.get() as instance:
            yield instance

    def evaluate(self, sensor: str) -> tuple[Sequence[dg.RunRequest], str]:
        """What Dagster's daemon gets from a sensor: the runs that it requests, and what it says."""
        definitions = load_definitions()
        with (
            self.instance() as instance,
            dg.build_sensor_context(
                instance=instance, repository_def=definitions.get_repository_def()
            ) as context,
        ):
            tick = definitions.resolve_sensor_def(sensor).evaluate_tick(context)
            return tick.run_requests or (), tick.skip_message or ""

    def launch(self, request: dg.RunRequest) -> dg.DagsterRun:
        """Runs what a sensor has requested; the run once it has ended."""
        job = load_definitions().resolve_job_def(request.job_name or "")
        with self.instance() as instance:
            result = job.execute_in_process(
                instance=instance,
                partition_key=request.partition_key,
                tags={**request.tags, "dagster/run_key": request.run_key or ""},
                raise_on_error=False,
            )
            ended = instance.get_run_by_id(result.run_id)
            assert ended
            return ended

    @contextmanager
    def okta(self, organization: str, port: int, day: date) -> Iterator[OktaSimulator]:
        """The organization's Okta with what it held when 0.1 read it last, on a day since then."""
        org = _org(self._simulated(organization), day)
        with running(OktaSimulator(org, limits=Limits(100_000, 100_000)), port=port) as simulator:
            yield simulator

    @contextmanager
    def entra(self, organization: str, port: int, org: Org) -> Iterator[EntraSimulator]:
        """The organization's Entra tenant with what it held when 0.1 read it last."""
        tenant = _tenant(self._simulated(organization)["entra"], org)
        with running(EntraSimulator(tenant), port=port) as simulator:
            yield simulator

    def _simulated(self, organization: str) -> Any:  # noqa: ANN401 - JSON
        return json.loads((self.root / "simulated" / f"{organization}.json").read_bytes())


@contextmanager
def left_behind(
    root: Path, monkeypatch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]
) -> Iterator[LeftBehind]:
    """Copies what is unpacked, and lets the environment lead there; on a machine one test at a time."""
    for name in ("OPENSENSE_DATA", "OPENSENSE_ORGANIZATIONS"):
        monkeypatch.delenv(name, raising=False)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    shutil.copytree(_unpacked(), root, dirs_exist_ok=True)
    place = LeftBehind(root / "opensense", capture)
    monkeypatch.setenv("DAGSTER_HOME", str(place.root / "dagster_home"))
    umask = os.umask(0o077)
    with FileLock(Path(tempfile.gettempdir()) / f"opensense-port-{ACME_OKTA}.lock"):
        yield place
    os.umask(umask)


@cache
def _unpacked() -> Path:
    """The archive's content, for copies."""
    folder = Path(_temporary.name)
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(folder, filter="tar")
    return folder


def load_definitions() -> dg.Definitions:
    """What Dagster loads: the package's definitions, of the organization files as they are now."""
    module = importlib.reload(importlib.import_module("opensense_okta.definitions"))
    definitions: dg.Definitions = module.defs()
    return definitions


def write_file(path: Path, text: str) -> None:
    """Writes a file as of now, whatever the clock of the file system says."""
    path.write_text(text, encoding="utf-8", newline="")
    now = datetime.now(UTC).timestamp()
    os.utime(path, (now, now))


def _org(company: dict[str, Any], day: date) -> Org:
    """An organization with just these users, groups and members, however companies are made up by now."""
    org = Org.create(company["seed"], users=0, groups=2, memberships=0, day=day)
    users, groups = company["users"], company["groups"]
    vars(org).update(
        users=users,
        groups=groups,
        _user_ids=list(users),
        _group_ids=list(groups),
        _members={group: company["members"].get(group, []) for group in groups},
        _everyone=None,
        _created=10_000,
    )
    return org


def _tenant(entra: dict[str, Any], org: Org) -> Tenant:
    tenant = Tenant(org)
    vars(tenant).update(
        _users=entra["users"],
        _groups=entra["groups"],
        _members={
            group: [Member(*member) for member in members]
            for group, members in entra["members"].items()
        },
        _user_ids=sorted(entra["users"]),
        _group_ids=sorted(entra["groups"]),
        _followed=org.day,
    )
    return tenant


def _rows(connection: duckdb.DuckDBPyConnection, query: str) -> Rows:
    result = connection.execute(query)
    names = [column[0] for column in result.description or ()]
    return [dict(zip(names, row, strict=True)) for row in result.fetchall()]
