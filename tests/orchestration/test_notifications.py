"""What is sent about how a day ended: from the runs that Dagster has recorded to the message that arrives."""

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine

from opensense_okta.config.errors import UserError
from opensense_okta.config.load import load_organizations
from opensense_okta.config.models import Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.directories.errors import CredentialsRejected, DirectoryError, Unreachable
from opensense_okta.orchestration import names
from opensense_okta.orchestration.attempts import DELAYS
from opensense_okta.orchestration.notifications import (
    build_notice_sensor,
    notify_after_run,
    notify_of_refusal,
)
from opensense_okta.publishing.notifications.state import exclusive
from opensense_okta.simulator.okta.faults import make_fault
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.store import StoreTrouble
from tests.support.company import a_company
from tests.support.noticeboard import SECRET, Noticeboard, a_noticeboard, judged, judgement, put_out
from tests.support.run_records import beat, fail, record_run, start, succeed

DAY, TOMORROW = date(2026, 11, 23), date(2026, 11, 24)
TWO = datetime(2026, 11, 23, 7, tzinfo=UTC)  # two o'clock in New York: the schedule's tick
BY_SCHEDULE = {"dagster/schedule_name": "acme__daily"}
BY_HAND: Mapping[str, str] = {}
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

FAILED = "acme: the sync of 2026-11-23 failed (okta)"
HELD = "acme: 2026-11-23 is held back"
UNREADABLE = "acme: its stored data cannot be read"
LATE = "acme: 2026-11-23 is late"
NORMAL = "acme: back to normal"

TOKEN_GONE = CredentialsRejected(
    "Okta does not accept the API token.", remedy="create another one."
)
UNREACHABLE = Unreachable("Okta cannot be reached.", remedy="wait.")


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


def company(name: str = "acme", /, **settings: object) -> Organization:
    """An organization in New York that notifies a pager."""
    return Organization.model_validate(
        {
            "name": name,
            "timezone": "America/New_York",
            "first_day": "2026-11-01",
            "directories": {"okta": {"kind": "csv", "users": "/srv/hr/people.csv"}},
            "notify": [{"env": "ACME_PAGER"}],
            **settings,
        }
    )


