"""What is tried again, when, and when it is given up."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.orchestration import names, retries
from opensense_okta.orchestration.attempts import (
    DELAYS,
    MAX_ATTEMPTS,
    Decision,
    Nothing,
    Resolve,
    Retry,
    Wait,
    decide,
)
from opensense_okta.orchestration.locks.files import FileLocks
from opensense_okta.orchestration.locks.postgres import LocksOutOfReach
from opensense_okta.orchestration.retries import build_retry_sensor
from opensense_okta.orchestration.runs import Asset, RunFacts
from tests.support.run_records import (
    fail,
    launch,
    record_materialize,
    record_run,
    start,
    succeed,
)

DAY = date(2026, 11, 23)
ZONE = ZoneInfo("America/New_York")
DAY_ENDS = datetime(2026, 11, 24, tzinfo=ZONE)
TWO_HOURS_LATER = DAY_ENDS + timedelta(hours=2)
TWO = datetime(2026, 11, 23, 2, 0, tzinfo=ZONE)  # when the day's sync started and soon failed

STARTED, SUCCESS, FAILURE, CANCELED = (
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.SUCCESS,
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.CANCELED,
)
UNFINISHED = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


RAW = frozenset(
    ("acme", directory, table)
    for directory in ("okta", "hr")
    for table in ("raw_users", "raw_groups", "memberships")
)
PUBLISHED = frozenset({("acme", "resolved_directory"), ("acme", "report")})
RESOLVED_TABLES = frozenset({("acme", "accounts"), ("acme", "people"), ("acme", "changes")})
ASSETS = {
    "sync": RAW | RESOLVED_TABLES | PUBLISHED,
    "resolve": RESOLVED_TABLES | PUBLISHED,
    "approve": PUBLISHED,
    "other": frozenset[Asset](),
}


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def run(
    status: dg.DagsterRunStatus = FAILURE,
    failure: str | None = names.TRANSIENT,
    *,
    attempt: int = 1,
    job: str = "sync",
    attempt_group: str = "first",
    at: datetime = TWO,
    retry_at: datetime | None = None,
) -> RunFacts:
    """A run that was created and ended at that time."""
    return RunFacts(
        run_id=f"{job}-{attempt_group}-{attempt}",
        job=f"acme__{job}",
        status=status,
        attempt_group=attempt_group,
        attempt=attempt,
        created=at,
        ended=at,
        failure=failure if status is FAILURE else None,
        retry_at=retry_at,
        assets=ASSETS[job],
    )


def decided(*runs: RunFacts, now: datetime = TWO) -> Decision:
    return decide("acme", DAY, runs, now=now, day_ends=DAY_ENDS)


LAST_ATTEMPT = run(attempt=MAX_ATTEMPTS)
RESOLVED = run(SUCCESS, job="resolve", at=TWO + minutes(10))


class TestTheSync:
    def test_is_the_schedules_to_start(self) -> None:
        assert decided() == Nothing("2026-11-23 has had no sync yet: the schedule starts it")

    @pytest.mark.parametrize("status", UNFINISHED)
    def test_is_waited_for_while_it_has_not_ended(self, status: dg.DagsterRunStatus) -> None:
        assert decided(run(status)) == Wait(
            f"run sync-first-1 for 2026-11-23 is {status.value.lower().replace('_', ' ')}"
        )

    def test_is_waited_for_while_a_retry_has_not_ended(self) -> None:
        later = TWO + minutes(1)
        assert isinstance(decided(run(), run(STARTED, attempt=2, at=later), now=DAY_ENDS), Wait)

    @pytest.mark.parametrize(
        ("last", "words"),
        [
            (run(SUCCESS), "2026-11-23 is done"),
            (
                run(CANCELED),
                "the sync of 2026-11-23 was canceled by a person and is not retried",
            ),
            (
                run(FAILURE, names.HELD),
                (
                    "guards or data checks hold 2026-11-23 back: it is not retried; they check the next"
                    " sync again"
                ),
            ),
        ],
    )
    def test_is_over_when_it_has_succeeded_was_canceled_or_is_held(
        self, last: RunFacts, words: str
    ) -> None:
        assert decided(last, now=TWO + minutes(60)) == Nothing(words)

    def test_is_over_when_a_retry_has_succeeded(self) -> None:
        assert decided(run(), run(SUCCESS, attempt=2, at=TWO + minutes(1))) == Nothing(
            "2026-11-23 is done"
        )

    def test_is_tried_again_when_time_heals_it(self) -> None:
        assert decided(run(), now=TWO + minutes(1)) == Retry(
            "the sync of 2026-11-23 failed: attempt 2 of 6 starts",
            run_key="acme/2026-11-23/first/2",
            tags={names.ORGANIZATION: "acme", names.ATTEMPT_GROUP: "first", names.ATTEMPT: "2"},
        )

    @pytest.mark.parametrize("no_failure_of_ours", [None, ""])
    def test_is_tried_again_when_its_worker_was_killed(
        self, no_failure_of_ours: str | None
    ) -> None:
        killed = run(FAILURE, no_failure_of_ours)
        assert isinstance(decided(killed, now=TWO + minutes(1)), Retry)

    @pytest.mark.parametrize(("tries", "delay"), list(enumerate(DELAYS, start=1)))
    def test_is_tried_again_after_delays_that_grow(self, tries: int, delay: timedelta) -> None:
        runs = [run(attempt=attempt) for attempt in range(1, tries + 1)]
        assert isinstance(decided(*runs, now=TWO + delay - timedelta(seconds=1)), Wait)
        retry = decided(*runs, now=TWO + delay)
        assert isinstance(retry, Retry)
        assert retry.run_key == f"acme/2026-11-23/first/{tries + 1}"

    def test_is_waited_with_until_a_time_that_is_named(self) -> None:
        assert decided(run(), run(attempt=2)) == Wait(
            "the sync of 2026-11-23 failed: attempt 3 of 6 starts at 02:05 EST"
        )

    def test_is_not_tried_again_before_the_api_answers_again(self) -> None:
        failed = run(retry_at=TWO.astimezone(UTC) + minutes(20))
        assert decided(failed, now=TWO + minutes(19)) == Wait(
            "the sync of 2026-11-23 failed: attempt 2 of 6 starts at 02:20 EST"
        )
        assert isinstance(decided(failed, now=TWO + minutes(20)), Retry)

    def test_is_not_tried_again_at_once_when_the_api_answers_already(self) -> None:
        failed = run(retry_at=TWO - minutes(20))
        assert isinstance(decided(failed), Wait)
        assert isinstance(decided(failed, now=TWO + minutes(1)), Retry)


class TestGivingUp:
    @pytest.mark.parametrize(
        ("last", "why"),
        [
            (
                run(FAILURE, names.PERMANENT),
                "the error is permanent: a person must fix its cause",
            ),
            (LAST_ATTEMPT, "all 6 attempts failed"),
            (
                run(retry_at=TWO_HOURS_LATER),
                "the time to read the day ends before the next attempt",
            ),
            (
                run(attempt=2, retry_at=TWO_HOURS_LATER),
                "the time to read the day ends before the next attempt",
            ),
        ],
    )
    def test_goes_on_with_what_the_other_directories_gave(self, last: RunFacts, why: str) -> None:
        assert decided(last, now=last.ended) == Resolve(
            f"the sync of 2026-11-23 failed and is not retried: {why}; the stored snapshots of"
            " all directories are resolved instead",
            run_key="acme/2026-11-23/first/resolve/1",
            tags={names.ORGANIZATION: "acme", names.ATTEMPT_GROUP: "first"},
        )

    def test_a_day_that_was_over_two_hours_ago_is_never_tried_again(self) -> None:
        assert isinstance(decided(run(), now=DAY_ENDS), Retry)
        assert isinstance(decided(run(), now=TWO_HOURS_LATER - minutes(1)), Retry)
        assert isinstance(decided(run(), now=TWO_HOURS_LATER), Resolve)

    def test_a_sync_that_was_begun_when_its_day_was_over_is_not_tried_again(self) -> None:
        late = run(at=DAY_ENDS + minutes(1))
        assert isinstance(decided(late, now=DAY_ENDS + minutes(2)), Resolve)

    @pytest.mark.parametrize(
        ("last", "next_tick", "decision"),
        [
            (run(), minutes(30), Retry),
            (run(attempt=3, at=TWO + minutes(6)), minutes(30), Retry),
            (run(attempt=4, at=TWO + minutes(21)), minutes(30), Resolve),
            (run(attempt=4, at=TWO + minutes(21)), minutes(60), Retry),
            (run(attempt=4, at=TWO + minutes(21)), None, Retry),
            (run(), minutes(1), Resolve),
        ],
        ids=["first", "third", "fourth", "later tick", "one tick a day", "tick with the retry"],
    )
    def test_resolves_before_the_next_tick_of_the_day_takes_over(
        self, last: RunFacts, next_tick: timedelta | None, decision: type[Decision]
    ) -> None:
        def tick_after(_: datetime) -> datetime:
            return TWO + (next_tick or minutes(0))

        follows = decide(
            "acme",
            DAY,
            [last],
            now=TWO + minutes(55),
            day_ends=DAY_ENDS,
            next_tick=tick_after if next_tick else None,
        )
        assert isinstance(follows, decision)
        if isinstance(follows, Resolve):
            assert "is not retried: the schedule starts the next sync at 02:" in follows.words
            resolved = replace(RESOLVED, created=TWO + minutes(22), attempt_group="first")
            done = decide(
                "acme",
                DAY,
                [last, resolved],
                now=TWO + minutes(55),
                day_ends=DAY_ENDS,
                next_tick=tick_after,
            )
            assert isinstance(done, Nothing)

    @pytest.mark.parametrize("status", UNFINISHED)
    def test_waits_for_the_resolving_run(self, status: dg.DagsterRunStatus) -> None:
        resolving = run(status, job="resolve", at=TWO + minutes(10))
        assert isinstance(decided(LAST_ATTEMPT, resolving, now=DAY_ENDS), Wait)

    def test_resolves_once_and_says_why_the_sync_is_not_tried_again(self) -> None:
        assert decided(LAST_ATTEMPT, RESOLVED, now=TWO + minutes(60)) == Nothing(
            "2026-11-23 was resolved from the stored snapshots; "
            "its sync is not retried: all 6 attempts failed"
        )

    @pytest.mark.parametrize(
        ("status", "failure", "words"),
        [
            (CANCELED, None, "resolving 2026-11-23 was canceled by a person"),
            (FAILURE, names.HELD, "guards or data checks hold 2026-11-23 back"),
            (FAILURE, names.PERMANENT, "resolving 2026-11-23 failed with a permanent error"),
        ],
    )
    def test_leaves_a_resolving_run_that_time_does_not_heal(
        self, status: dg.DagsterRunStatus, failure: str | None, words: str
    ) -> None:
        resolving = run(status, failure, job="resolve", at=TWO + minutes(10))
        decision = decided(LAST_ATTEMPT, resolving, now=DAY_ENDS)
        assert isinstance(decision, Nothing)
        assert decision.words.startswith(words)

    @pytest.mark.parametrize("failure", [None, names.TRANSIENT])
    def test_tries_a_killed_resolving_run_again_even_after_the_day(
        self, failure: str | None
    ) -> None:
        late = DAY_ENDS - minutes(0.5)
        killed = run(FAILURE, failure, job="resolve", at=late)
        assert decided(LAST_ATTEMPT, killed, now=late) == Wait(
            "resolving 2026-11-23 failed: attempt 2 of 6 starts at 00:00 EST"
        )
        assert decided(LAST_ATTEMPT, killed, now=late + minutes(1)) == Resolve(
            "resolving 2026-11-23 failed: attempt 2 of 6 starts",
            run_key="acme/2026-11-23/first/resolve/2",
            tags={names.ORGANIZATION: "acme", names.ATTEMPT_GROUP: "first", names.ATTEMPT: "2"},
        )

    def test_ends_when_resolving_has_failed_as_often_as_it_may(self) -> None:
        failed = run(job="resolve", attempt=MAX_ATTEMPTS, at=TWO + minutes(10))
        assert decided(run(FAILURE, names.PERMANENT), failed, now=DAY_ENDS) == Nothing(
            "resolving 2026-11-23 failed 6 times and is not retried; its sync is not "
            "retried: the error is permanent: a person must fix its cause"
        )


class TestASyncStartedByHand:
    def test_takes_over_from_the_chain_before_it(self) -> None:
        by_hand = run(attempt_group="by hand", at=TWO + minutes(30))
        retry = decided(run(), LAST_ATTEMPT, RESOLVED, by_hand, now=TWO + minutes(31))
        assert isinstance(retry, Retry)
        assert retry.run_key == "acme/2026-11-23/by hand/2"

    def test_takes_over_even_from_a_retry_that_was_requested_at_the_same_time(self) -> None:
        by_hand = run(SUCCESS, attempt_group="by hand", at=TWO + minutes(1))
        late_retry = run(attempt=2, at=TWO + minutes(1.1))
        assert isinstance(decided(run(), by_hand, late_retry, now=DAY_ENDS), Nothing)

    def test_counts_its_own_tries(self) -> None:
        by_hand = run(attempt_group="by hand", at=TWO + minutes(30))
        assert isinstance(decided(LAST_ATTEMPT, by_hand, now=TWO + minutes(30)), Wait)

    def test_is_the_same_chain_when_a_person_runs_a_retry_once_more(self) -> None:
        again = run(attempt=2, at=TWO + minutes(30))
        retry = decided(
            run(), run(attempt=2), run(attempt=3), RESOLVED, again, now=TWO + minutes(45)
        )
        assert isinstance(retry, Retry)
        assert retry.run_key == "acme/2026-11-23/first/4"

    def test_is_not_a_resolving_run_started_by_hand(self) -> None:
        resolving = run(SUCCESS, job="resolve", attempt_group="by hand", at=TWO + minutes(1))
        assert isinstance(decided(run(), resolving, now=TWO + minutes(1)), Retry)

    def test_is_not_a_run_of_another_job(self) -> None:
        other = run(STARTED, job="other", at=TWO + minutes(1))
        assert isinstance(decided(run(), other, now=TWO + minutes(1)), Retry)


def test_the_order_in_which_runs_are_read_does_not_matter() -> None:
    runs = [run(), run(attempt=2, at=TWO + minutes(1)), run(attempt=3, at=TWO + minutes(6))]
    now = TWO + minutes(30)
    assert decided(*runs, now=now) == decided(*reversed(runs), now=now)


def test_the_delays_grow_and_leave_time_to_heal() -> None:
    assert list(DELAYS) == sorted(DELAYS)
    assert len(DELAYS) + 1 == MAX_ATTEMPTS == 6


def company(name: str, *, enabled: bool = True) -> Organization:
    """An organization in New York."""
    return Organization.model_validate(
        {
            "name": name,
            "timezone": "America/New_York",
            "first_day": "2026-11-01",
            "enabled": enabled,
            "directories": {"hr": {"kind": "csv", "users": "/srv/hr/people.csv"}},
        }
    )


class Daemon:
    """Evaluates the sensor as Dagster's daemon does, at the time that the test travels to."""

    def __init__(self, instance: dg.DagsterInstance, locks: Callable[[str], Path]) -> None:
        self.instance = instance
        self.locks = locks
        self.patience = timedelta(0)

    def evaluate(self, *organizations: str, cursor: str | None = None) -> dg.SensorResult:
        """What a daemon that has just started requests."""
        sensor = build_retry_sensor(
            {name: company(name, enabled=name != "disabled") for name in organizations},
            lambda _, name: FileLocks(self.locks(name), self.patience),
            jobs(*organizations),
        )
        with dg.build_sensor_context(instance=self.instance, cursor=cursor) as context:
            execution = sensor.evaluate_tick(context)
        return dg.SensorResult(
            run_requests=execution.run_requests,
            skip_reason=execution.skip_message,
            cursor=execution.cursor,
        )

    def requests(self, *organizations: str, cursor: str | None = None) -> list[dg.RunRequest]:
        return list(self.evaluate(*organizations, cursor=cursor).run_requests or [])

    def words(self, *organizations: str) -> str:
        skip_reason = self.evaluate(*organizations).skip_reason
        assert skip_reason
        return skip_reason.skip_message or ""


