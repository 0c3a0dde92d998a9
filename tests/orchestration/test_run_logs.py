"""Which logs of runs are deleted, and what of them is left on the disk: nothing."""

import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine
from dagster._core.storage.compute_log_manager import ComputeIOType
from dagster._core.storage.event_log.schema import AssetCheckExecutionsTable
from dagster._core.storage.runs.schema import RunsTable
from sqlalchemy import select

from opensense_okta.orchestration import names
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.orchestration.resources import LakeResource
from opensense_okta.orchestration.run_logs import DeletedLogs, delete_run_logs
from opensense_okta.storage.lake import Lake
from tests.support.company import QUIET
from tests.support.home import make_home

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
KEPT = timedelta(days=90)
OLD, YOUNG = NOON - timedelta(days=91), NOON - timedelta(days=89)
TABLES = ("accounts", "people")


@pytest.fixture(scope="module")
def new_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DAGSTER_HOME whose databases are made, and empty."""
    home = make_home(tmp_path_factory.mktemp("new"), "https://acme.okta.com")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DAGSTER_HOME", str(home))
        with dg.DagsterInstance.get():
            return home


@pytest.fixture
def home(new_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A DAGSTER_HOME on the disk, beside the lakes."""
    home = shutil.copytree(new_home, tmp_path / "dagster_home")
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    return home


@pytest.fixture
def instance(home: Path) -> Iterator[dg.DagsterInstance]:
    """Its instance, at noon of the day."""
    with time_machine.travel(NOON), dg.DagsterInstance.get() as instance:
        assert instance.root_directory == str(home)
        yield instance


@pytest.fixture
def lakes(tmp_path: Path) -> Path:
    """The folder of the lakes."""
    return tmp_path / "data"


def record(
    instance: dg.DagsterInstance,
    begun: datetime,
    organization: str = "acme",
    *,
    day: date = DAY,
    tables: Sequence[str] = TABLES,
) -> str:
    """A run that made these tables of the day, with a check."""
    specs = [dg.AssetSpec([organization, table]) for table in tables]
    check = dg.AssetCheckSpec("complete", asset=specs[0].key)
    partitions = dg.DailyPartitionsDefinition("2020-01-01", end_offset=1)

    @dg.multi_asset(name="make", specs=specs, check_specs=[check], partitions_def=partitions)
    def make() -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        for spec in specs:
            yield dg.MaterializeResult(spec.key)
        yield dg.AssetCheckResult(passed=True)

    result = dg.materialize([make], partition_key=str(day), instance=instance, run_config=QUIET)
    begin(instance, result.run_id, begun)
    return result.run_id


def begin(instance: dg.DagsterInstance, run_id: str, begun: datetime) -> None:
    """Lets a run have begun then: the database's clock cannot be stopped."""
    moment = begun.replace(tzinfo=None)
    update = RunsTable.update().where(RunsTable.c.run_id == run_id).values(create_timestamp=moment)
    with instance.run_storage.connect() as connection:  # type: ignore[attr-defined]  # of SQL storage
        connection.execute(update)


def store_day(lakes: Path, organization: str = "acme", *, day: date = DAY) -> Path:
    """The day is resolved and stored."""
    folder = Lake(lakes, organization).resolved(day).folder
    folder.mkdir(parents=True)
    return folder


def deleted(instance: dg.DagsterInstance, lakes: Path) -> DeletedLogs:
    return delete_run_logs(instance, lakes, NOON, KEPT)


def left(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_run_ids())


def files_of(home: Path, run_id: str) -> list[Path]:
    return [path for path in home.rglob("*") if run_id in path.name]


def checks_of(instance: dg.DagsterInstance, run_id: str) -> int:
    checks = AssetCheckExecutionsTable.c
    with instance.event_log_storage.index_connection() as connection:  # type: ignore[attr-defined]  # of SQL storage
        return len(connection.execute(select(checks.id).where(checks.run_id == run_id)).all())