class Daemon:
    """Evaluates the sensor as Dagster's daemon does, and plays the runs that it sends about.

    Attributes:
        board: what arrived.
        clock: the time.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance,
        root: Path,
        board: Noticeboard,
        clock: time_machine.Traveller,
    ) -> None:
        self.instance = instance
        self.root = root
        self.board = board
        self.clock = clock
        self.organizations = [company()]
        self.cursors: list[str | None] = [None]
        self.mistakes: Mapping[str, OrganizationFileError] = {}

    def lake(self, name: str = "acme") -> Lake:
        return Lake(self.root, name)

    def words(self) -> str:
        """What one evaluation says of itself."""
        beat(self.instance)
        organizations = {each.name: each for each in self.organizations}
        sensor = build_notice_sensor(organizations, self.lake, self.mistakes)
        return evaluate(sensor, self.instance, self.cursors)

    def sends(self) -> list[str]:
        """The subjects of what one evaluation sends."""
        self.words()
        return self.board.news()

    def message(self) -> str:
        """The text of the one message that one evaluation sends."""
        self.words()
        (post,) = self.board.posts
        self.board.posts.clear()
        return post["message"]

    def command(self) -> list[str]:
        """What a command says of its look, after the run that it has started."""
        return notify_after_run(self.instance, company(), self.lake())

    def sync(
        self,
        error: Exception | None = None,
        *,
        job: str = "sync",
        failure: str = names.TRANSIENT,
        day: date = DAY,
        run_tags: Mapping[str, str] = BY_SCHEDULE,
    ) -> str:
        """A run that has ended, well or with an error in the step that reads okta; its id."""
        own = {names.ORGANIZATION: "acme", names.PARTITION: str(day)}
        result = failing(job, error).execute_in_process(
            instance=self.instance,
            run_config=QUIET,
            tags={**own, **run_tags, **({names.FAILURE: failure} if error else {})},
            raise_on_error=False,
        )
        return result.run_id


def failing(job: str, error: Exception | None) -> dg.JobDefinition:
    """A job whose one step ends as the step that reads a directory ends."""

    @dg.op(name="acme__read__okta")
    def read() -> None:
        if isinstance(error, DirectoryError):
            words = {"cause": error.message, "meaning": error.impact, "remedy": error.remedy}
            raise dg.Failure(str(error), words, allow_retries=False) from error
        if error:
            raise error

    @dg.job(name=f"acme__{job}")
    def work() -> None:
        read()

    return work


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    with (
        a_noticeboard() as board,
        dg.DagsterInstance.ephemeral() as instance,
        time_machine.travel(TWO, tick=False) as clock,
    ):
        monkeypatch.setenv("ACME_PAGER", board.url)
        daemon = Daemon(instance, tmp_path, board, clock)
        put_out(daemon.lake(), DAY - timedelta(days=1))
        assert daemon.sends() == []
        yield daemon


class TestAFailedDay:
    def test_is_told_at_once_when_time_does_not_heal_it(self, daemon: Daemon) -> None:
        run_id = daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.message().splitlines() == [
            "okta: Okta does not accept the API token.",
            (
                "Nothing of this read is used; what is stored and published of this directory stays as it"
                " was. The stored snapshots of all directories are resolved next."
            ),
            "Published is the directory of 2026-11-22 (1 day old).",
            "What to do: create another one.",
            f"The run in Dagster's UI: /runs/{run_id}",
        ]

    def test_is_told_once_and_the_same_failure_of_the_next_day_is_not(self, daemon: Daemon) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.sends() == [FAILED]
        assert daemon.sends() == []
        daemon.clock.shift(timedelta(days=1))
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT, day=TOMORROW)
        assert daemon.sends() == []

    def test_is_told_again_on_the_next_day_when_the_failure_is_another(
        self, daemon: Daemon
    ) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.sends() == [FAILED]
        daemon.clock.shift(timedelta(days=1))
        daemon.sync(UNREACHABLE, failure=names.PERMANENT, day=TOMORROW)
        assert daemon.sends() == ["acme: the sync of 2026-11-24 failed (okta)"]

    def test_is_not_told_before_the_last_try_has_failed(self, daemon: Daemon) -> None:
        first = daemon.sync(UNREACHABLE)
        for number, delay in enumerate(DELAYS, start=2):
            assert daemon.sends() == []
            daemon.clock.shift(delay)
            daemon.sync(
                UNREACHABLE, run_tags={names.ATTEMPT_GROUP: first, names.ATTEMPT: str(number)}
            )
        assert daemon.sends() == [FAILED]

    def test_stays_failed_although_the_rest_was_resolved(self, daemon: Daemon) -> None:
        first = daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.sends() == [FAILED]
        daemon.clock.shift(hours(0.1))
        daemon.sync(job="resolve", run_tags={names.ATTEMPT_GROUP: first})
        put_out(daemon.lake(), DAY, okta_of=DAY - timedelta(days=1))
        assert daemon.sends() == []

    def test_says_which_directory_is_older_when_the_rest_has_been_resolved(
        self, daemon: Daemon
    ) -> None:
        first = daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        daemon.clock.shift(hours(0.1))
        daemon.sync(job="resolve", run_tags={names.ATTEMPT_GROUP: first})
        put_out(daemon.lake(), DAY, okta_of=DAY - timedelta(days=1))
        message = daemon.message()
        assert "with okta as it was on 2026-11-22" in message
        assert "resolved next" not in message

    def test_is_told_of_a_killed_process_too(self, daemon: Daemon) -> None:
        killed = record_run(daemon.instance, "acme", more_tags=BY_SCHEDULE)
        two_hours_after_the_day = hours(24)
        daemon.clock.shift(two_hours_after_the_day)
        fail(daemon.instance, killed, {})
        assert "The process of the run ended before the sync was done." in daemon.message()

    def test_is_told_without_the_text_of_what_was_not_foreseen(self, daemon: Daemon) -> None:
        daemon.sync(ValueError("could not convert 'Ada Lovelace'"), failure=names.PERMANENT)
        message = daemon.message()
        assert "okta failed with an unexpected error (ValueError)." in message
        assert "Ada" not in message


class TestAHeldDay:
    def hold(self, daemon: Daemon, day: date = DAY) -> None:
        daemon.sync(UNREACHABLE, failure=names.HELD, day=day)

    def test_is_told_at_once_with_the_verdict(self, daemon: Daemon) -> None:
        judged(daemon.lake(), judgement(removed=412))
        self.hold(daemon)
        message = daemon.message()
        assert "412 of 1,000 active people are gone or inactive." in message
        assert "opensense-okta approve acme --date 2026-11-23" in message
        assert "The run in Dagster's UI: /runs/" in message

    def test_is_not_told_again_when_the_next_is_held_by_the_same_guards(
        self, daemon: Daemon
    ) -> None:
        judged(daemon.lake(), judgement(removed=412))
        self.hold(daemon)
        assert daemon.sends() == [HELD]
        daemon.clock.shift(timedelta(days=1))
        judged(daemon.lake(), judgement(TOMORROW, removed=415))
        self.hold(daemon, TOMORROW)
        assert daemon.sends() == []

    def test_is_over_when_it_is_approved(self, daemon: Daemon) -> None:
        judged(daemon.lake(), judgement(removed=412))
        self.hold(daemon)
        assert daemon.sends() == [HELD]
        put_out(daemon.lake(), DAY)
        assert daemon.sends() == [NORMAL]


class TestBackToNormal:
    @pytest.mark.parametrize("run_tags", [BY_SCHEDULE, BY_HAND], ids=["by schedule", "by hand"])
    def test_is_told_after_the_next_good_sync(
        self, daemon: Daemon, run_tags: Mapping[str, str]
    ) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.sends() == [FAILED]
        daemon.clock.shift(hours(2))
        going_on = record_run(daemon.instance, "acme", more_tags=run_tags)
        assert daemon.sends() == []
        put_out(daemon.lake(), DAY)
        succeed(daemon.instance, going_on)
        assert daemon.sends() == [NORMAL]
        assert daemon.sends() == []

    def test_is_not_told_before_the_next_days_sync(self, daemon: Daemon) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.sends() == [FAILED]
        daemon.clock.shift(hours(23))
        assert daemon.sends() == []

    def test_is_not_worth_a_word_when_nothing_was_wrong(self, daemon: Daemon) -> None:
        daemon.sync()
        assert daemon.words() == "nothing new to report"
        assert daemon.board.news() == []


class TestASyncByHand:
    def test_that_fails_is_told_like_any_other(self, daemon: Daemon) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT, run_tags=BY_HAND)
        assert daemon.sends() == [FAILED]

    def test_that_is_held_is_told_like_any_other(self, daemon: Daemon) -> None:
        judged(daemon.lake(), judgement(removed=412))
        daemon.sync(UNREACHABLE, failure=names.HELD, run_tags=BY_HAND)
        assert daemon.sends() == [HELD]

    def test_that_a_person_cancels_is_not_told_and_does_not_end_what_was_told_before(
        self, daemon: Daemon
    ) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.sends() == [FAILED]
        daemon.clock.shift(hours(1))
        canceled = record_run(daemon.instance, "acme")
        daemon.instance.report_run_canceled(canceled)
        assert daemon.sends() == []


class TestACommand:
    """`sync` and `approve` look when their run has ended: from cron there is nobody else."""

    @pytest.fixture
    def cron(self, daemon: Daemon) -> Daemon:
        """Nobody but the command: the daemon has been down for long."""
        daemon.clock.shift(hours(2))
        return daemon

    def test_tells_at_once_what_nobody_tries_again(self, cron: Daemon) -> None:
        cron.sync(UNREACHABLE, run_tags=BY_HAND)
        assert cron.command() == [f"sent to target 1 of `notify`: {FAILED}"]
        assert cron.board.news() == [FAILED]

    def test_leaves_what_the_daemon_tries_again_to_the_daemon(self, daemon: Daemon) -> None:
        daemon.sync(UNREACHABLE, run_tags=BY_HAND)
        assert daemon.command() == []
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT, run_tags=BY_HAND)
        assert daemon.command() == [f"sent to target 1 of `notify`: {FAILED}"]

    def test_tells_a_cause_and_its_end_once_whatever_the_day(self, cron: Daemon) -> None:
        for day in (DAY, TOMORROW):
            cron.sync(UNREACHABLE, day=day, run_tags=BY_HAND)
            cron.command()
            cron.clock.shift(timedelta(days=1))
        assert cron.board.news() == [FAILED]
        after = TOMORROW + timedelta(days=1)
        put_out(cron.lake(), after)
        for _ in range(2):
            cron.sync(day=after, run_tags=BY_HAND)
            cron.command()
        assert cron.board.news() == [NORMAL]

    def test_and_the_daemon_tell_nobody_twice(self, daemon: Daemon) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT, run_tags=BY_HAND)
        daemon.command()
        assert daemon.sends() == [FAILED]
        put_out(daemon.lake(), DAY)
        daemon.sync(run_tags=BY_HAND)
        assert daemon.sends() == [NORMAL]
        assert daemon.command() == []

    def test_waits_for_whoever_tells_just_now_and_then_tells_nobody_twice(
        self, cron: Daemon
    ) -> None:
        cron.sync(TOKEN_GONE, failure=names.PERMANENT, run_tags=BY_HAND)
        commands = [threading.Thread(target=cron.command) for _ in range(3)]
        for command in commands:
            command.start()
        for command in commands:
            command.join()
        assert cron.board.news() == [FAILED]

    def test_is_not_waited_for_by_the_daemon_which_comes_again(self, daemon: Daemon) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        with exclusive(daemon.lake(), timedelta(0)):
            assert daemon.words() == "acme: another process is sending its notifications"
        assert daemon.sends() == [FAILED]

    def test_does_not_take_a_day_for_late_because_the_daemon_was_down(self, cron: Daemon) -> None:
        canceled = record_run(cron.instance, "acme")
        cron.instance.report_run_canceled(canceled)
        cron.clock.shift(hours(7))
        for _ in range(2):
            assert cron.command() == []

    def test_tells_that_the_export_of_an_approved_day_failed(self, cron: Daemon) -> None:
        judged(cron.lake(), judgement(removed=412))
        cron.sync(UNREACHABLE, failure=names.HELD, run_tags=BY_HAND)
        cron.command()
        cron.clock.shift(hours(1))
        put_out(cron.lake(), DAY)
        cron.sync(UNREACHABLE, job="approve", run_tags=BY_HAND)
        cron.command()
        assert cron.board.news() == [HELD, FAILED]
        cron.clock.shift(hours(1))
        cron.sync(job="approve", run_tags=BY_HAND)
        cron.command()
        assert cron.board.news() == [NORMAL]

    def test_says_what_went_wrong_and_goes_on(self, cron: Daemon) -> None:
        lock = cron.lake().scratch / "notices.lock"
        lock.unlink()
        lock.mkdir()
        assert cron.command() == [f"sent to target 1 of `notify`: {UNREADABLE}"]
        assert cron.command() == []


def wait_until(daemon: Daemon, moment: datetime) -> None:
    """The daemon has run all the time until then, and has looked a moment ago."""
    daemon.clock.move_to(moment - timedelta(minutes=10))
    daemon.sends()
    daemon.clock.move_to(moment)


class TestALateDay:
    def test_is_told_six_hours_after_the_tick(self, daemon: Daemon) -> None:
        wait_until(daemon, TWO + hours(6) - timedelta(minutes=1))
        assert daemon.sends() == []
        wait_until(daemon, TWO + hours(6))
        assert daemon.message().splitlines() == [
            "It was due at 02:00 EST, 6 hours ago, and no sync of it was started.",
            "Published is the directory of 2026-11-22 (1 day old).",
            (
                "What to do: check in Dagster's UI whether the schedule acme__daily is on, and what its"
                " last tick shows. `opensense-okta sync acme` starts a sync now."
            ),
        ]
        assert daemon.sends() == []

    def test_is_the_same_cause_on_the_next_day_and_over_with_the_next_good_sync(
        self, daemon: Daemon
    ) -> None:
        wait_until(daemon, TWO + hours(6))
        assert daemon.sends() == [LATE]
        wait_until(daemon, TWO + hours(30))
        assert daemon.sends() == []
        put_out(daemon.lake(), TOMORROW)
        daemon.sync(day=TOMORROW, run_tags=BY_HAND)
        assert daemon.sends() == [NORMAL]

    @pytest.mark.parametrize(
        ("schedule", "gap"), [("0 2,10,16 * * *", hours(10)), ("0 2 * * *", None)]
    )
    def test_with_several_ticks_is_late_if_none_of_them_publishes_for_the_largest_gap(
        self, daemon: Daemon, schedule: str, gap: timedelta | None
    ) -> None:
        daemon.organizations = [company(schedule=schedule)]
        daemon.sync()
        put_out(daemon.lake(), DAY, since=TWO)
        if gap is None:
            wait_until(daemon, TWO + hours(23))
            assert daemon.sends() == []
            return
        wait_until(daemon, TWO + gap + hours(6) - timedelta(minutes=1))
        assert daemon.sends() == []
        wait_until(daemon, TWO + gap + hours(6))
        first, *_ = daemon.message().splitlines()
        assert first == "It was due at 10:00 EST, 8 hours ago, and no sync of it was started."
        daemon.sync()
        put_out(daemon.lake(), DAY, since=TWO + hours(16))
        assert daemon.sends() == [NORMAL]

    def test_is_told_when_its_sync_hangs(self, daemon: Daemon) -> None:
        record_run(daemon.instance, "acme", more_tags=BY_SCHEDULE)
        wait_until(daemon, TWO + hours(6))
        assert "its sync has been running since 02:00 EST." in daemon.message()

    def test_is_told_when_a_person_left_it_unfinished(self, daemon: Daemon) -> None:
        daemon.instance.report_run_canceled(record_run(daemon.instance, "acme"))
        wait_until(daemon, TWO + hours(6))
        assert "its last sync was canceled by a person." in daemon.message()

    def test_is_not_told_beside_the_failure_that_explains_it(self, daemon: Daemon) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.sends() == [FAILED]
        wait_until(daemon, TWO + hours(8))
        assert daemon.sends() == []

    def test_is_not_told_of_yesterday_while_todays_sync_begins(self, daemon: Daemon) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.sends() == [FAILED]
        wait_until(daemon, TWO + hours(24))
        record_run(daemon.instance, "acme", day=str(TOMORROW), more_tags=BY_SCHEDULE)
        assert daemon.sends() == []

    def test_is_told_only_after_a_daemon_that_was_down_has_caught_up(self, daemon: Daemon) -> None:
        daemon.clock.move_to(TWO + hours(9))
        assert daemon.sends() == []
        catching_up = record_run(daemon.instance, "acme", more_tags=BY_SCHEDULE)
        start(daemon.instance, catching_up)
        daemon.clock.shift(hours(0.2))
        assert daemon.sends() == []
        put_out(daemon.lake(), DAY)
        succeed(daemon.instance, catching_up)
        assert daemon.sends() == []

    def test_that_was_told_is_not_over_because_the_daemon_was_down(self, daemon: Daemon) -> None:
        daemon.sync()
        put_out(daemon.lake(), DAY)
        wait_until(daemon, TWO + hours(30))
        assert daemon.sends() == ["acme: 2026-11-24 is late"]
        daemon.clock.shift(hours(5))
        assert daemon.sends() == []

    @pytest.mark.parametrize(
        "settings",
        [{"enabled": False}, {"first_day": "2026-11-24"}],
        ids=["not enabled", "before the first day"],
    )
    def test_is_none_that_nobody_waits_for(
        self, daemon: Daemon, settings: Mapping[str, object]
    ) -> None:
        daemon.organizations = [company(**settings)]
        wait_until(daemon, TWO + hours(8))
        assert daemon.sends() == []

    def test_is_none_of_an_organization_that_has_just_been_connected(self, daemon: Daemon) -> None:
        daemon.organizations = [company("globex")]
        wait_until(daemon, TWO + hours(8))
        assert daemon.sends() == []

    @pytest.mark.parametrize(
        ("schedule", "due"),
        [("0 20 * * *", datetime(2026, 11, 25, 7, tzinfo=UTC)), ("0 0 * * *", TWO + hours(28))],
        ids=["in the evening", "at midnight"],
    )
    def test_is_counted_from_its_own_tick(
        self, daemon: Daemon, schedule: str, due: datetime
    ) -> None:
        daemon.organizations = [company(schedule=schedule)]
        put_out(daemon.lake(), DAY)
        wait_until(daemon, due - timedelta(minutes=1))
        assert daemon.sends() == []
        wait_until(daemon, due)
        assert daemon.sends() == ["acme: 2026-11-24 is late"]


class TestTelling:
    def test_is_said_in_words_without_the_url(self, daemon: Daemon) -> None:
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        daemon.board.status = 500
        assert daemon.words() == (
            "acme: target 1 of `notify` did not take a message; it is retried at the next evaluation"
        )
        daemon.board.status = 200
        assert daemon.words() == f"sent to target 1 of `notify`: {FAILED}"
        assert daemon.board.paths == [f"/{SECRET}/"] * 2

    def test_leaves_organizations_without_targets_alone(self, daemon: Daemon) -> None:
        daemon.organizations = [company(notify=[])]
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert daemon.words() == "nothing new to report"

    def test_of_one_organization_is_not_stopped_by_another(self, daemon: Daemon) -> None:
        daemon.organizations = [company("globex"), company()]
        (daemon.lake("globex").scratch / "notices.lock").mkdir(parents=True)
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        daemon.words()
        assert sorted(daemon.board.news()) == [FAILED, UNREADABLE.replace("acme", "globex")]

    def test_whose_state_is_of_a_newer_version_is_sent_once(self, daemon: Daemon) -> None:
        state = daemon.lake().scratch / "notices.json"
        state.write_text('{"format": 99}')
        daemon.sync(TOKEN_GONE, failure=names.PERMANENT)
        assert sorted(daemon.sends()) == sorted([UNREADABLE, FAILED])
        assert daemon.sends() == []
        assert state.read_text() == '{"format": 99}'
        state.unlink()
        assert daemon.sends() == []
        assert "failed" in state.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("fault", "subject", "what", "remedy"),
    [
        (
            "invalid-token",
            FAILED,
            "okta: Okta does not accept the API token",
            "In Okta's Admin Console open Security > API > Tokens",
        ),
        ("restricted-admin", HELD, "okta: ", "`opensense-okta approve acme --date 2026-11-23"),
    ],
)
def test_what_goes_wrong_in_real_syncs_and_its_end_are_told(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    subject: str,
    what: str,
    remedy: str,
) -> None:
    with (
        a_noticeboard() as board,
        a_company(tmp_path, notify=[{"env": "ACME_PAGER"}]) as acme,
    ):
        monkeypatch.setenv("ACME_PAGER", board.url)
        sensor = acme.definitions.get_repository_def().get_sensor_def("notices")
        acme.okta.faults.append(make_fault(fault, times=None))
        acme.run(run_tags=BY_SCHEDULE)
        evaluate(sensor, acme.instance)
        (wrong,) = board.posts
        assert wrong["title"] == subject
        assert wrong["message"].startswith(what)
        assert remedy in wrong["message"]
        acme.okta.faults.clear()
        acme.run()
        evaluate(sensor, acme.instance)
        _, well = board.posts
        assert well["title"] == NORMAL
        assert "Published is the directory of 2026-11-23 (today's)." in well["message"]
        assert all(SECRET not in path.read_text(errors="replace") for path in files(tmp_path))


class TestAFileWithMistakes:
    def test_is_reported_while_its_last_valid_version_counts(self, daemon: Daemon) -> None:
        daemon.mistakes = mistakes_of(daemon.root, "timezone: Mars/Olympus")
        assert daemon.message().splitlines() == [
            "acme.yaml:1: timezone must be an IANA time zone such as America/New_York",
            "acme.yaml:1: first_day is missing; it is required",
            "acme.yaml:1: directories is missing; it is required",
            "The last valid version of the file counts until then.",
            "Published is the directory of 2026-11-22 (1 day old).",
            "What to do: correct acme.yaml, then reload the definitions in Dagster's UI.",
        ]
        assert daemon.sends() == []  # it is reported once
        daemon.mistakes = {}
        daemon.sync()
        assert daemon.sends() == [NORMAL]

    def test_is_reported_without_a_valid_version_if_notify_can_be_read(
        self, daemon: Daemon
    ) -> None:
        daemon.organizations = []
        daemon.mistakes = mistakes_of(daemon.root, "notify: [{env: ACME_PAGER}]")
        assert "Nothing is synced until then" in daemon.message()
        assert daemon.sends() == []

    def test_without_a_target_reports_to_nobody(self, daemon: Daemon) -> None:
        daemon.organizations = []
        daemon.mistakes = mistakes_of(daemon.root, "notify: [{env: 1}]")
        assert daemon.sends() == []


def mistakes_of(folder: Path, text: str) -> dict[str, OrganizationFileError]:
    """The mistakes of acme's file with this text."""
    organizations = folder / "organizations"
    organizations.mkdir(exist_ok=True)
    (organizations / "acme.yaml").write_text(text)
    error = load_organizations(organizations)["acme"]
    assert isinstance(error, OrganizationFileError)
    return {"acme": error}


