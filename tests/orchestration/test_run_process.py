"""A process that executes a run loads the run's organizations only."""

import base64
import json
import multiprocessing
import zlib
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from opensense_okta import definitions
from opensense_okta.orchestration.instance import run_process
from opensense_okta.orchestration.instance.run_process import announce, organizations_of_run
from tests.support.organizations_of_run import write_organizations

FILE = """\
timezone: UTC
first_day: 2026-11-20
directories:
  hr: {kind: csv, users: people.csv}
"""


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dg.DagsterInstance]:
    """The instance of a home with three organizations."""
    folder = tmp_path / "home/organizations"
    folder.mkdir(parents=True)
    for name in ("acme", "globex", "my__org"):
        (folder / f"{name}.yaml").write_text(FILE)
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("OPENSENSE_DATA", str(tmp_path / "data"))
    monkeypatch.setattr(run_process, "_announced", [])
    with dg.DagsterInstance.get() as instance:
        yield instance


def run_id_of(
    instance: dg.DagsterInstance,
    *assets: str,
    job: str = "__ASSET_JOB",
    checks: tuple[str, ...] = (),
) -> str:
    run = dg.DagsterRun(
        job_name=job,
        asset_selection={dg.AssetKey(asset.split("/")) for asset in assets} or None,
        asset_check_selection={
            dg.AssetCheckKey(dg.AssetKey(asset.split("/")), "unique_ids") for asset in checks
        }
        or None,
    )
    return instance.add_run(run).run_id


def loaded() -> set[str]:
    return {key.path[0] for key in definitions.defs().resolve_all_asset_keys()}


@pytest.mark.usefixtures("instance")
def test_a_process_without_a_run_loads_all() -> None:
    assert organizations_of_run() is None
    assert loaded() == {"acme", "globex", "my__org"}


@pytest.mark.usefixtures("instance")
def test_by_the_name_of_the_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_RUN_JOB_NAME", "my__org__sync")
    assert loaded() == {"my__org"}


@pytest.mark.parametrize(
    ("assets", "checks", "organizations"),
    [
        (["acme/people", "acme/hr/raw_users"], (), {"acme"}),
        (["acme/people", "globex/people"], (), {"acme", "globex"}),
        ([], ("globex/people",), {"globex"}),
    ],
)
def test_by_the_selection_of_a_run_that_is_no_jobs(
    instance: dg.DagsterInstance,
    assets: list[str],
    checks: tuple[str, ...],
    organizations: set[str],
) -> None:
    announce(run_id_of(instance, *assets, checks=checks))
    assert loaded() == organizations


def test_a_job_of_all_organizations_loads_all(instance: dg.DagsterInstance) -> None:
    announce(run_id_of(instance, job="delete_run_logs"))
    assert organizations_of_run() is None


@pytest.mark.usefixtures("instance")
def test_a_run_that_nobody_knows_loads_all() -> None:
    announce("none")
    assert organizations_of_run() is None


def test_dagsters_command_names_the_run(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = json.dumps({"run_id": run_id_of(instance, job="acme__sync")})
    monkeypatch.setattr("sys.argv", ["dagster", "api", "execute_run", arguments])
    assert organizations_of_run() == frozenset({"acme"})


def test_so_does_the_environment_of_the_command(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = json.dumps({"run_id": run_id_of(instance, job="globex__resolve")})
    compressed = base64.b64encode(zlib.compress(arguments.encode())).decode()
    monkeypatch.setenv("DAGSTER_COMPRESSED_EXECUTE_RUN_ARGS", compressed)
    assert organizations_of_run() is None
    monkeypatch.setattr("sys.argv", ["dagster", "api", "execute_run"])
    assert organizations_of_run() == frozenset({"globex"})


def test_so_does_the_process_that_a_code_server_starts(
    instance: dg.DagsterInstance, tmp_path: Path
) -> None:
    arguments = json.dumps({"run_id": run_id_of(instance, job="acme__sync")})
    result = tmp_path / "result"
    process = multiprocessing.get_context("spawn").Process(
        target=write_organizations, args=[arguments, result]
    )
    process.start()
    process.join()
    assert result.read_text() == "['acme']"
