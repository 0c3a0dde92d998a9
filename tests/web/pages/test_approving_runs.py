"""The form that approves a day, with Dagster itself: its run publishes the day."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget
from dagster_webserver.app import create_app_from_workspace_process_context

from opensense_okta.orchestration import names
from opensense_okta.publishing.published import published
from opensense_okta.web.pages.app import build_pages
from opensense_okta.web.pages.site import Site
from opensense_okta.web.visitor import Visitor
from opensense_okta.web.webserver import workspace_context
from tests.support.pages import Pages, Shown, hold_day, pages, publish_day
from tests.support.stored import DAY

pytestmark = [
    # Dagster's own, when it describes definitions to its web server.
    pytest.mark.filterwarnings("ignore:.*environment_vars:DeprecationWarning"),
    # A run in the web server's own thread, as in this test only, has an event loop inside another.
    pytest.mark.filterwarnings("ignore:coroutine .*shutdown_asyncgens:RuntimeWarning"),
]

PAGE = f"/acme/days/{DAY}"
BEFORE = DAY.replace(day=DAY.day - 1)
MANY = {str(number): {"email": f"{number}@acme.test"} for number in range(40)}
FEW = dict(list(MANY.items())[:20])
AT_ONCE = {
    "telemetry": {"enabled": False},
    "run_coordinator": {
        "module": "dagster._core.run_coordinator",
        "class": "DefaultRunCoordinator",
    },
    "run_launcher": {
        "module": "dagster._core.launcher.sync_in_memory_run_launcher",
        "class": "SyncInMemoryRunLauncher",
    },
}
"""Runs end before the answer to the request that starts them."""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """A held day, and Dagster with the definitions in this process."""
    place = tmp_path / "instance"
    place.mkdir()
    (place / "dagster.yaml").touch()
    monkeypatch.setenv("DAGSTER_HOME", str(place))
    origin = InProcessCodeLocationOrigin(
        LoadableTargetOrigin(
            executable_path=sys.executable, module_name="opensense_okta.definitions"
        )
    )
    with (
        dg.DagsterInstance.local_temp(str(place), overrides=AT_ONCE) as instance,
        pages(tmp_path / "home", instance=instance) as home,
        workspace_context(instance, InProcessWorkspaceLoadTarget([origin])) as context,
    ):
        publish_day(home.lake, BEFORE, MANY)
        hold_day(home.lake, DAY, FEW)
        dagster = create_app_from_workspace_process_context(context, "", 2000)
        home.app = build_pages(Site(instance, dagster))
        home.visitor = Visitor("Eve", form_token="token")
        yield home


def approve(home: Pages, fields: dict[str, str]) -> dg.DagsterRun:
    """Sends the form; the run that it leads to."""
    answer = home.ask("POST", PAGE, data=fields)
    assert answer.status_code == 303
    run = home.instance.get_run_by_id(answer.headers["location"].removeprefix("/runs/"))
    assert run is not None
    return run


def test_the_run_refuses_other_numbers_and_publishes_those_that_were_seen(
    home: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    fields = Shown(home.get(PAGE).text).fields
    hold_day(home.lake, DAY, dict(list(FEW.items())[1:]))
    with monkeypatch.context() as patch:
        # They change when the page has compared them, and before the run has the lock.
        patch.setattr("opensense_okta.web.pages.held_day._verify", lambda *_: None)
        refused = approve(home, fields)
    assert refused.status is dg.DagsterRunStatus.FAILURE
    assert "resolved again: held back" not in Shown(home.get("/acme/").text).words
    assert "approve, held back" in Shown(home.get("/acme/").text).words

    run = approve(home, Shown(home.get(PAGE).text).fields)
    assert (run.job_name, run.status) == ("acme__approve", dg.DagsterRunStatus.SUCCESS)
    assert run.tags[names.PARTITION] == str(DAY)
    last = published(home.lake)
    assert last is not None
    assert (last.day, last.approved_by) == (DAY, "Eve")
    assert "The day is published" in Shown(home.get(PAGE).text).words
    assert "approved by Eve" in Shown(home.get("/acme/").text).words
    assert home.get(f"/acme/reports/{DAY}").status_code == 200
