"""A run with assets of two organizations: what follows is decided for each of them."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import dagster as dg
import pytest
import time_machine

from opensense_okta.orchestration import names
from opensense_okta.orchestration.attempts import Decision, Nothing, Retry, Wait, decide
from opensense_okta.orchestration.failures import tag_failure
from opensense_okta.orchestration.run_status import status_of
from opensense_okta.orchestration.runs import RunFacts, read_run, runs_of
from opensense_okta.storage.lake import Lake
from tests.orchestration.test_retries import company
from tests.support.run_records import fail, record_materialize, step_fails, step_succeeds

DAY = date(2026, 11, 23)
TWO = datetime(2026, 11, 23, 7, tzinfo=UTC)
SELECTED = [
    *(f"globex/hr/{table}" for table in ("raw_users", "raw_groups", "memberships")),
    "acme/resolved_directory",
]
READ, PUBLISH = "globex__read__hr", "acme__resolved_directory"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance, time_machine.travel(TWO, tick=False):
        yield instance


@pytest.fixture
def run(instance: dg.DagsterInstance) -> dg.DagsterRun:
    return record_materialize(instance, SELECTED)


def facts(instance: dg.DagsterInstance, organization: str) -> RunFacts:
    (found,) = runs_of(instance, company(organization), DAY)
    return found


def decided(instance: dg.DagsterInstance, organization: str, after: timedelta) -> Decision:
    configured = company(organization)
    runs = runs_of(instance, configured, DAY)
    ends = configured.end_of(DAY)
    return decide(organization, DAY, runs, now=TWO + after, day_ends=ends)


def test_a_read_is_retried_although_the_other_organization_is_held(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    tag_failure(instance, run.run_id, "acme", names.HELD)
    tag_failure(instance, run.run_id, "globex", names.TRANSIENT)
    fail(instance, run, {})
    assert facts(instance, "acme").held
    assert not facts(instance, "globex").held
    assert isinstance(decided(instance, "acme", timedelta(minutes=1)), Nothing)
    retry = decided(instance, "globex", timedelta(minutes=1))
    assert isinstance(retry, Retry)
    assert retry.selection is not None
    assert retry.selection.assets == {tuple(asset.split("/")) for asset in SELECTED[:3]}


def test_a_permanent_error_is_notified_although_the_other_organization_is_held(
    instance: dg.DagsterInstance, run: dg.DagsterRun, tmp_path: Path
) -> None:
    tag_failure(instance, run.run_id, "acme", names.HELD)
    tag_failure(instance, run.run_id, "globex", names.PERMANENT)
    step_fails(instance, run, PUBLISH)
    step_fails(instance, run, READ)
    fail(instance, run, {})
    lake = Lake(tmp_path, "globex")
    status = status_of(instance, company("globex"), lake, TWO, watched=False, retried=True)
    assert [(incident.kind, incident.key.split()[1]) for incident in status.troubles] == [
        ("failed", "hr")
    ]


def test_an_organization_that_is_done_is_not_retried_because_the_other_failed(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    tag_failure(instance, run.run_id, "globex", names.TRANSIENT)
    step_succeeds(instance, run, PUBLISH)
    fail(instance, run, {})
    assert facts(instance, "acme").status is dg.DagsterRunStatus.SUCCESS
    assert facts(instance, "globex").status is dg.DagsterRunStatus.FAILURE


def test_an_organization_that_a_killed_run_did_not_reach_is_retried(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    tag_failure(instance, run.run_id, "globex", names.PERMANENT)
    fail(instance, run, {})
    assert facts(instance, "acme").status is dg.DagsterRunStatus.FAILURE
    assert not isinstance(decided(instance, "acme", timedelta(minutes=1)), Nothing | Wait)


def test_the_reset_of_one_api_does_not_delay_the_other_organization(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    reset = (TWO + timedelta(minutes=40)).isoformat()
    tag_failure(instance, run.run_id, "acme", names.TRANSIENT)
    tag_failure(instance, run.run_id, "globex", names.TRANSIENT)
    of_globex = names.tag_of(names.RETRY_AT, "globex")
    fail(instance, run, {names.RETRY_AT: reset, of_globex: reset})
    assert facts(instance, "acme").retry_at is None
    assert facts(instance, "globex").retry_at == TWO + timedelta(minutes=40)


def test_a_tag_that_an_earlier_version_wrote_counts_for_both(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    fail(instance, run, {names.FAILURE: names.HELD})
    assert facts(instance, "acme").held
    assert facts(instance, "globex").held


def test_the_tag_of_the_whole_run_is_still_written(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    for organization, failure in (("globex", names.TRANSIENT), ("acme", names.PERMANENT)):
        tag_failure(instance, run.run_id, organization, failure)
    tagged = instance.get_run_by_id(run.run_id)
    assert tagged is not None
    assert tagged.tags[names.FAILURE] == names.TRANSIENT


def test_what_is_re_executed_reads_again_only_where_the_day_was_held(
    instance: dg.DagsterInstance, run: dg.DagsterRun
) -> None:
    tag_failure(instance, run.run_id, "acme", names.HELD)
    tag_failure(instance, run.run_id, "globex", names.TRANSIENT)
    fail(instance, run, {})
    again = dg.DagsterRun(
        "__ASSET_JOB", tags={names.PARENT_RUN: run.run_id, names.ROOT_RUN: run.run_id}
    )
    assert read_run(instance, again, "globex", full=False).attempt_group == run.run_id
    assert read_run(instance, again, "acme", full=False).attempt_group == again.run_id
