"""What people are told: once per cause, in words they can act on, at every place they look at."""

import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from opensense_okta.config.secret import Secret
from opensense_okta.publishing.notifications.delivery import Delivery, deliver
from opensense_okta.publishing.notifications.state import (
    REMINDER,
    Incident,
    Kind,
    Status,
    held_back,
    pending,
    save,
    stored_state,
    unreadable,
)
from opensense_okta.publishing.published import published
from opensense_okta.storage.files import make_private_dir
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.state_files import StateFileTooNew
from tests.support.noticeboard import DAY, SECRET, Noticeboard, a_noticeboard, judgement, put_out

THREE = datetime(2026, 11, 23, 3, tzinfo=UTC)
PAGER, CHAT = Secret(env="ACME_PAGER"), Secret(env="ACME_CHAT")
SOON = timedelta(seconds=10)


def days(number: int) -> timedelta:
    return timedelta(days=number)


def trouble(key: str = "token", *, kind: Kind = "failed", day: date = DAY) -> Incident:
    return Incident(kind, key, day, f"okta: {key}.", "Nothing is used.", "mend it.", "r1")


def news(*troubles: Incident, today: date = DAY, complete: bool = True) -> Status:
    return Status(today, troubles, complete)


ALL_WELL = news()
GOING_ON = news(complete=False)


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Noticeboard]:
    with a_noticeboard() as board:
        monkeypatch.setenv("ACME_PAGER", board.url)
        yield board


@pytest.fixture
def chat(monkeypatch: pytest.MonkeyPatch) -> Iterator[Noticeboard]:
    with a_noticeboard() as board:
        monkeypatch.setenv("ACME_CHAT", board.url)
        yield board


def look(
    lake: Lake,
    found: Status,
    *,
    after: timedelta = timedelta(0),
    targets: tuple[Secret, ...] = (PAGER,),
    timeout: timedelta = SOON,
) -> list[Delivery]:
    """Tells what is to be told, as the sensor does, so long after three o'clock of the first day."""
    now = THREE + after
    known, over = stored_state(lake)
    posts = pending(lake, targets, known, found, now)
    deliveries = deliver(posts, timeout)
    done = zip(posts, deliveries, strict=True)
    save(lake, [(post, delivery.delivered) for post, delivery in done], now, over)
    return deliveries


FAILED = "acme: the sync of 2026-11-23 failed"
NORMAL = "acme: back to normal"


def test_an_organization_whose_data_cannot_be_read_is_told_once(
    lake: Lake, board: Noticeboard
) -> None:
    make_private_dir(lake.scratch)
    (lake.scratch / "published.json").write_text('{"format": 3}')
    with pytest.raises(StateFileTooNew) as raised:
        published(lake)
    for _ in range(2):
        look(lake, unreadable(DAY, raised.value))
    assert board.news() == ["acme: its stored data cannot be read"]
    (lake.scratch / "published.json").unlink()
    look(lake, unreadable(DAY, PermissionError(13, "Permission denied", str(lake.scratch))))
    assert board.news() == ["acme: its stored data cannot be read"]


class TestOneCause:
    def test_is_told_once_and_its_end_once(self, lake: Lake, board: Noticeboard) -> None:
        look(lake, ALL_WELL)
        assert board.news() == []
        look(lake, news(trouble()))
        assert board.news() == [FAILED]
        look(lake, news(trouble()))
        look(lake, GOING_ON, after=days(1))
        look(lake, news(trouble(day=DAY + days(1))), after=days(1))
        assert board.news() == []
        look(lake, ALL_WELL, after=days(2))
        assert board.news() == [NORMAL]
        look(lake, ALL_WELL, after=days(3))
        assert board.news() == []

    def test_is_told_again_after_a_week_with_the_day_it_began(
        self, lake: Lake, board: Noticeboard
    ) -> None:
        look(lake, news(trouble()))
        board.news()
        later = DAY + days(7)
        look(lake, news(trouble(day=later)), after=REMINDER - timedelta(minutes=1))
        assert board.news() == []
        look(lake, news(trouble(day=later)), after=REMINDER)
        assert board.news() == ["acme: the sync of 2026-11-30 failed, as since 2026-11-23"]
        look(lake, news(trouble(day=later)), after=REMINDER + days(1))
        assert board.news() == []

    def test_is_told_anew_when_it_comes_back(self, lake: Lake, board: Noticeboard) -> None:
        for found in (news(trouble()), ALL_WELL, news(trouble())):
            look(lake, found)
        assert board.news() == [FAILED, NORMAL, FAILED]


