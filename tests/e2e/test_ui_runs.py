"""Runs that the UI starts have the guarantees of the nightly sync: real web server, daemon and processes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from opensense_okta.orchestration import names
from opensense_okta.simulator.okta.faults import make_fault
from tests.support.dagster_servers import Ui, daemon, until, web_server
from tests.support.place import Place

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def ui(place: Place) -> Iterator[Ui]:
    """The UI of a place whose organization is not enabled, so that no tick starts a run."""
    file = place.home / "organizations" / "acme.yaml"
    file.write_text(file.read_text().replace("enabled: true", "enabled: false"))
    with web_server(place) as ui:
        yield ui


def ended(instance: dg.DagsterInstance, run_id: str) -> dg.DagsterRun:
    """A run, once it has ended."""
    until(lambda: (run := instance.get_run_by_id(run_id)) and run.is_finished)
    run = instance.get_run_by_id(run_id)
    assert run
    return run


def retries_of(instance: dg.DagsterInstance, run_id: str) -> list[dg.DagsterRun]:
    """The runs that the sensor has started for a run."""
    return list(instance.get_runs(dg.RunsFilter(tags={names.ATTEMPT_GROUP: run_id})))


def test_every_selection_is_accepted_and_a_failed_materialize_is_tried_again(
    place: Place, ui: Ui
) -> None:
    today = datetime.now(UTC).date()
    yesterday = today - timedelta(days=1)
    everything = ui.assets()
    place.okta.faults.append(make_fault("repeated-cursor", times=None))
    with place.instance() as instance, daemon(place):
        failed = ended(instance, ui.materialize(everything, today))
        assert failed.job_name == names.ASSET_JOB
        assert failed.status is dg.DagsterRunStatus.FAILURE
        assert failed.tags[names.FAILURE] == names.TRANSIENT
        place.okta.faults.clear()

        until(lambda: retries_of(instance, failed.run_id))
        (retry,) = retries_of(instance, failed.run_id)
        assert ended(instance, retry.run_id).status is dg.DagsterRunStatus.SUCCESS
        assert retry.asset_selection == failed.asset_selection

    # The web server accepts or refuses; the daemon, which would run them all, has ended.
    backfilled = ui.backfill(everything, [yesterday, today])
    assert backfilled["__typename"] == "LaunchBackfillSuccess", backfilled
    for part in (
        ["acme/people"],
        ["acme/okta/raw_users"],
        [a for a in everything if "okta" not in a],
    ):
        assert ui.backfill(part, [today])["__typename"] == "LaunchBackfillSuccess"
