"""`sync` on an instance whose launcher starts runs elsewhere: it launches the run, and follows it."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.remote_origin import (
    ManagedGrpcPythonEnvCodeLocationOrigin,
    RemoteInstigatorOrigin,
    RemoteRepositoryOrigin,
)
from dagster._core.scheduler.instigation import (
    InstigatorState,
    InstigatorStatus,
    ScheduleInstigatorData,
)
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

from opensense_okta.orchestration import names
from opensense_okta.simulator.okta.server import TOKEN
from tests.support.home import REPOSITORY
from tests.support.place import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

SETTINGS = """
run_launcher: {module: tests.support.separate_processes, class: SeparateProcesses}
run_coordinator: {module: dagster.core.run_coordinator, class: DefaultRunCoordinator}
"""


@pytest.fixture(scope="module")
def cluster(place: Place) -> Iterator[Place]:
    """A place whose commands do not have the secrets: the machines of the runs do."""
    settings = place.home / "dagster.yaml"
    own = settings.read_text().partition("# One organization never runs")[0]
    settings.write_text(f"{own}{SETTINGS}")
    del place.environment["ACME_TOKEN"]
    place.environment["SECRETS"] = f"ACME_TOKEN={TOKEN}"
    place.environment["PYTHONPATH"] = str(REPOSITORY)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(REPOSITORY))
        yield place


def load_definitions(instance: dg.DagsterInstance) -> None:
    """Records what Dagster's daemon records once it has loaded the definitions."""
    target = LoadableTargetOrigin(
        executable_path=sys.executable, module_name="opensense_okta.definitions"
    )
    location = ManagedGrpcPythonEnvCodeLocationOrigin(target, "opensense_okta")
    repository = RemoteRepositoryOrigin(location, "__repository__")
    origin = RemoteInstigatorOrigin(repository, names.sync_schedule("acme"))
    instance.add_instigator_state(
        InstigatorState(
            origin,
            InstigatorType.SCHEDULE,
            InstigatorStatus.DECLARED_IN_CODE,
            ScheduleInstigatorData("0 2 * * *", start_timestamp=None),
        )
    )


def test_a_sync_is_launched_and_followed_to_its_summary(cluster: Place) -> None:
    refused = cluster.run("sync", "acme")
    assert refused.returncode == 1
    assert "No code location of Dagster's instance has the job acme__sync." in refused.stderr
    assert "What to do: start Dagster's daemon" in refused.stderr
    with cluster.instance() as instance:
        load_definitions(instance)
    done = cluster.run("sync", "acme")
    assert done.returncode == 0, done.stderr
    with cluster.instance() as instance:
        (run,) = instance.get_runs()
    assert run.tags[names.ORGANIZATION] == "acme"
    assert f"run {run.run_id} is launched by SeparateProcesses" in done.stderr
    assert "Dagster's daemon does not run: the run waits until it does" in done.stderr
    assert done.stdout.startswith(f"acme, {run.tags[names.PARTITION]}: done")
    assert "Published  the directory of" in done.stdout
    assert f"Run        {run.run_id}" in done.stdout
    assert (Path(cluster.lake.scratch) / "directory.duckdb").is_file()


def test_a_failure_is_reported_and_the_stored_snapshots_are_resolved(cluster: Place) -> None:
    failed = cluster.run("sync", "acme", SECRETS="ACME_TOKEN=wrong")
    assert failed.returncode == 1
    assert "acme: the sync failed, continuing with the stored snapshots" in failed.stderr
    assert "acme/okta" in failed.stdout
    assert "token" in failed.stdout
    with cluster.instance() as instance:
        resolve, sync, _first = instance.get_runs()
    assert (resolve.job_name, sync.job_name) == ("acme__resolve", "acme__sync")
    assert resolve.tags[names.ATTEMPT_GROUP] == sync.run_id
    assert resolve.is_success