class TestAnotherCause:
    def test_is_told_too(self, lake: Lake, board: Noticeboard) -> None:
        look(lake, news(trouble("token")))
        look(lake, news(trouble("token"), trouble("guards", kind="held")))
        assert board.news() == [FAILED, "acme: 2026-11-23 is held back"]

    def test_ends_the_one_before_without_a_word_as_all_is_not_well(
        self, lake: Lake, board: Noticeboard
    ) -> None:
        look(lake, news(trouble("token")))
        look(lake, news(trouble("role")))
        board.news()
        look(lake, news(trouble("token")))
        assert board.news() == [FAILED]

    def test_that_is_all_that_is_known_does_not_end_the_one_before(
        self, lake: Lake, board: Noticeboard
    ) -> None:
        look(lake, news(trouble("token")))
        look(lake, news(trouble("late", kind="late"), complete=False))
        assert board.news() == [FAILED, "acme: 2026-11-23 is late"]
        look(lake, news(trouble("token")))
        assert board.news() == []


class TestAMessage:
    def test_says_what_happened_what_it_means_what_is_published_and_what_to_do(
        self, lake: Lake, board: Noticeboard
    ) -> None:
        put_out(lake, DAY - days(1))
        look(lake, news(trouble()))
        (post,) = board.posts
        assert post["type"] == "failure"
        assert post["message"].splitlines() == [
            "okta: token.",
            "Nothing is used.",
            "Published is the directory of 2026-11-22 (1 day old).",
            "What to do: mend it.",
            "The run in Dagster's UI: /runs/r1",
        ]

    @pytest.mark.parametrize(
        ("day", "okta_of", "words"),
        [
            (None, None, "Nothing is published yet."),
            (DAY, None, "Published is the directory of 2026-11-23 (today's)."),
            (DAY - days(12), None, "Published is the directory of 2026-11-11 (12 days old)."),
            (
                DAY,
                DAY - days(3),
                "Published is the directory of 2026-11-23 (today's), with okta as it was on 2026-11-20.",
            ),
        ],
    )
    def test_tells_the_age_of_what_is_published(
        self, lake: Lake, board: Noticeboard, day: date | None, okta_of: date | None, words: str
    ) -> None:
        if day:
            put_out(lake, day, okta_of=okta_of)
        look(lake, news(trouble()))
        assert words in board.posts[0]["message"].splitlines()

    def test_of_the_return_names_what_is_over(self, lake: Lake, board: Noticeboard) -> None:
        look(lake, news(trouble(), trouble("guards", kind="held")))
        put_out(lake, DAY + days(1))
        board.news()
        look(lake, news(today=DAY + days(1)), after=days(1))
        (post,) = board.posts
        assert post["type"] == "success"
        assert post["message"].splitlines() == [
            "What was reported is over: the sync of 2026-11-23 failed; 2026-11-23 is held back.",
            "Published is the directory of 2026-11-24 (today's).",
            "There is nothing to do.",
        ]


class TestAHeldDay:
    def test_is_told_with_its_numbers_and_how_to_let_it_through(
        self, lake: Lake, board: Noticeboard
    ) -> None:
        put_out(lake, DAY - days(1))
        look(lake, news(held_back("acme", judgement(removed=412), published(lake))))
        (post,) = board.posts
        assert post["title"] == "acme: 2026-11-23 is held back"
        assert post["type"] == "warning"
        assert "412 of 1,000 active people are gone or inactive." in post["message"]
        assert "opensense-okta approve acme --date 2026-11-23 --by" in post["message"]
        assert "Published is the directory of 2026-11-22 (1 day old)." in post["message"]

    def test_is_the_same_cause_whatever_the_numbers_and_the_day(self) -> None:
        first = held_back("acme", judgement(removed=412), None)
        second = held_back("acme", judgement(DAY + days(1), removed=415), None)
        assert first.key == second.key

    def test_is_another_cause_when_other_guards_or_checks_trip(self) -> None:
        found = [
            judgement(removed=412),
            judgement(unproven="complete"),
            judgement(unproven="everyone_present"),
            judgement(removed=412, unproven="complete"),
        ]
        assert len({held_back("acme", one, None).key for one in found}) == len(found)


