"""When an organization's jobs run, on what, and that they never run twice at once."""

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import duckdb
import pytest
import time_machine
from dagster._utils.schedules import schedule_execution_time_iterator

from opensense_okta.config.models import Organization
from opensense_okta.directories.protocol import Listener, no_progress
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.orchestration import names
from opensense_okta.orchestration.jobs import build_schedule, work_in_progress
from opensense_okta.orchestration.locks.files import FileLocks
from opensense_okta.publishing.published import published
from opensense_okta.simulator.okta.faults import make_fault
from opensense_okta.storage.lake import Lake
from tests.support.company import (
    DAY,
    READ,
    RESOLVED,
    Beginning,
    Company,
    Run,
    a_company,
    an_organization,
    definitions_of,
)
from tests.support.run_records import record_run

TOMORROW = DAY + timedelta(days=1)


# Partitions.


@pytest.mark.parametrize(
    ("zone", "now", "days"),
    [
        ("UTC", "2026-11-22T00:00+00:00", ["2026-11-20", "2026-11-21", "2026-11-22"]),
        ("UTC", "2026-11-20T23:59+00:00", ["2026-11-20"]),
        ("America/New_York", "2026-11-22T04:59+00:00", ["2026-11-20", "2026-11-21"]),
        ("Pacific/Kiritimati", "2026-11-20T10:00+00:00", ["2026-11-20", "2026-11-21"]),
        ("UTC", "2026-11-18T23:59+00:00", []),
    ],
)
def test_a_day_is_there_from_its_first_moment_in_the_organizations_time_zone(
    tmp_path: Path, zone: str, now: str, days: list[str]
) -> None:
    organization = an_organization(timezone=zone)
    with time_machine.travel(datetime.fromisoformat(now)):
        definitions = definitions_of(organization, tmp_path)
        for key in definitions.resolve_asset_graph().executable_asset_keys:
            partitions = definitions.resolve_asset_graph().get(key).partitions_def
            assert partitions is not None
            assert partitions.get_partition_keys() == days


# The schedule.


def ticks(organization: Organization, since: datetime) -> Iterator[datetime]:
    """When Dagster's daemon evaluates the schedule, from a moment on."""
    crons = build_schedule(organization, lambda *_: FileLocks(Path())).cron_schedule
    return schedule_execution_time_iterator(
        since.timestamp(), crons, organization.timezone, ascending=True
    )


def tick(
    organization: Organization,
    scheduled: datetime,
    *,
    now: datetime | None = None,
    instance: dg.DagsterInstance | None = None,
) -> dg.RunRequest | str:
    """What a tick of the schedule asks for, or in words why for nothing."""
    repository = definitions_of(organization, Path()).get_repository_def()
    with (
        time_machine.travel(now or scheduled),
        dg.build_schedule_context(
            instance=instance, scheduled_execution_time=scheduled, repository_def=repository
        ) as context,
    ):
        evaluated = repository.get_schedule_def("acme__daily").evaluate_tick(context)
    if evaluated.run_requests:
        (request,) = evaluated.run_requests
        return request
    return evaluated.skip_message or ""


@pytest.mark.parametrize(
    ("zone", "schedule", "around"),
    [
        ("UTC", "0 2 * * *", date(2026, 11, 23)),
        ("America/New_York", "0 2 * * *", date(2027, 3, 14)),
        ("America/New_York", "30 2 * * *", date(2027, 3, 14)),
        ("America/New_York", "30 1 * * *", date(2027, 11, 7)),
        ("Europe/Berlin", "30 2 * * *", date(2027, 3, 28)),
        ("Europe/Berlin", "30 2 * * *", date(2027, 10, 31)),
        ("Australia/Lord_Howe", "0 2 * * *", date(2027, 4, 4)),
        ("America/Sao_Paulo", "0 0 * * *", date(2027, 2, 21)),
    ],
)
def test_every_day_has_one_sync_also_when_the_clocks_change(
    zone: str, schedule: str, around: date
) -> None:
    organization = an_organization(timezone=zone, schedule=schedule)
    days = [around + timedelta(days=later) for later in range(-3, 4)]
    since = datetime(days[0].year, days[0].month, days[0].day, tzinfo=ZoneInfo(zone))
    following = ticks(organization, since)
    asked = [tick(organization, next(following)) for _ in days]
    assert [getattr(request, "partition_key", request) for request in asked] == list(map(str, days))