def jobs(*organizations: str) -> dg.Definitions:
    @dg.op
    def work() -> None:
        """Never runs."""

    @dg.graph
    def graph() -> None:
        work()

    return dg.Definitions(
        jobs=[
            graph.to_job(name=f"{organization}__{job}")
            for organization in organizations
            for job in ("sync", "resolve")
        ]
    )


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(TWO, tick=False) as traveller:
        yield traveller


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def daemon(instance: dg.DagsterInstance, tmp_path: Path) -> Daemon:
    return Daemon(instance, lambda name: tmp_path / name / "locks")


def test_a_day_goes_from_failure_to_retries_to_resolving_once(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    first = record_run(instance, "acme")
    fail(instance, first, {names.FAILURE: names.TRANSIENT})
    for number, delay in enumerate(DELAYS, start=2):
        assert daemon.requests("acme") == []
        clock.shift(delay)
        (request,) = daemon.requests("acme")
        assert request.job_name == "acme__sync"
        assert request.partition_key == request.tags["dagster/partition"] == "2026-11-23"
        assert request.tags[names.ATTEMPT] == str(number)
        assert request.tags[names.ATTEMPT_GROUP] == first.run_id
        retry = launch(instance, request)
        assert daemon.words("acme") == f"acme: run {retry.run_id} for 2026-11-23 is not started"
        start(instance, retry)
        assert daemon.words("acme") == f"acme: run {retry.run_id} for 2026-11-23 is started"
        fail(instance, retry, {names.FAILURE: names.TRANSIENT})
    (request,) = daemon.requests("acme")
    assert request.job_name == "acme__resolve"
    resolving = launch(instance, request)
    start(instance, resolving)
    succeed(instance, resolving)
    assert daemon.words("acme") == (
        "acme: 2026-11-23 was resolved from the stored snapshots; "
        "its sync is not retried: all 6 attempts failed"
    )


def test_a_second_evaluation_asks_for_the_same_run(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    fail(instance, record_run(instance, "acme"), {names.FAILURE: names.TRANSIENT})
    clock.shift(minutes(1))
    (once,), (twice,) = daemon.requests("acme"), daemon.requests("acme")
    assert once.run_key == twice.run_key
    assert launch(instance, once).run_id == launch(instance, twice).run_id
    assert daemon.requests("acme") == []


def test_a_restarted_daemon_decides_as_the_old_one_did(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    fail(instance, record_run(instance, "acme"), {names.FAILURE: names.TRANSIENT})
    clock.shift(minutes(1))
    (before,) = daemon.requests("acme", cursor="from long ago")
    (after,) = daemon.requests("acme", cursor=None)
    assert before.run_key == after.run_key
    launch(instance, before)
    assert daemon.requests("acme", cursor="from long ago") == []


def test_a_killed_worker_is_ended_and_then_tried_again(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    killed = record_run(instance, "acme", status=STARTED)
    daemon.locks("acme").mkdir(parents=True)
    (daemon.locks("acme") / f"{killed.run_id}.lock").write_text(killed.run_id)
    assert daemon.words("acme") == (
        "acme: the sync of 2026-11-23 failed: attempt 2 of 6 starts at 02:01 EST"
    )
    clock.shift(minutes(1))
    (request,) = daemon.requests("acme")
    assert request.tags[names.ATTEMPT_GROUP] == killed.run_id


def test_where_locks_can_be_lost_a_run_is_ended_when_it_was_seen_without_for_a_while(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    daemon.patience = timedelta(seconds=30)
    killed = record_run(instance, "acme", status=STARTED)
    daemon.locks("acme").mkdir(parents=True)
    (daemon.locks("acme") / f"{killed.run_id}.lock").write_text(killed.run_id)
    first = daemon.evaluate("acme")
    assert killed.run_id in (first.cursor or "")
    clock.shift(29)
    second = daemon.evaluate("acme", cursor=first.cursor)
    assert second.cursor == first.cursor
    for seen in (first, second):
        assert seen.skip_reason
        assert (
            seen.skip_reason.skip_message == f"acme: run {killed.run_id} for 2026-11-23 is started"
        )
    clock.shift(1)
    third = daemon.evaluate("acme", cursor=second.cursor)
    assert third.cursor == "{}"
    record = instance.get_run_by_id(killed.run_id)
    assert record
    assert record.status is FAILURE


def test_a_file_with_mistakes_does_not_keep_a_killed_run_from_being_ended(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    killed = record_run(instance, "acme", status=STARTED)
    (daemon.locks("acme")).mkdir(parents=True)
    (daemon.locks("acme") / f"{killed.run_id}.lock").write_text(killed.run_id)
    broken = OrganizationFileError(Path("globex.yaml"), [])
    sensor = build_retry_sensor(
        {"acme": company("acme")},
        lambda _, name: FileLocks(daemon.locks(name), timedelta(seconds=30)),
        jobs("acme"),
        {"globex": broken},
    )

    def evaluate(cursor: str | None) -> str | None:
        with dg.build_sensor_context(instance=instance, cursor=cursor) as context:
            return sensor.evaluate_tick(context).cursor

    suspects = evaluate(None)
    with pytest.raises(RuntimeError, match="has mistakes"):
        evaluate(suspects)  # nothing new: the tick fails because of the file
    clock.shift(30)
    assert evaluate(suspects) == "{}"


def test_a_living_run_is_waited_for(daemon: Daemon, instance: dg.DagsterInstance) -> None:
    with time_machine.travel(TWO, tick=True):
        living = record_run(instance, "acme", status=STARTED)
        with FileLocks(daemon.locks("acme")).of_run(living.run_id, report=pytest.fail):
            assert daemon.words("acme") == (f"acme: run {living.run_id} for 2026-11-23 is started")


def test_the_apis_reset_time_is_honoured(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    reset = "2026-11-23T07:45:00Z"  # 02:45 in New York
    failure = {names.FAILURE: names.TRANSIENT, names.RETRY_AT: reset}
    fail(instance, record_run(instance, "acme"), failure)
    clock.shift(minutes(44))
    assert daemon.words("acme").endswith("attempt 2 of 6 starts at 02:45 EST")
    clock.shift(minutes(1))
    assert len(daemon.requests("acme")) == 1


def test_two_organizations_are_looked_after_in_one_evaluation(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    fail(instance, record_run(instance, "acme"), {names.FAILURE: names.TRANSIENT})
    fail(instance, record_run(instance, "globex"), {names.FAILURE: names.PERMANENT})
    clock.shift(minutes(1))
    jobs_started = [request.job_name for request in daemon.requests("acme", "globex")]
    assert jobs_started == ["acme__sync", "globex__resolve"]


def test_what_a_person_starts_of_a_disabled_organization_is_tried_again_too(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    fail(instance, record_run(instance, "disabled"), {names.FAILURE: names.TRANSIENT})
    clock.shift(minutes(1))
    assert len(daemon.requests("disabled")) == 1


def test_one_skip_message_tells_of_every_organization(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    clock.move_to(TWO + minutes(10))
    succeed(instance, record_run(instance, "acme"))
    assert daemon.words("acme", "globex") == (
        "acme: 2026-11-23 is done\nglobex: 2026-11-23 has had no sync yet: the schedule starts the next"
        " sync at 2026-11-24 02:00 EST"
    )


def test_no_organization_is_no_work(daemon: Daemon) -> None:
    assert daemon.words() == "there is no organization yet"


UNREADABLE = {names.FAILURE: names.TRANSIENT, names.RETRY_AT: "soon"}


@pytest.mark.usefixtures("clock")
class TestAnOrganizationWhoseRunsCannotBeRead:
    def test_does_not_stop_the_others(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        fail(instance, record_run(instance, "acme"), UNREADABLE)
        fail(instance, record_run(instance, "globex"), {names.FAILURE: names.TRANSIENT})
        clock.shift(minutes(1))
        (request,) = daemon.requests("acme", "globex")
        assert request.job_name == "globex__sync"

    def test_fails_the_evaluation_once_there_is_nothing_to_start(
        self, daemon: Daemon, instance: dg.DagsterInstance
    ) -> None:
        fail(instance, record_run(instance, "acme"), UNREADABLE)
        with pytest.raises(RuntimeError) as error:
            daemon.evaluate("acme", "globex")
        assert "acme: its runs could not be read" in str(error.value)
        assert "globex: 2026-11-23 has had no sync yet" in str(error.value)

    def test_is_reported_in_words_if_the_error_has_them(
        self, daemon: Daemon, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def unreachable(*_of: object) -> None:
            raise LocksOutOfReach(ConnectionError())

        monkeypatch.setattr(retries, "end_orphaned_runs_when_idle", unreachable)
        with pytest.raises(RuntimeError) as error:
            daemon.evaluate("acme")
        assert "acme: its runs could not be read: PostgreSQL, where" in str(error.value)
        assert "What to do: start PostgreSQL" in str(error.value)
        logged = capsys.readouterr().err
        assert "What to do: start PostgreSQL" in logged
        assert "Traceback" not in logged


HR_TABLES = ["acme/hr/raw_users", "acme/hr/raw_groups", "acme/hr/memberships"]


class TestMaterialize:
    def test_is_tried_again_with_what_was_selected(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        checks = [("acme/hr/raw_users", "ids_unique")]
        config = {"ops": {"acme__read__hr": {"config": {"full": True}}}}
        clicked = record_materialize(instance, HR_TABLES, checks=checks, run_config=config)
        fail(instance, clicked, {names.FAILURE: names.TRANSIENT})
        clock.shift(minutes(1))
        (request,) = daemon.requests("acme")
        assert request.job_name == "acme__sync"
        assert request.partition_key == "2026-11-23"
        paths = [key.to_user_string() for key in request.asset_selection or ()]
        assert sorted(paths) == sorted(HR_TABLES)
        assert request.asset_check_keys == [
            dg.AssetCheckKey(dg.AssetKey(["acme", "hr", "raw_users"]), "ids_unique")
        ]
        assert request.run_config == config
        retry = launch(instance, request)
        succeed(instance, retry)
        assert daemon.words("acme") == "acme: 2026-11-23 is done"

    def test_that_was_killed_before_it_began_is_tried_again_too(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        fail(instance, record_materialize(instance, ["acme/report"]), {})
        clock.shift(minutes(1))
        (request,) = daemon.requests("acme")
        assert request.job_name == "acme__resolve"
        assert request.asset_selection == [dg.AssetKey(["acme", "report"])]

    def test_of_two_organizations_is_tried_again_for_each(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        both = record_materialize(instance, ["acme/report", "globex/report"])
        fail(instance, both, {})
        clock.shift(minutes(1))
        jobs_started = [request.job_name for request in daemon.requests("acme", "globex")]
        assert jobs_started == ["acme__resolve", "globex__resolve"]

    def test_of_thirty_past_days_is_completed_as_resolves(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        succeed(instance, record_run(instance, "acme"))
        days = [str(DAY - timedelta(days=number)) for number in range(1, 20)]
        for day in days:
            assets = [*HR_TABLES, "acme/people", "acme/resolved_directory"]
            run = record_materialize(instance, assets, day=day)
            if day == days[7]:
                fail(instance, run, {})  # killed
            else:
                succeed(instance, run)
        clock.shift(minutes(1))
        (request,) = daemon.requests("acme")
        assert request.job_name == "acme__resolve"
        assert request.partition_key == days[7]
        assert request.asset_selection == [
            dg.AssetKey(["acme", "people"]),
            dg.AssetKey(["acme", "resolved_directory"]),
        ]

    def test_of_what_no_longer_exists_is_not_tried_again(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        fail(instance, record_materialize(instance, ["acme/removed/raw_users"]), {})
        clock.shift(minutes(1))
        assert daemon.requests("acme") == []

    def test_that_a_person_re_executes_is_the_same_group(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        first = record_run(instance, "acme")
        fail(instance, first, {names.FAILURE: names.TRANSIENT})
        again = record_run(instance, "acme", more_tags={"dagster/root_run_id": first.run_id})
        fail(instance, again, {names.FAILURE: names.TRANSIENT})
        clock.shift(minutes(1))
        (request,) = daemon.requests("acme")
        assert request.tags[names.ATTEMPT_GROUP] == first.run_id


def test_a_schedule_that_is_off_is_not_promised(daemon: Daemon) -> None:
    with time_machine.travel(TWO):
        assert daemon.words("disabled") == (
            "disabled: 2026-11-23 has had no sync yet: the schedule disabled__daily is off, so no sync"
            " starts by itself; to start one now: opensense-okta sync disabled"
        )


class TestYesterday:
    def test_is_tried_again_for_two_hours_and_then_resolved_with_what_is_there(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        clock.move_to(DAY_ENDS - minutes(5))
        late = record_run(instance, "acme")
        clock.move_to(DAY_ENDS + minutes(5))
        fail(instance, late, {names.FAILURE: names.TRANSIENT})
        clock.shift(minutes(1))
        (request,) = daemon.requests("acme")
        assert request.job_name == "acme__sync"
        assert request.partition_key == "2026-11-23"
        clock.move_to(TWO_HOURS_LATER)
        (request,) = daemon.requests("acme")
        assert request.job_name == "acme__resolve"
        assert request.partition_key == "2026-11-23"

    def test_is_left_alone_once_today_has_had_its_sync(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        fail(instance, record_run(instance, "acme"), {names.FAILURE: names.TRANSIENT})
        clock.move_to(DAY_ENDS + timedelta(hours=2))
        succeed(instance, record_run(instance, "acme", day="2026-11-24"))
        assert daemon.words("acme") == "acme: 2026-11-24 is done"

    def test_is_the_day_in_the_organizations_own_time_zone(
        self, daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
    ) -> None:
        fail(instance, record_run(instance, "acme"), {names.FAILURE: names.TRANSIENT})
        clock.move_to(datetime(2026, 11, 24, 4, 0, tzinfo=UTC))  # 23:00 in New York
        (request,) = daemon.requests("acme")
        assert request.job_name == "acme__sync"


def test_the_sensor_runs_without_being_switched_on(daemon: Daemon) -> None:
    sensor = build_retry_sensor(
        {"acme": company("acme")}, lambda _, name: FileLocks(daemon.locks(name)), jobs("acme")
    )
    assert sensor.name == "retries"
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 30


def test_tags_that_version_0_1_wrote_are_understood(
    daemon: Daemon, instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    first = record_run(instance, "acme")
    fail(instance, first, {"opensense/failure": "heals"})
    second_tags = {"opensense/chain": first.run_id, "opensense/try": "2"}
    second = record_run(instance, "acme", more_tags=second_tags)
    fail(instance, second, {"opensense/failure": "heals"})
    clock.shift(minutes(5))
    (request,) = daemon.requests("acme")
    assert request.tags[names.ATTEMPT_GROUP] == first.run_id
    assert request.tags[names.ATTEMPT] == "3"
