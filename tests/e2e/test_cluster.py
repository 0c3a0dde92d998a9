"""Several machines: PostgreSQL, Redis, an object store, Dagster's daemon and two Celery workers.

Three organizations are synced at once, one of them is launched twice, and the machine that reads it is lost
in the middle, with its disk.
"""

import os
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import duckdb
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext

from opensense_okta.orchestration import names
from opensense_okta.orchestration.launching import _launch_in, _OneLocation, _repositories
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.simulator.serving import running
from opensense_okta.storage.lake import Lake
from tests.directories.okta.test_recordings import without_capture
from tests.support.cluster import Cluster, Worker
from tests.support.dagster_servers import until
from tests.support.days import UNHURRIED, truth
from tests.support.home import ORGANIZATION
from tests.support.object_stores import BUCKET, forget_connections, s3_server
from tests.support.place import COMMANDS
from tests.support.postgres import postgres_server
from tests.support.reads import rows
from tests.support.redis_server import redis_server

pytestmark = [pytest.mark.slow, pytest.mark.timeout(420)]

SLOW, OTHERS = "acme", ("globex", "initech")
LATENCY = 0.5  # seconds of each answer of the organization that is read when its machine is lost
LOST_AT_MOST = 10.0  # seconds of its pages
SUCCESS, FAILURE = dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE


@dataclass(frozen=True)
class Companies:
    """The Okta of each organization, and the cluster that reads it."""

    cluster: Cluster
    oktas: dict[str, Simulator]
    url: str

    def runs(self, organization: str) -> list[dg.DagsterRun]:
        """The organization's syncs, the oldest first."""
        tags = {names.ORGANIZATION: organization}
        with self.cluster.instance() as instance:
            return list(instance.get_runs(dg.RunsFilter(tags=tags), ascending=True))

    def has_begun(self, organization: str) -> bool:
        """Whether a worker has the organization's run; Dagster ends others after `start_timeout_seconds`."""
        return names.WORKER in self.runs(organization)[-1].tags

    def stored(self, part: str) -> bool:
        """Whether the store has an object of acme with this in its name."""
        return any(part in entry.name for entry in Lake(self.url, SLOW).store.entries(""))


@pytest.fixture
def companies(tmp_path: Path) -> Iterator[Companies]:
    """A cluster without workers, and a new lake."""
    with ExitStack() as stack:
        postgres = stack.enter_context(postgres_server())
        redis = stack.enter_context(redis_server(tmp_path))
        stack.enter_context(s3_server())
        oktas = {
            name: stack.enter_context(running(Simulator(an_org(name), limits=UNHURRIED)))
            for name in (SLOW, *OTHERS)
        }
        oktas[SLOW].latency = LATENCY
        url = f"s3://{BUCKET}/lake"
        cluster = Cluster.make(
            tmp_path,
            OPENSENSE_DATA=url,
            DAGSTER_POSTGRES_URL=postgres.new_database("dagster"),
            CELERY_RESULT_BACKEND=f"db+{postgres.new_database('celery')}",
            CELERY_BROKER_URL=redis,
        )
        for name, okta in oktas.items():
            text = ORGANIZATION.format(endpoint=okta.url, enabled="true", more="")
            (cluster.organizations / f"{name}.yaml").write_text(text)
        made = cluster.run("init")
        assert made.returncode == 0, made.stderr
        yield Companies(cluster, oktas, url)
        forget_connections()


def an_org(name: str) -> Org:
    if name == SLOW:
        return Org.create(seed=3, users=300, groups=400, memberships=2_000)
    return Org.create(seed=len(name), users=60, groups=10, memberships=90)