def evaluate(
    sensor: dg.SensorDefinition,
    instance: dg.DagsterInstance,
    cursors: list[str | None] | None = None,
) -> str:
    """What the sensor says of one evaluation; the last cursor is passed on."""
    cursors = [None] if cursors is None else cursors
    with dg.build_sensor_context(instance=instance, cursor=cursors[-1]) as context:
        ended = sensor.evaluate_tick(context)
    cursors.append(ended.cursor)
    return ended.skip_message or ""


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_the_sensor_runs_without_being_switched_on(tmp_path: Path) -> None:
    sensor = build_notice_sensor({"acme": company()}, lambda name: Lake(tmp_path, name))
    assert sensor.name == "notices"
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    assert sensor.minimum_interval_seconds == 600


def test_a_refused_sync_is_notified_also_if_the_store_of_the_lake_does_not_answer(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_of: object) -> None:
        raise StoreTrouble("The object store did not carry out the request.")

    monkeypatch.setattr("opensense_okta.orchestration.notifications.save", silent)
    refused = UserError("PostgreSQL cannot be used.", remedy="start it.")
    (sent,) = notify_of_refusal(company(), daemon.lake(), DAY, refused)
    assert sent.startswith("sent to target 1 of `notify`")
    (post,) = daemon.board.posts
    assert "PostgreSQL cannot be used." in post["message"]