ZONES_WITH_SHORT_AND_LONG_DAYS = {
    "UTC": [date(2026, 11, 23)],
    "Europe/Berlin": [date(2027, 3, 28), date(2027, 10, 31)],
    "America/New_York": [date(2027, 3, 14), date(2027, 11, 7)],
    "Australia/Lord_Howe": [date(2027, 4, 4), date(2027, 10, 3)],
    "America/Havana": [date(2027, 3, 14), date(2027, 11, 7)],
}


@pytest.mark.parametrize(
    "schedule", ["0 2,10,16 * * *", "*/30 8-17 * * *", "*/30 1-3 * * *", "0 * * * *"]
)
@pytest.mark.parametrize("zone", ZONES_WITH_SHORT_AND_LONG_DAYS)
def test_with_several_ticks_the_next_sync_is_when_dagster_ticks_and_no_day_is_without_one(
    zone: str, schedule: str
) -> None:
    organization = an_organization(timezone=zone, schedule=schedule)
    for day in ZONES_WITH_SHORT_AND_LONG_DAYS[zone]:
        since = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) - timedelta(minutes=1)
        following, sync, days = ticks(organization, since), since, []
        while sync.date() < day + timedelta(days=2):
            last, sync = sync, organization.next_sync(sync)
            while (of_dagster := next(following).timestamp()) == last.timestamp():
                pass  # where clocks skip midnight, Dagster ticks for both hours at one moment
            assert of_dagster == sync.timestamp()
            days.append(sync.date())
        assert sorted(set(days)) == [day + timedelta(days=later) for later in range(3)]


def test_a_tick_asks_for_the_day_in_the_organizations_time_zone() -> None:
    organization = an_organization(timezone="Pacific/Auckland", schedule="0 2 * * *")
    request = tick(organization, datetime(2026, 11, 22, 13, tzinfo=UTC))
    assert isinstance(request, dg.RunRequest)
    assert request.partition_key == "2026-11-23"


def test_a_late_tick_of_the_same_day_still_counts() -> None:
    two = datetime(2026, 11, 23, 2, tzinfo=UTC)
    request = tick(an_organization(), two, now=two + timedelta(hours=21))
    assert isinstance(request, dg.RunRequest)


def test_a_late_tick_of_a_day_that_is_over_is_skipped_and_says_when_the_next_is() -> None:
    two = datetime(2026, 11, 23, 2, tzinfo=UTC)
    assert tick(an_organization(), two, now=two + timedelta(hours=22, minutes=5)) == (
        "This tick is of 2026-11-23, and it is 2026-11-24: APIs return current data only. The next sync"
        " starts at 2026-11-24 02:00 UTC; to start one now: opensense-okta sync acme"
    )


TODAY, YESTERDAY = "2026-11-23", "2026-11-22"
QUEUED, STARTED = dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.STARTED


@dataclass(frozen=True)
class BesideATick:
    """A run as a tick finds it, and why the tick is skipped; empty: it is not."""

    words: str = ""
    day: str = TODAY
    status: dg.DagsterRunStatus = STARTED
    job: str = "acme__sync"
    hour: int = 10
    schedule: str = "0 2,10,16 * * *"
    locked: bool = False