def test_an_old_run_goes_with_its_events_its_checks_and_its_files(
    instance: dg.DagsterInstance, home: Path, lakes: Path
) -> None:
    old, young = record(instance, OLD), record(instance, YOUNG)
    assert files_of(home, old)
    assert checks_of(instance, old)
    assert deleted(instance, lakes) == DeletedLogs(runs=1, kept=0, tick_logs=0)
    assert left(instance) == {young}
    assert files_of(home, old) == []
    assert checks_of(instance, old) == 0
    assert files_of(home, young)
    assert checks_of(instance, young)


def test_a_run_that_has_not_ended_stays(instance: dg.DagsterInstance, lakes: Path) -> None:
    run = instance.create_run_for_job(dg.GraphDefinition(name="slow").to_job())
    begin(instance, run.run_id, OLD)
    assert deleted(instance, lakes).runs == 0
    assert left(instance) == {run.run_id}


def test_the_newest_run_of_a_stored_day_stays(instance: dg.DagsterInstance, lakes: Path) -> None:
    store_day(lakes)
    first, newest = record(instance, OLD - timedelta(hours=1)), record(instance, OLD)
    assert deleted(instance, lakes) == DeletedLogs(runs=1, kept=1, tick_logs=0)
    assert left(instance) == {newest} != {first}
    for table in TABLES:
        assert instance.get_materialized_partitions(dg.AssetKey(["acme", table])) == {str(DAY)}


def test_each_asset_keeps_its_newest_run(instance: dg.DagsterInstance, lakes: Path) -> None:
    store_day(lakes)
    both, people = record(instance, OLD), record(instance, OLD, tables=["people"])
    assert deleted(instance, lakes).kept == 2
    assert left(instance) == {both, people}


def test_an_older_run_goes_when_a_young_one_made_the_day_again(
    instance: dg.DagsterInstance, lakes: Path
) -> None:
    store_day(lakes)
    record(instance, OLD)
    young = record(instance, YOUNG)
    assert deleted(instance, lakes) == DeletedLogs(runs=1, kept=0, tick_logs=0)
    assert left(instance) == {young}


def test_the_run_goes_when_its_day_is_no_longer_stored(
    instance: dg.DagsterInstance, lakes: Path
) -> None:
    folder = store_day(lakes)
    record(instance, OLD)
    assert deleted(instance, lakes).runs == 0
    shutil.rmtree(folder)
    assert deleted(instance, lakes).runs == 1
    assert left(instance) == set()


def test_a_day_with_a_snapshot_is_stored(instance: dg.DagsterInstance, lakes: Path) -> None:
    Lake(lakes, "acme").snapshot("okta", DAY).folder.mkdir(parents=True)
    record(instance, OLD)
    assert deleted(instance, lakes).kept == 1


def test_a_day_is_each_organizations_own(instance: dg.DagsterInstance, lakes: Path) -> None:
    store_day(lakes, "globex")
    acme, globex = record(instance, OLD), record(instance, OLD, "globex")
    assert deleted(instance, lakes) == DeletedLogs(runs=1, kept=1, tick_logs=0)
    assert left(instance) == {globex} != {acme}


def test_runs_of_removed_organizations_and_runs_without_tags_go(
    instance: dg.DagsterInstance, lakes: Path
) -> None:
    record(instance, OLD, "removed")
    plain = instance.create_run_for_job(
        dg.GraphDefinition(name="other").to_job(), status=dg.DagsterRunStatus.FAILURE
    )
    begin(instance, plain.run_id, OLD)
    assert deleted(instance, lakes).runs == 2
    assert left(instance) == set()
    assert not (lakes / "removed").exists()


def test_what_a_person_or_a_killed_process_left_of_a_deleted_run_goes(
    instance: dg.DagsterInstance, home: Path, lakes: Path
) -> None:
    run_id = record(instance, OLD)
    instance.delete_run(run_id)
    (database,) = (path for path in files_of(home, run_id) if path.suffix == ".db")
    os.utime(database, (YOUNG.timestamp(), YOUNG.timestamp()))
    assert deleted(instance, lakes).runs == 0
    os.utime(database, (OLD.timestamp(), OLD.timestamp()))
    assert deleted(instance, lakes).runs == 1
    assert files_of(home, run_id) == []


