"""An organization that two code locations have."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.scheduler.instigation import InstigatorStatus

from opensense_okta.orchestration import names
from opensense_okta.orchestration.instance.locations import examine_locations
from tests.support.run_records import find_schedule

SYNC, RETENTION = names.sync_schedule("acme"), names.retention_schedule("acme")


@pytest.fixture
def instance(tmp_path: Path) -> Iterator[dg.DagsterInstance]:
    """An instance with a storage for schedules."""
    with dg.instance_for_test(temp_dir=str(tmp_path)) as instance:
        yield instance


def test_the_code_locations_that_both_have_an_organization_are_named(
    instance: dg.DagsterInstance,
) -> None:
    for location in ("okta-b", "okta-a"):
        find_schedule(instance, SYNC, location)
    (found,) = examine_locations(instance, "acme")
    assert (found.name, found.outcome) == ("code locations", "warning")
    assert found.message.startswith("the code locations okta-a, okta-b have this organization")
    assert "of all but one" in found.hint


def test_one_code_location_with_two_schedules_is_not_named(instance: dg.DagsterInstance) -> None:
    find_schedule(instance, SYNC, "okta-a")
    find_schedule(instance, RETENTION, "okta-a")
    find_schedule(instance, names.sync_schedule("globex"), "okta-b")
    assert list(examine_locations(instance, "acme")) == []


def test_a_schedule_that_a_person_has_stopped_starts_nothing(instance: dg.DagsterInstance) -> None:
    find_schedule(instance, SYNC, "okta-a")
    find_schedule(instance, SYNC, "okta-b", InstigatorStatus.STOPPED)
    assert list(examine_locations(instance, "acme")) == []


def test_an_instance_in_memory_has_no_schedules() -> None:
    with dg.DagsterInstance.ephemeral() as instance:
        assert list(examine_locations(instance, "acme")) == []
