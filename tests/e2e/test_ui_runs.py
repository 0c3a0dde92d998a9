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


@pytest.fixture(scope="module")
def ui(place: Place) -> Iterator[Ui]:
    """The UI of a place whose daemon runs; its organization is not enabled, so no tick starts a run."""
    file = place.home / "organizations" / "acme.yaml"
    file.write_text(file.read_text().replace("enabled: true", "enabled: false"))
    with daemon(place), web_server(place) as ui:
        yield ui


def ended(place: Place, run_id: str) -> dg.DagsterRun:
    """A run, once it has ended."""

    def run() -> dg.DagsterRun | None:
        with place.instance() as instance:
            return instance.get_run_by_id(run_id)

    until(lambda: (found := run()) and found.is_finished)
    found = run()
    assert found
    return found


def retries_of(place: Place, run_id: str) -> list[dg.DagsterRun]:
    """The runs that the sensor has started for a run."""
    with place.instance() as instance:
        return list(instance.get_runs(dg.RunsFilter(tags={names.ATTEMPT_GROUP: run_id})))


def test_every_selection_is_accepted_and_a_failed_materialize_is_tried_again(
    place: Place, ui: Ui
) -> None:
    today = datetime.now(UTC).date()
    yesterday = today - timedelta(days=1)
    everything = ui.assets()
    place.okta.faults.append(make_fault("repeated-cursor", times=None))
    failed = ended(place, ui.materialize(everything, today))
    assert failed.job_name == names.ASSET_JOB
    assert failed.status is dg.DagsterRunStatus.FAILURE
    assert failed.tags[names.FAILURE] == names.TRANSIENT
    place.okta.faults.clear()

    until(lambda: retries_of(place, failed.run_id))
    (retry,) = retries_of(place, failed.run_id)
    assert ended(place, retry.run_id).status is dg.DagsterRunStatus.SUCCESS
    assert retry.asset_selection == failed.asset_selection

    backfilled = ui.backfill(everything, [yesterday, today])
    assert backfilled["__typename"] == "LaunchBackfillSuccess", backfilled
    for part in (
        ["acme/people"],
        ["acme/okta/raw_users"],
        [a for a in everything if "okta" not in a],
    ):
        assert ui.backfill(part, [today])["__typename"] == "LaunchBackfillSuccess"