def test_old_and_empty_logs_of_ticks_go(
    instance: dg.DagsterInstance, home: Path, lakes: Path
) -> None:
    yesterday = NOON - timedelta(hours=25)
    ticks = {"1": ("words", OLD), "2": ("words", YOUNG), "3": ("", yesterday), "4": ("", NOON)}
    for tick, (words, written) in ticks.items():
        key = ["__repository__", names.RETRIES, tick]
        with instance.compute_log_manager.open_log_stream(key, ComputeIOType.STDERR):
            pass
        file = home / "storage" / "__repository__" / names.RETRIES / f"{tick}.err"
        file.write_text(words)
        os.utime(file, (written.timestamp(), written.timestamp()))
    other = home / "storage" / "program" / "jobs" / "nightly.err"  # of another program
    other.parent.mkdir(parents=True)
    other.touch()
    os.utime(other, (OLD.timestamp(), OLD.timestamp()))
    assert deleted(instance, lakes).tick_logs == 2
    assert sorted(path.stem for path in home.rglob("*.err")) == ["2", "4", "nightly"]


# The job.


def run_job(instance: dg.DagsterInstance, lakes: Path) -> dg.ExecuteInProcessResult:
    """The instance has no organization any more."""
    job = build_definitions({}, LakeResource(root=str(lakes))).resolve_job_def(names.RUN_LOGS_JOB)
    return job.execute_in_process(instance=instance, run_config=QUIET, raise_on_error=False)


@pytest.mark.parametrize(("days", "runs"), [(None, 1), ("91", 1), ("92", 0), ("", 1)])
def test_the_job_of_the_instance_deletes_after_the_days_of_the_environment(
    instance: dg.DagsterInstance,
    lakes: Path,
    monkeypatch: pytest.MonkeyPatch,
    days: str | None,
    runs: int,
) -> None:
    if days is not None:
        monkeypatch.setenv("OPENSENSE_RUN_DAYS", days)
    store_day(lakes, day=DAY + timedelta(days=1))
    record(instance, OLD - timedelta(hours=1))
    result = run_job(instance, lakes)
    assert result.success
    assert len(left(instance)) == 2 - runs  # the job's own run stays


def test_a_folder_without_any_lake_is_refused_and_nothing_is_deleted(
    instance: dg.DagsterInstance, lakes: Path
) -> None:
    """OPENSENSE_DATA is mistyped, or its disk is not mounted: each stored day would count as deleted.

    The retry sensor makes the folders of the organizations even there.
    """
    assert Lake(lakes, "acme").locks.is_dir()
    run_id = record(instance, OLD - timedelta(hours=1))
    result = run_job(instance, lakes)
    (failed,) = (event for event in result.all_events if event.is_step_failure)
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    assert "Nothing was deleted. What to do: check OPENSENSE_DATA" in (failure.description or "")
    assert run_id in left(instance)


@pytest.mark.parametrize("days", ["ninety", "2", "-90", "90.5", "٩٠"])
def test_a_wrong_number_of_days_is_said_and_nothing_is_deleted(
    instance: dg.DagsterInstance, lakes: Path, monkeypatch: pytest.MonkeyPatch, days: str
) -> None:
    monkeypatch.setenv("OPENSENSE_RUN_DAYS", days)
    result = run_job(instance, lakes)
    (failed,) = (event for event in result.all_events if event.is_step_failure)
    failure = failed.step_failure_data.user_failure_data
    assert failure is not None
    assert (failure.description or "").startswith(f"OPENSENSE_RUN_DAYS={days} is no number of days")


def test_the_job_runs_each_day_and_needs_no_organization(lakes: Path) -> None:
    definitions = build_definitions({}, LakeResource(root=str(lakes)))
    schedule = definitions.get_repository_def().get_schedule_def(names.RUN_LOGS_SCHEDULE)
    assert schedule.job_name == names.RUN_LOGS_JOB
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    with dg.build_schedule_context(scheduled_execution_time=NOON) as context:
        assert schedule.evaluate_tick(context).run_requests
