"""What a failed run says of the future is what happens."""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
import time_machine

from opensense_okta.orchestration import names
from opensense_okta.orchestration.attempts import MAX_ATTEMPTS
from opensense_okta.orchestration.retries import describe_follow_up, describe_next, retries_are_on
from tests.orchestration.test_retries import company
from tests.support.run_records import beat, fail, record_materialize, record_run

DAY = date(2026, 11, 23)
TWO = datetime(2026, 11, 23, 7, tzinfo=UTC)  # two o'clock in New York
HR_TABLES = ["acme/hr/raw_users", "acme/hr/raw_groups", "acme/hr/memberships"]


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(TWO, tick=False) as traveller:
        yield traveller


@pytest.fixture
def instance(clock: time_machine.Traveller) -> Iterator[dg.DagsterInstance]:
    del clock
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


def said(instance: dg.DagsterInstance, run: dg.DagsterRun, retry_at: datetime | None = None) -> str:
    """What the run says when it fails now."""
    return describe_follow_up(instance, company("acme"), DAY, run.run_id, retry_at)


def sync(instance: dg.DagsterInstance, run_tags: Mapping[str, str] | None = None) -> dg.DagsterRun:
    """A sync that is at work."""
    return record_run(instance, "acme", more_tags=run_tags)


def test_without_a_daemon_nothing_is_promised(instance: dg.DagsterInstance) -> None:
    assert said(instance, sync(instance)) == (
        "It is not retried: Dagster's daemon does not run with the sensor `retries` on. To start it"
        " again: opensense-okta sync acme."
    )


def test_a_daemon_that_was_alive_long_ago_does_not_count(
    instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    beat(instance)
    assert retries_are_on(instance, datetime.now(UTC))
    clock.shift(timedelta(minutes=11))
    assert not retries_are_on(instance, datetime.now(UTC))


def test_the_next_attempt_is_named_with_its_time(instance: dg.DagsterInstance) -> None:
    beat(instance)
    assert said(instance, sync(instance)) == (
        "The sync of 2026-11-23 failed: attempt 2 of 6 starts at 02:01 EST."
    )


def test_the_time_is_the_apis_if_that_is_later(instance: dg.DagsterInstance) -> None:
    beat(instance)
    words = said(instance, sync(instance), retry_at=TWO + timedelta(minutes=40))
    assert words.endswith("attempt 2 of 6 starts at 02:40 EST.")


def test_the_last_attempt_says_that_the_stored_snapshots_are_resolved(
    instance: dg.DagsterInstance,
) -> None:
    beat(instance)
    last = {names.ATTEMPT_GROUP: "first", names.ATTEMPT: str(MAX_ATTEMPTS)}
    assert said(instance, sync(instance, last)) == (
        "The sync of 2026-11-23 failed and is not retried: all 6 attempts failed; the stored snapshots"
        " of all directories are resolved instead."
    )


def test_the_last_attempt_of_materialize_says_that_nothing_follows(
    instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    clicked = record_materialize(instance, HR_TABLES)
    clock.shift(timedelta(days=2))
    beat(instance)
    assert said(instance, clicked) == (
        "The run of 2026-11-23 failed and is not retried: the time to read the day ends before the next"
        " attempt."
    )


def test_a_run_of_materialize_that_a_newer_one_repeats_says_so(
    instance: dg.DagsterInstance, clock: time_machine.Traveller
) -> None:
    beat(instance)
    clicked = record_materialize(instance, HR_TABLES)
    clock.shift(timedelta(seconds=1))
    sync(instance)
    assert said(instance, clicked) == "It is not retried: a newer run makes the same."


def test_an_organization_that_is_not_enabled_is_retried_all_the_same(
    instance: dg.DagsterInstance,
) -> None:
    beat(instance)
    run = record_run(instance, "disabled")
    words = describe_follow_up(instance, company("disabled", enabled=False), DAY, run.run_id, None)
    assert words.endswith("attempt 2 of 6 starts at 02:01 EST.")


# What the check `published` says of the time after a run that publishes a day or does not.


def test_after_a_good_sync_the_schedules_next_one_follows(instance: dg.DagsterInstance) -> None:
    beat(instance)
    words = describe_next(instance, company("acme"), DAY, sync(instance).run_id)
    assert words == "the schedule starts the next sync at 2026-11-24 02:00 EST"


def test_after_resolving_a_day_whose_sync_failed_its_next_attempt_follows(
    instance: dg.DagsterInstance,
) -> None:
    beat(instance)
    failed = sync(instance)
    fail(instance, failed, {names.FAILURE: names.TRANSIENT})
    tags = {names.ATTEMPT_GROUP: failed.run_id}
    resolved = record_run(instance, "acme", job="resolve", more_tags=tags)
    words = describe_next(instance, company("acme"), DAY, resolved.run_id)
    assert words == "the sync of 2026-11-23 failed: attempt 2 of 6 starts at 02:01 EST"


def test_without_a_daemon_no_sync_follows(instance: dg.DagsterInstance) -> None:
    words = describe_next(instance, company("acme"), DAY, sync(instance).run_id)
    assert words == (
        "Dagster's daemon does not run, so no sync starts by itself; to start one: opensense-okta sync"
        " acme"
    )