BESIDE_A_TICK = {
    "a run at work": BesideATick("Run {} of acme is at work"),
    "a queued tick": BesideATick("Run {} of acme is queued", status=QUEUED),
    "a resolve": BesideATick("Run {} of acme is at work", job="acme__resolve"),
    "an approval": BesideATick("Run {} of acme is at work", job="acme__approve"),
    "a run of yesterday": BesideATick("Run {} of acme is at work", day=YESTERDAY),
    "a run that ended": BesideATick(status=dg.DagsterRunStatus.SUCCESS),
    "a run that failed": BesideATick(status=dg.DagsterRunStatus.FAILURE),
    "another organization's": BesideATick(job="other__sync"),
    "a held lock": BesideATick(
        "Another process is at work for acme",
        status=dg.DagsterRunStatus.SUCCESS,
        locked=True,
    ),
    "the only tick, a run of the day": BesideATick(
        "Run {} of acme is at work", schedule="0 10 * * *"
    ),
    "the only tick, a run of yesterday": BesideATick(day=YESTERDAY, schedule="0 10 * * *"),
    "the last tick, a run of yesterday": BesideATick(day=YESTERDAY, hour=16),
    "the only tick, a held lock": BesideATick(day=YESTERDAY, schedule="0 10 * * *", locked=True),
}


@pytest.mark.parametrize("name", BESIDE_A_TICK)
def test_a_tick_is_skipped_while_a_run_of_the_organization_is_queued_or_at_work(
    tmp_path: Path, name: str
) -> None:
    case = BESIDE_A_TICK[name]
    organization = an_organization(schedule=case.schedule)
    lake = Lake(tmp_path, "acme")
    with dg.DagsterInstance.ephemeral() as instance, ExitStack() as held:
        organization_name, job = case.job.split("__")
        run = record_run(instance, organization_name, job=job, status=case.status, day=case.day)
        if case.locked:
            held.enter_context(FileLocks(lake.locks).without_a_run(report=pytest.fail))
        held.enter_context(time_machine.travel(datetime(2026, 11, 23, case.hour, tzinfo=UTC)))
        found = work_in_progress(instance, organization, DAY, lambda *_: FileLocks(lake.locks))
    assert found == case.words.format(run.run_id)


def test_a_skipped_tick_says_why_and_when_the_next_is(tmp_path: Path) -> None:
    organization = an_organization(schedule="0 2,10,16 * * *")
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        run = record_run(instance, "acme", status=QUEUED)
        found = tick(organization, datetime(2026, 11, 23, 10, tzinfo=UTC), instance=instance)
    assert found == (
        f"Run {run.run_id} of acme is queued: this tick starts nothing. The next one is at"
        " 2026-11-23 16:00 UTC."
    )


def test_a_run_whose_process_was_killed_does_not_skip_the_next_tick(tmp_path: Path) -> None:
    lake = Lake(tmp_path, "acme")
    with dg.DagsterInstance.ephemeral() as instance:
        run = record_run(instance, "acme", status=STARTED)
        (lake.locks / f"{run.run_id}.lock").write_text(run.run_id)
        organization = an_organization(schedule="0 2,10 * * *")
        with time_machine.travel(datetime(2026, 11, 23, 2, tzinfo=UTC)):
            assert not work_in_progress(
                instance, organization, DAY, lambda *_: FileLocks(lake.locks)
            )


def test_a_tick_before_the_first_day_is_skipped() -> None:
    assert tick(an_organization(), datetime(2026, 11, 19, 2, tzinfo=UTC)) == (
        "The first day of acme is 2026-11-20."
    )


@pytest.mark.parametrize(
    ("enabled", "status"),
    [(True, dg.DefaultScheduleStatus.RUNNING), (False, dg.DefaultScheduleStatus.STOPPED)],
)
def test_the_schedule_is_on_unless_the_organization_is_not_enabled(
    enabled: bool, status: dg.DefaultScheduleStatus
) -> None:
    schedule = build_schedule(
        an_organization(enabled=enabled, timezone="Asia/Tokyo"), lambda *_: FileLocks(Path())
    )
    assert schedule.default_status is status
    assert schedule.execution_timezone == "Asia/Tokyo"
    assert schedule.job_name == "acme__sync"


# What is read, and what is kept.