def launch(cluster: Cluster, *organizations: str) -> None:
    """Starts the sync of each organization as Dagster's UI does."""
    today = {names.PARTITION: str(datetime.now(UTC).date())}
    with cluster.instance() as instance:
        until(
            lambda: all(list(_repositories(instance, name)) for name in organizations), seconds=90
        )
        (origin, *_) = _repositories(instance, organizations[0])
        target = _OneLocation(origin.code_location_origin)
        with WorkspaceProcessContext(instance, target) as process:
            workspace = process.create_request_context()
            for name in organizations:
                assert _launch_in(workspace, origin, names.sync_job(name), today, {})


@contextmanager
def command(cluster: Cluster, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command of the product, on a machine without secrets."""
    program = [str(COMMANDS / "opensense-okta"), *arguments]
    with subprocess.Popen(
        program,
        env=cluster.environment,
        cwd=cluster.root,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def lose_the_reader(companies: Companies, run_id: str, workers: list[Worker]) -> tuple[Worker, int]:
    """Loses the machine of a run when a segment of its read is stored and more has been read.

    Returns:
        The worker, and how many requests were answered in the seconds that may be lost.
    """
    answered: list[tuple[float, int]] = []
    requests = companies.oktas[SLOW].requests

    def is_in_the_middle() -> bool:
        answered.append((time.monotonic(), len(requests)))
        return companies.stored("/pages/000000") and all(map(companies.has_begun, OTHERS))

    until(is_in_the_middle, seconds=120)
    more = len(requests) + 4
    until(lambda: len(requests) >= more, seconds=30)
    (run,) = [run for run in companies.runs(SLOW) if run.run_id == run_id]
    _host, pid, _run_id = run.tags[names.WORKER].split("/")
    (reader,) = [worker for worker in workers if worker.process.pid == os.getpgid(int(pid))]
    reader.kill()
    lost = time.monotonic() - LOST_AT_MOST - 1
    return reader, len(requests) - max([count for at, count in answered if at < lost], default=0)


def test_a_lost_machine_costs_ten_seconds_and_all_is_published(companies: Companies) -> None:
    cluster, okta = companies.cluster, companies.oktas[SLOW]
    secrets = {"ACME_TOKEN": TOKEN}
    with (
        cluster.daemon(),
        cluster.worker("one", **secrets) as one,
        cluster.worker("two", **secrets) as two,
    ):
        cluster.wait_for(one, two)
        launch(cluster, *OTHERS, SLOW)
        with command(cluster, "sync", SLOW) as second:
            (first, *_) = companies.runs(SLOW)
            reader, lost = lose_the_reader(companies, first.run_id, [one, two])
            okta.latency = 0.0
            printed, progress = second.communicate(timeout=150)
        assert second.returncode == 0, progress
        assert not reader.scratch.exists()
        # One of them may have been on the lost machine: then it is retried.
        until(lambda: all(companies.runs(name)[-1].is_success for name in OTHERS), seconds=90)

    killed, succeeded = companies.runs(SLOW)
    assert (killed.run_id, killed.status) == (first.run_id, FAILURE)
    assert succeeded.status is SUCCESS
    assert f"Run        {succeeded.run_id}" in printed
    repeated = Counter(request.target for request in okta.requests)
    assert sum(count - 1 for count in repeated.values()) <= lost
    for name, read in companies.oktas.items():
        assert published_users(companies.url, name) == truth(read.org).users
    no_secret_is_in_the_instance(cluster)


def published_users(url: str, organization: str) -> object:
    database = Lake(url, organization).database
    with duckdb.connect(str(database), read_only=True) as connection:
        return without_capture(rows(connection, "okta.raw_users"))


def no_secret_is_in_the_instance(cluster: Cluster) -> None:
    """No file of a home and no log has a secret: each is in the environment only."""
    secrets = ("a-secret-of-the-database", "a-secret-of-the-broker", "test-secret", TOKEN)
    files = [*(cluster.root / "home").rglob("*"), *cluster.root.glob("*.log")]
    for file in (path for path in files if path.is_file()):
        text = file.read_text(errors="replace")
        assert [secret for secret in secrets if secret in text] == [], file
