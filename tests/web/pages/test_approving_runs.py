"""The form that approves a day, with Dagster itself: its run publishes the day."""

import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import httpx
import pytest
from dagster._core.remote_origin import InProcessCodeLocationOrigin
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster._core.workspace.load_target import InProcessWorkspaceLoadTarget

from opensense_okta.orchestration import names
from opensense_okta.publishing.published import published
from opensense_okta.web.accounts import Accounts
from opensense_okta.web.guard import Names
from opensense_okta.web.passwords import PasswordFile, set_password
from opensense_okta.web.webserver import build_app, workspace_context
from tests.support.pages import Pages, Shown, hold_day, pages, publish_day
from tests.support.stored import DAY

pytestmark = [
    # Dagster's own, when it describes definitions to its web server.
    pytest.mark.filterwarnings("ignore:.*environment_vars:DeprecationWarning"),
    # A run in the web server's own thread, as in this test only, has an event loop inside another.
    pytest.mark.filterwarnings("ignore:coroutine .*shutdown_asyncgens:RuntimeWarning"),
]

HOST = "127.0.0.1:3000"
NAMES = Names.of("127.0.0.1", 3000)
PASSWORD = "correct horse battery staple"
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
        users = tmp_path / "users"
        set_password(users, "Eve", PASSWORD)
        home.app = build_app(context, NAMES, Accounts(PasswordFile(users)), 3000)
        yield home


def ask(home: Pages, method: str, path: str, **request: object) -> httpx.Response:
    """Sends a request as the browser of Eve does."""
    headers = {"Host": HOST, "Origin": f"http://{HOST}", "Sec-Fetch-Site": "same-origin"}
    return home.ask(method, f"/directory{path}", headers=headers, auth=("Eve", PASSWORD), **request)


def words(home: Pages, path: str) -> str:
    """What a page says."""
    return Shown(ask(home, "GET", path).text).words


def fields(home: Pages) -> dict[str, str]:
    """The fields of the form."""
    return Shown(ask(home, "GET", PAGE).text).fields


def approve(home: Pages, sent: dict[str, str]) -> dg.DagsterRun:
    """Sends the form; the run that it leads to."""
    answer = ask(home, "POST", PAGE, data=sent)
    assert answer.status_code == 303
    run = home.instance.get_run_by_id(answer.headers["location"].removeprefix("/runs/"))
    assert run is not None
    return run


def test_the_run_refuses_other_numbers_and_publishes_those_that_were_seen(
    home: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = fields(home)
    hold_day(home.lake, DAY, dict(list(FEW.items())[1:]))
    with monkeypatch.context() as patch:
        # They change when the page has compared them, and before the run has the lock.
        patch.setattr("opensense_okta.web.pages.held_day._verify", lambda *_: None)
        refused = approve(home, seen)
    assert refused.status is dg.DagsterRunStatus.FAILURE
    assert "approve, held back" in words(home, "/acme/")

    run = approve(home, fields(home))
    assert (run.job_name, run.status) == ("acme__approve", dg.DagsterRunStatus.SUCCESS)
    assert run.tags[names.PARTITION] == str(DAY)
    last = published(home.lake)
    assert last is not None
    assert (last.day, last.approved_by) == (DAY, "Eve")
    assert "The day is published" in words(home, PAGE)
    assert "approved by Eve" in words(home, "/acme/")
    assert ask(home, "GET", f"/acme/reports/{DAY}").status_code == 200