def test_a_sync_by_hand_reads_anew_and_the_new_snapshot_counts(synced_acme: Company) -> None:
    acme = synced_acme
    first = acme.lake.snapshot("okta", DAY).manifest(SnapshotManifest)
    acme.okta.requests.clear()
    user = acme.okta.org.user_ids[0]
    acme.okta.org.update_profile(user, {"title": "Chief"})
    run = acme.run()
    second = acme.lake.snapshot("okta", DAY).manifest(SnapshotManifest)
    assert first
    assert second
    assert first.id != second.id
    assert len(acme.okta.requests) == second.cost.requests > 0
    assert run.succeeded
    with duckdb.connect(acme.lake.database, read_only=True) as directory:
        assert directory.execute("from people where title = 'Chief'").fetchall()


def test_an_outage_at_a_later_tick_leaves_the_snapshot_and_the_publication_of_the_earlier_one(
    synced_acme: Company,
) -> None:
    acme = synced_acme

    def stored() -> tuple[str, str]:
        snapshot, now = (
            acme.lake.snapshot("okta", DAY).manifest(SnapshotManifest),
            published(acme.lake),
        )
        assert snapshot
        assert now
        return snapshot.id, now.id

    first = stored()
    acme.okta.faults.append(make_fault("invalid-token", match="groups", times=None))
    assert not acme.run().succeeded
    assert stored() == first
    acme.okta.faults.clear()
    assert acme.run().succeeded
    assert not set(stored()) & set(first)


def test_a_retry_of_the_chain_keeps_its_complete_snapshot(
    synced_acme: Company, first_sync: Beginning
) -> None:
    acme = synced_acme
    retry = acme.run(
        run_tags={names.ATTEMPT_GROUP: first_sync.run_id, names.ATTEMPT: "2"}, only=READ
    )
    assert retry.succeeded
    assert acme.okta.requests == []
    shown = retry.metadata()["acme/okta/raw_users"]
    assert (shown["read_earlier"], shown["requests"]) == (True, 0)
    assert shown["dagster/partition_row_count"] == 40


def test_a_read_that_fails_leaves_the_days_snapshot_and_what_is_published(
    synced_acme: Company,
) -> None:
    acme = synced_acme
    manifest = acme.lake.snapshot("okta", DAY).manifest(SnapshotManifest)
    database = acme.lake.database.read_bytes()
    acme.okta.faults.append(make_fault("invalid-token", match="groups", times=None))
    failed = acme.run()
    assert failed.failure == names.PERMANENT
    assert acme.lake.snapshot("okta", DAY).manifest(SnapshotManifest) == manifest
    assert acme.lake.database.read_bytes() == database
    acme.okta.requests.clear()
    # The resolving job goes on with what is stored, and asks no API anything.
    resolved = acme.run("resolve", run_tags={names.ATTEMPT_GROUP: failed.id})
    assert resolved.succeeded
    assert acme.okta.requests == []
    published = {f"acme/{asset}" for asset in ("changes", "resolved_directory", "report")}
    assert set(resolved.metadata()) == {*RESOLVED, *published}


# Backfills.


def test_a_backfill_keeps_what_is_stored_asks_nothing_and_goes_on_after_a_day_without(
    acme: Company,
) -> None:
    days = [DAY - timedelta(days=before) for before in (3, 2, 1)]
    acme.keep(days[0], days[2])
    stored = {
        day: acme.lake.snapshot("okta", day).manifest(SnapshotManifest)
        for day in (days[0], days[2])
    }
    # As Dagster does it: a run for each partition, whatever becomes of the others.
    runs: dict[date, Run] = {day: acme.run(day=day, only=[*READ, *RESOLVED]) for day in days}
    assert [runs[day].succeeded for day in days] == [True, False, True]
    assert acme.okta.requests == []
    for day, manifest in stored.items():
        assert acme.lake.snapshot("okta", day).manifest(SnapshotManifest) == manifest
        shown = runs[day].metadata()["acme/okta/raw_users"]
        assert (shown["read_earlier"], shown["requests"]) == (True, 0)
    assert (
        runs[days[1]]
        .words()
        .startswith(
            "acme/okta: There is no snapshot of 2026-11-21, and an API only returns the data of today"
        )
    )
    assert runs[days[1]].failure == names.PERMANENT
    assert acme.lake.resolved_days() == [days[0], days[2]]


