"""Which runs read a day around its end: retries and re-executions of its syncs, and nobody else."""

from datetime import UTC, datetime

import time_machine

from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.orchestration import names
from opensense_okta.simulator.okta.faults import make_fault
from tests.support.company import DAY, READ, RESOLVED, Company, Run

TEN_TO = datetime(2026, 11, 23, 23, 50, tzinfo=UTC)
HALF_PAST = datetime(2026, 11, 24, 0, 30, tzinfo=UTC)


def failed_before_midnight(acme: Company) -> Run:
    """A sync that was begun ten minutes before midnight, and failed with a transient error."""
    fault = make_fault("repeated-cursor", times=None)
    acme.okta.faults.append(fault)
    with time_machine.travel(TEN_TO):
        run = acme.run(only=READ)
    acme.okta.faults.remove(fault)
    assert run.failure == names.TRANSIENT
    return run


def test_a_retry_after_midnight_reads_the_day(acme: Company) -> None:
    failed = failed_before_midnight(acme)
    with time_machine.travel(HALF_PAST):
        retry = acme.run(run_tags={names.ATTEMPT_GROUP: failed.id, names.ATTEMPT: "2"}, only=READ)
    assert retry.succeeded
    manifest = acme.lake.snapshot("okta", DAY).manifest(SnapshotManifest)
    assert manifest
    assert manifest.run_id == retry.id


def test_a_re_execution_after_midnight_reads_the_day(acme: Company) -> None:
    failed = failed_before_midnight(acme)
    with time_machine.travel(HALF_PAST):
        again = acme.run(
            run_tags={names.ROOT_RUN: failed.id, names.PARENT_RUN: failed.id}, only=READ
        )
    assert again.succeeded


def test_a_new_run_of_yesterday_reads_nothing(acme: Company) -> None:
    acme.okta.requests.clear()
    with time_machine.travel(HALF_PAST):
        run = acme.run()
    assert run.failure == names.PERMANENT
    assert "There is no snapshot of 2026-11-23" in run.words()
    assert acme.okta.requests == []


def test_a_new_run_of_yesterday_resolves_what_is_stored(acme: Company) -> None:
    acme.keep(DAY)
    with time_machine.travel(HALF_PAST):
        run = acme.run(only=[*READ, *RESOLVED])
    assert run.succeeded, run.words()
    assert acme.okta.requests == []


def test_a_re_execution_of_a_held_run_reads_again(synced_acme: Company) -> None:
    acme = synced_acme
    fault = make_fault("restricted-admin", times=None)
    acme.okta.faults.append(fault)
    held = acme.run()
    assert held.failure == names.HELD
    acme.okta.faults.remove(fault)
    again = acme.run(run_tags={names.ROOT_RUN: held.id, names.PARENT_RUN: held.id})
    assert again.succeeded, again.words()


def test_a_re_execution_of_a_failed_run_uses_what_it_has_read(acme: Company) -> None:
    first = acme.run(only=READ)
    acme.instance.add_run_tags(first.id, {names.FAILURE: names.TRANSIENT})
    acme.okta.requests.clear()
    retry = acme.run(run_tags={names.ATTEMPT_GROUP: first.id, names.ATTEMPT: "2"}, only=READ)
    assert retry.succeeded
    assert acme.okta.requests == []
