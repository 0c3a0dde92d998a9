"""Whether a failed run is notified as one that is retried: what Dagster's instance shows decides."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine

from opensense_okta.orchestration import names
from opensense_okta.orchestration.notifications import build_notice_sensor, notify_after_run
from opensense_okta.storage.lake import Lake
from tests.orchestration.test_notifications import TWO, company, evaluate
from tests.support.noticeboard import Noticeboard, a_noticeboard, put_out
from tests.support.run_records import beat, fail, record_run, switch_off

A_TIMEOUT = {names.FAILURE: names.TRANSIENT}


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Iterator[Noticeboard]:
    with a_noticeboard() as board, time_machine.travel(TWO, tick=False):
        monkeypatch.setenv("ACME_PAGER", board.url)
        yield board


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    lake = Lake(tmp_path / "lake", "acme")
    put_out(lake, date(2026, 11, 22))
    return lake


@pytest.fixture
def instance(board: Noticeboard, tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance that stores which sensors are switched off."""
    del board
    (tmp_path / "home").mkdir()
    with dg.DagsterInstance.local_temp(str(tmp_path / "home")) as instance:
        yield instance


def test_with_the_sensor_switched_off_a_transient_failure_is_notified_at_once(
    instance: dg.DagsterInstance, lake: Lake, board: Noticeboard
) -> None:
    beat(instance)
    switch_off(instance, names.RETRIES)
    fail(instance, record_run(instance, "acme"), A_TIMEOUT)
    evaluate(build_notice_sensor({"acme": company()}, lambda _name: lake), instance)
    (post,) = board.posts
    assert post["title"] == "acme: the sync of 2026-11-23 failed"
    assert (
        "It is not retried, because Dagster's daemon does not run with the sensor `retries`"
        in (post["message"])
    )


def test_with_the_sensor_on_nobody_is_notified_before_the_last_attempt(
    instance: dg.DagsterInstance, lake: Lake, board: Noticeboard
) -> None:
    beat(instance)  # the sensor `notices` has never been evaluated
    fail(instance, record_run(instance, "acme"), A_TIMEOUT)
    assert notify_after_run(instance, company(), lake) == []
    assert board.posts == []


def test_where_the_daemon_has_ended_it_is_notified_at_once(
    instance: dg.DagsterInstance, lake: Lake, board: Noticeboard
) -> None:
    beat(instance)
    evaluate(build_notice_sensor({"acme": company()}, lambda _name: lake), instance)
    with time_machine.travel(TWO + timedelta(minutes=20), tick=False):
        fail(instance, record_run(instance, "acme"), A_TIMEOUT)
        notify_after_run(instance, company(), lake)
    assert board.news() == ["acme: the sync of 2026-11-23 failed"]