def test_todays_rules_are_what_a_past_day_is_resolved_under(acme: Company) -> None:
    acme.keep(DAY)
    okta = acme.organization.directories["okta"].model_dump(mode="json", exclude_defaults=True)
    declared = okta | {"attributes": {"rank": "title"}}
    with acme.on(TOMORROW):
        organization = an_organization(directories={"okta": declared})
        later = Company(organization, acme.okta, acme.lake, acme.instance)
        run = later.run(day=DAY, only=[*READ, "acme/people"])
    assert run.succeeded
    (people,) = acme.lake.resolved(DAY).folder.glob("*/people.parquet")
    assert "rank" in duckdb.read_parquet(str(people)).columns


# One at a time.


class Listening:
    """Somebody who watches a run, and hears what holds it up."""

    def __init__(self) -> None:
        self.words: list[str] = []
        self.heard = threading.Event()

    def listener(self, context: dg.AssetExecutionContext, directory: str) -> Listener:
        del context, directory
        return no_progress

    def show(self, words: str) -> None:
        self.words.append(words)
        self.heard.set()


def test_a_run_waits_for_the_one_at_work_and_another_organizations_does_not(
    tmp_path: Path,
) -> None:
    watcher, runs = Listening(), list[Run]()
    with (
        a_company(tmp_path, name="acme") as acme,
        a_company(tmp_path, name="globex") as globex,
    ):
        acme.watcher = watcher
        second = threading.Thread(target=lambda: runs.append(acme.run(only=READ)))
        with FileLocks(acme.lake.locks).of_run("the first", report=lambda _: None):
            second.start()
            assert watcher.heard.wait(timeout=30)
            assert globex.run(only=[name.replace("acme", "globex") for name in READ]).succeeded
            assert acme.okta.requests == []
        second.join(timeout=60)
        (run,) = runs
        assert run.succeeded
        words = "run the first is at work for this organization: waiting until it ends"
        assert watcher.words == [words]
        assert words in [entry.user_message for entry in run.events]


def test_a_run_ends_the_runs_of_killed_processes(acme: Company) -> None:
    killed = dg.DagsterRun(
        job_name="acme__sync",
        status=dg.DagsterRunStatus.STARTED,
        tags={names.ORGANIZATION: "acme", names.PARTITION: str(DAY)},
    )
    acme.instance.add_run(killed)
    (acme.lake.locks / f"{killed.run_id}.lock").write_text(killed.run_id)
    run = acme.run(only=READ)
    assert run.succeeded
    assert Run(killed.run_id, acme.instance).record.status is dg.DagsterRunStatus.FAILURE
    said = f"The run {killed.run_id} was killed and has been ended."
    assert said in [entry.user_message for entry in run.events]
    assert sorted(path.name for path in acme.lake.locks.iterdir()) == ["organization.lock"]


# Retention.


def test_the_retention_job_shows_what_it_removed(acme: Company) -> None:
    old = DAY - timedelta(days=40)
    acme.lake.resolved(old).folder.mkdir(parents=True)
    report = acme.lake.scratch / "reports" / f"date={old}.html"
    report.parent.mkdir()
    report.write_text("a report")
    rules = {"retention": {"days": 39, "snapshots": 5}}
    kept = Company(an_organization(acme.okta.url, **rules), acme.okta, acme.lake, acme.instance)
    run = kept.run("retention", day=None)
    assert run.succeeded
    shown = {
        name: value.value
        for entry in run.events
        if (event := entry.dagster_event) and event.is_successful_output
        for name, value in event.step_output_data.metadata.items()
    }
    assert shown == {
        "resolved_days_removed": 1,
        "snapshots_removed": 0,
        "exports_removed": 0,
        "reports_removed": 1,
        "bytes_removed": len("a report"),
        "leftovers_swept": 0,
    }
    assert not report.exists()
    assert any(
        "Reports: 1 removed (2026-10-14 to 2026-10-14)." in entry.user_message
        for entry in run.events
    )