class TestATarget:
    def test_that_fails_is_told_at_the_next_look_and_the_others_are_not_told_twice(
        self, lake: Lake, board: Noticeboard, chat: Noticeboard
    ) -> None:
        chat.status = 500
        deliveries = look(lake, news(trouble()), targets=(PAGER, CHAT))
        assert [one.trouble for one in deliveries] == [None, "did not take a message"]
        chat.status = 200
        look(lake, news(trouble()), targets=(PAGER, CHAT))
        assert board.subjects == chat.subjects == [FAILED]

    def test_that_fails_at_the_return_is_told_of_it_later(
        self, lake: Lake, board: Noticeboard
    ) -> None:
        look(lake, news(trouble()))
        board.status = 500
        look(lake, ALL_WELL)
        board.status = 200
        look(lake, ALL_WELL)
        assert board.subjects == [FAILED, NORMAL]

    def test_that_missed_a_cause_altogether_does_not_hear_of_its_end(
        self, lake: Lake, board: Noticeboard
    ) -> None:
        board.status = 500
        look(lake, news(trouble()))
        board.status = 200
        look(lake, ALL_WELL)
        assert board.subjects == []

    def test_gets_the_first_messages_only_once_when_a_later_one_fails(
        self, lake: Lake, board: Noticeboard, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        look(lake, news(trouble("token")))
        monkeypatch.delenv("ACME_PAGER")
        look(lake, news(trouble("token"), trouble("role")))
        monkeypatch.setenv("ACME_PAGER", board.url)
        look(lake, news(trouble("token"), trouble("role")))
        assert [post["message"].splitlines()[0] for post in board.posts] == [
            "okta: token.",
            "okta: role.",
        ]

    def test_that_is_new_hears_of_what_is_wrong_already(
        self, lake: Lake, board: Noticeboard, chat: Noticeboard
    ) -> None:
        look(lake, news(trouble()))
        look(lake, news(trouble()), targets=(CHAT, PAGER))
        assert board.subjects == chat.subjects == [FAILED]

    def test_that_is_listed_twice_is_told_once(self, lake: Lake, board: Noticeboard) -> None:
        look(lake, news(trouble()), targets=(PAGER, PAGER))
        assert board.subjects == [FAILED]

    def test_that_does_not_answer_is_given_up_and_holds_up_nobody(
        self, lake: Lake, board: Noticeboard, chat: Noticeboard
    ) -> None:
        chat.open.clear()
        deliveries = look(
            lake, news(trouble()), targets=(CHAT, PAGER), timeout=timedelta(seconds=1)
        )
        assert [one.trouble for one in deliveries] == ["did not answer in time", None]
        assert board.subjects == [FAILED]

    def test_is_not_followed_elsewhere(self, lake: Lake, board: Noticeboard) -> None:
        board.status = 302
        (delivery,) = look(lake, news(trouble()))
        assert delivery.trouble == "did not take a message"
        assert board.paths == [f"/{SECRET}/"]


@pytest.mark.parametrize(
    ("url", "words"),
    [
        (None, "has no URL: The secret's environment variable ACME_PAGER is not set"),
        (
            "foo://s3cr3t-hook",
            "is not a URL that apprise understands (environment variable ACME_PAGER)",
        ),
        ("json://", "is not a URL that apprise understands (environment variable ACME_PAGER)"),
        ("json://127.0.0.1:9/s3cr3t-hook", "did not take a message"),
        (
            "mailto://me:s3cr3t-hook@acme.test?to=you@acme.test&smtp=127.0.0.1",
            "did not take a message",
        ),
    ],
)
def test_a_url_that_does_not_work_is_told_by_its_place_and_never_written(
    lake: Lake,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    url: str | None,
    words: str,
) -> None:
    if url:
        monkeypatch.setenv("ACME_PAGER", url)
    with caplog.at_level(logging.DEBUG):
        (delivery,) = look(lake, news(trouble()))
    assert (delivery.trouble or "").startswith(words)
    written = (
        "".join(path.read_text() for path in files(lake)) + caplog.text + str(capfd.readouterr())
    )
    assert SECRET not in f"{written}{delivery}"


def test_a_target_without_a_url_is_known_before_there_is_something_to_tell(lake: Lake) -> None:
    (delivery,) = look(lake, ALL_WELL)
    assert delivery.trouble is not None
    assert delivery.trouble.startswith(
        "has no URL: The secret's environment variable ACME_PAGER is not set"
    )


def test_what_works_writes_no_secret_either(
    lake: Lake, board: Noticeboard, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        look(lake, news(trouble()))
    assert board.subjects == [FAILED]
    assert board.paths == [f"/{SECRET}/"]
    assert SECRET not in caplog.text + "".join(path.read_text() for path in files(lake))


@pytest.mark.usefixtures("board")
def test_what_was_told_is_kept_private_and_survives_a_restart(lake: Lake) -> None:
    look(lake, news(trouble()))
    (path,) = files(lake)
    assert path.name == "notices.json"
    assert path.stat().st_mode & 0o777 == 0o600
    known, _ = stored_state(Lake(lake.root, "acme"))
    assert known.targets["environment variable ACME_PAGER"]


def files(lake: Lake) -> list[Path]:
    return [path for path in lake.scratch.rglob("*") if path.is_file()]
