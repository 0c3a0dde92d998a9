"""The job that deletes the logs of old runs, one for the whole instance.

Dagster keeps runs and their events forever. Deleting a run deletes its materializations, too, and the UI
then shows its days as missing. So the run with the newest materialization of an asset's day stays as long
as the organization's lake has a snapshot or the resolved tables of that day.

Which runs these are is one query for each organization on the tables of Dagster's event log, because
reading the events themselves takes a millisecond for each of more than a million.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import dagster as dg
from dagster._core.storage.event_log.schema import (
    AssetCheckExecutionsTable,
    SqlEventLogStorageTable,
)
from dagster._core.storage.event_log.sql_event_log import SqlEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from dagster._core.storage.local_compute_log_manager import LocalComputeLogManager
from sqlalchemy import func, select

from opensense_okta.config.environment import EnvironmentMistake, run_days
from opensense_okta.orchestration import names
from opensense_okta.orchestration.resources import LakeResource
from opensense_okta.orchestration.runs import FINISHED
from opensense_okta.storage.lake import stored_days

EMPTY_KEPT: Final = timedelta(days=1)
"""How long an empty log of a tick stays: Dagster makes one for each, and shows none of them."""

BATCH: Final = 500  # runs in one statement

_RUN_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class DeletedLogs:
    """What was deleted.

    Attributes:
        runs: the deleted runs.
        kept: the old runs that stay, because they show that a stored day is there.
        tick_logs: files with the log of a tick of a sensor or a schedule.
    """

    runs: int
    kept: int
    tick_logs: int


def build_run_logs(lakes: LakeResource) -> dg.Definitions:
    """The job and its daily schedule."""

    @dg.op(
        name=names.RUN_LOGS_OP,
        description="Deletes the logs of old runs and ticks.",
        out=dg.Out(dg.Nothing),
    )
    def delete(context: dg.OpExecutionContext) -> None:
        try:
            kept = timedelta(days=run_days())
        except EnvironmentMistake as error:
            raise dg.Failure(str(error), allow_retries=False) from error
        _refuse_without_lakes(context.instance, lakes.root)
        deleted = delete_run_logs(context.instance, lakes.root, datetime.now(UTC), kept)
        context.log.info(
            f"Deleted {deleted.runs} runs that are older than {kept.days} days, and {deleted.tick_logs}"
            f" logs of ticks. {deleted.kept} older runs stay: they made days that are stored."
        )
        context.add_output_metadata(
            {
                "runs_deleted": deleted.runs,
                "old_runs_kept": deleted.kept,
                "tick_logs_deleted": deleted.tick_logs,
            }
        )

    @dg.job(
        name=names.RUN_LOGS_JOB,
        description="Deletes the logs of runs, of all organizations, that are older than"
        " `OPENSENSE_RUN_DAYS`. The newest run of each stored day stays.",
    )
    def run_logs() -> None:
        delete()

    schedule = dg.ScheduleDefinition(
        name=names.RUN_LOGS_SCHEDULE,
        cron_schedule="40 4 * * *",
        execution_timezone="UTC",
        job_name=names.RUN_LOGS_JOB,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Deletes the logs of old runs once a day.",
    )
    return dg.Definitions(jobs=[run_logs], schedules=[schedule])


def delete_run_logs(
    instance: dg.DagsterInstance, lakes: Path | str, now: datetime, kept: timedelta
) -> DeletedLogs:
    """Deletes the runs that ended and are old, with their events, logs and files.

    If the process is killed, the next call deletes what is left.

    Args:
        instance: Dagster's instance with the runs.
        lakes: the root of the lakes of all organizations.
        now: the time, with its time zone.
        kept: how long a run stays.
    """
    before = now - kept
    filters = dg.RunsFilter(statuses=list(FINISHED), created_before=before)
    old = set(instance.get_run_ids(filters))
    needed = old & runs_of_stored_days(instance, lakes) if old else set()
    deleted = sorted(old - needed | _left_over(instance, before))
    _delete_checks(instance, deleted)
    for run_id in deleted:
        _delete(instance, run_id)
    return DeletedLogs(len(deleted), len(needed), _delete_tick_logs(instance, before, now))


def _refuse_without_lakes(instance: dg.DagsterInstance, lakes: Path | str) -> None:
    """Refuses a folder without a stored day of any organization: all days would count as deleted.

    Raises:
        Failure: there is none, although there are materializations.
    """
    organizations = {key.path[0] for key in instance.get_asset_keys()}
    if organizations and not any(stored_days(lakes, name) for name in organizations):
        raise dg.Failure(
            f"{lakes} has no stored day of any organization, so no run can be found that made a stored day."
            " Nothing was deleted. What to do: check OPENSENSE_DATA, and that its disk is mounted.",
            allow_retries=False,
        )


def runs_of_stored_days(instance: dg.DagsterInstance, lakes: Path | str) -> set[str]:
    """The ids of the runs with the newest materialization of an asset on a day that is stored."""
    assets: dict[str, list[str]] = {}
    for key in instance.get_asset_keys():
        assets.setdefault(key.path[0], []).append(key.to_string())
    runs: set[str] = set()
    for organization, keys in assets.items():
        if days := {str(day) for day in stored_days(lakes, organization)}:
            runs.update(run for run, day in _newest(instance, keys) if day in days)
    return runs


def _newest(instance: dg.DagsterInstance, assets: Sequence[str]) -> Iterable[tuple[str, str]]:
    """The run and the partition of the newest materialization of each partition of the assets."""
    events = SqlEventLogStorageTable.c
    newest = (
        select(func.max(events.id))
        .where(
            events.asset_key.in_(assets),
            events.dagster_event_type == dg.DagsterEventType.ASSET_MATERIALIZATION.value,
            events.partition.is_not(None),
        )
        .group_by(events.asset_key, events.partition)
    )
    rows = select(events.run_id, events.partition).where(events.id.in_(newest)).distinct()
    with _events(instance).index_connection() as connection:
        return [(run, day) for run, day in connection.execute(rows)]


def _delete(instance: dg.DagsterInstance, run_id: str) -> None:
    instance.compute_log_manager.delete_logs(prefix=[run_id])
    instance.delete_run(run_id)
    storage = instance.event_log_storage
    if isinstance(
        storage, SqliteEventLogStorage
    ):  # Dagster empties the run's database, and leaves it
        for suffix in ("-wal", "-shm", ""):
            Path(storage.path_for_shard(run_id) + suffix).unlink(missing_ok=True)


def _left_over(instance: dg.DagsterInstance, before: datetime) -> set[str]:
    """Runs that were deleted, by a person or a process that was killed, and whose events are still there."""
    storage = instance.event_log_storage
    if not isinstance(storage, SqliteEventLogStorage):
        return set()
    files = {run_id: Path(storage.path_for_shard(run_id)) for run_id in storage.get_all_run_ids()}
    known = set(instance.get_run_ids())
    return {
        run_id
        for run_id, file in files.items()
        if run_id not in known and file.stat().st_mtime < before.timestamp()
    }


def _delete_checks(instance: dg.DagsterInstance, run_ids: Sequence[str]) -> None:
    """Deletes the results of checks, which Dagster leaves when it deletes a run."""
    checks = AssetCheckExecutionsTable
    for first in range(0, len(run_ids), BATCH):
        some = run_ids[first : first + BATCH]
        with _events(instance).index_connection() as connection:
            connection.execute(checks.delete().where(checks.c.run_id.in_(some)))


def _events(instance: dg.DagsterInstance) -> SqlEventLogStorage:
    storage = instance.event_log_storage
    if not isinstance(storage, SqlEventLogStorage):
        raise TypeError(f"events are stored in {type(storage).__name__}, which is no SQL database")
    return storage


def _delete_tick_logs(instance: dg.DagsterInstance, before: datetime, now: datetime) -> int:
    """Deletes the logs of ticks, which Dagster leaves when it forgets the tick."""
    manager = instance.compute_log_manager
    if not isinstance(manager, LocalComputeLogManager):
        return 0
    root = Path(manager.get_captured_local_path(["any"], "err")).parent
    logs = [
        log
        for repository in root.glob("*")
        if not _RUN_ID.fullmatch(repository.name)
        for log in repository.glob("*/*.err")
        if log.stem.isdigit()  # the id of a tick; the folder may be shared with other programs
    ]
    old = [log for log in logs if _expired(log, before, now)]
    for log in old:
        log.unlink()
    return len(old)


def _expired(log: Path, before: datetime, now: datetime) -> bool:
    status = log.stat()
    limit = before if status.st_size else now - EMPTY_KEPT
    return status.st_mtime < limit.timestamp()
