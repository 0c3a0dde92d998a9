"""The command `sync` in a process of its own, as an operator or a newcomer meets it."""

import os
import pty
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import duckdb
import httpx
import pytest

from opensense_okta.resolution.resolve import TABLES
from opensense_okta.simulator.okta.server import TOKEN
from tests.orchestration.test_assets import found_in, personal
from tests.support.home import REPOSITORY
from tests.support.place import COMMANDS, Place

pytestmark = pytest.mark.slow

FAILURE, STARTED, SUCCESS = (
    dg.DagsterRunStatus.FAILURE,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.SUCCESS,
)


@pytest.fixture(scope="module")
def first(place: Place) -> subprocess.CompletedProcess[str]:
    """The first sync of all, in a home without settings, which every test here has behind it."""
    (place.home / "dagster.yaml").unlink()
    return place.run("sync", "acme")


@pytest.fixture(scope="module")
def run_id(first: subprocess.CompletedProcess[str]) -> str:
    """The run of the first sync."""
    found = re.search(r"^  Run +(\S+)", first.stdout, re.MULTILINE)
    assert found, first.stderr
    return found[1]


def content(database: Path) -> object:
    """Everything that is published of people."""
    with duckdb.connect(str(database), read_only=True) as connection:
        return connection.execute("from people order by all").fetchall()


def until(happens: Callable[[], object], *, seconds: float = 60) -> None:
    """Waits for something that other processes do."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.05)


def test_a_sync_ends_with_0_and_a_summary_and_plain_lines_of_progress(
    place: Place, first: subprocess.CompletedProcess[str]
) -> None:
    assert first.returncode == 0, first.stderr
    begins = [line.split(maxsplit=1)[0] for line in first.stdout.splitlines()]
    assert begins == ["acme,", "Read", "Resolved", "Published", "Run", "Next"]
    assert first.stderr.splitlines()[0].startswith("acme: syncing ")
    assert "\x1b" not in first.stdout + first.stderr
    assert len(content(place.lake.database)) == 60  # type: ignore[arg-type]


def test_the_run_is_there_for_the_ui(place: Place, run_id: str) -> None:
    with place.instance() as instance:
        run = instance.get_run_by_id(run_id)
        assert run
        assert (run.job_name, run.status) == ("acme__sync", SUCCESS)
        key = dg.AssetKey(["acme", "resolved_directory"])
        event = instance.get_latest_materialization_event(key)
        assert event
        assert event.run_id == run_id


def test_a_new_home_gets_the_settings_and_dagster_records_no_usage(
    place: Place, first: subprocess.CompletedProcess[str]
) -> None:
    own = (REPOSITORY / "dagster_home" / "dagster.yaml").read_text()
    assert (place.home / "dagster.yaml").read_text() == own
    assert not (place.home / ".telemetry").exists()
    assert "elemetry" not in first.stderr


@pytest.mark.usefixtures("first")
def test_everything_that_is_stored_is_its_owners_alone(place: Place) -> None:
    open_to_others = {
        str(path.relative_to(place.root)): oct(path.stat().st_mode)
        for path in [
            *place.root.joinpath("data").rglob("*"),
            *place.home.joinpath("history").rglob("*"),
        ]
        if path.stat().st_mode & 0o077
    }
    assert open_to_others == {}


@pytest.mark.usefixtures("first")
def test_no_secret_is_stored_and_no_name_where_dagster_keeps_what_everybody_sees(
    place: Place,
) -> None:
    words = personal(place.okta.org)
    for path in place.root.rglob("*"):
        if path.is_file():
            stored = path.read_bytes()
            assert TOKEN.encode() not in stored, path
            if path.is_relative_to(place.home):
                assert found_in(stored.decode("utf-8", errors="replace"), words) == set(), path


def test_a_wrong_token_ends_with_1_says_what_to_do_and_leaves_what_is_published(
    place: Place, run_id: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = content(place.lake.database)
    ended = place.run_here(capfd, "sync", "acme", "--json", ACME_TOKEN="0" * 42)
    assert ended.status == 1
    document = ended.document
    (failure,) = document["failures"]
    for words in (
        "Okta does not accept the API token: it is invalid, expired or revoked",
        "In Okta's Admin Console open Security > API > Tokens, create a token as a Read-Only",
        "Administrator and put it where the organization file's `api_token` points.",
        "Then start the sync again.",
    ):
        assert words in failure
    assert document["status"] == "failed"
    assert place.status(document["run_id"]) is FAILURE
    assert place.status(document["resolve_run_id"]) is SUCCESS
    assert document["directories"]["okta"]["read_now"] is False
    assert run_id not in ended.out
    assert content(place.lake.database) == before
    assert "0" * 42 not in ended.out + ended.err


@pytest.mark.usefixtures("first")
def test_a_killed_sync_blocks_nobody_and_is_ended_by_the_next_which_shows_bars_on_a_terminal(
    place: Place,
) -> None:
    before = content(place.lake.database)
    place.okta.latency, place.okta.requests[:] = 0.5, []
    with subprocess.Popen(
        place.command("sync", "acme"), env=place.environment, stderr=subprocess.DEVNULL
    ) as process:
        until(lambda: len(place.okta.requests) > 2)
        process.send_signal(signal.SIGKILL)
    place.okta.latency = 0.02
    with place.instance() as instance:
        (killed,) = instance.get_runs(dg.RunsFilter(statuses=[STARTED]))
    assert content(place.lake.database) == before

    shown = on_a_terminal(place, "sync", "acme", "--full")
    assert "\x1b[" in shown
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)
    assert "okta: groups' members" in plain
    assert ": done." in plain
    with place.instance() as instance:
        assert [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[STARTED]))] == []
        (ended,) = (
            entry.dagster_event.message
            for entry in instance.all_logs(killed.run_id, dg.DagsterEventType.PIPELINE_FAILURE)
            if entry.dagster_event
        )
    assert place.status(killed.run_id) is FAILURE
    assert ended
    assert ended.startswith("The process of this run was killed.")


@pytest.mark.usefixtures("first")
def test_an_interrupted_sync_is_canceled_so_that_nobody_tries_it_again(place: Place) -> None:
    before = content(place.lake.database)
    place.okta.latency, place.okta.requests[:] = 0.5, []
    with subprocess.Popen(
        place.command("sync", "acme"),
        env=place.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        until(lambda: len(place.okta.requests) > 2)
        process.send_signal(signal.SIGINT)
        shown, _ = process.communicate(timeout=60)
    place.okta.latency = 0
    assert process.returncode == 1
    title, words, *_ = shown.splitlines()
    assert title.endswith(": interrupted.")
    assert words.startswith("  The sync was interrupted. The published directory is as it was")
    assert words.endswith("It is not retried automatically.")
    with place.instance() as instance:
        (newest,) = instance.get_runs(limit=1)
    assert newest.status is dg.DagsterRunStatus.CANCELED
    assert content(place.lake.database) == before


def on_a_terminal(place: Place, *arguments: str) -> str:
    """What a command shows to somebody who sits at a terminal."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        place.command(*arguments), env=place.environment, stdout=its, stderr=its, stdin=its
    ) as process:
        os.close(its)
        shown = b""
        # Linux says EIO once the last process has closed its side.
        while chunk := _read(ours):
            shown += chunk
        os.close(ours)
    assert process.returncode == 0
    return shown.decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65536)
    except OSError:
        return b""


# Dagster's own web server.

GRAPH = """
{ assetNodes { assetKey { path } groupName jobNames } }
"""
RUN = """
query Run($id: ID!) {
  runOrError(runId: $id) {
    ... on Run { status pipelineName assetMaterializations { assetKey { path } } }
  }
}
"""


@contextmanager
def webserver(place: Place) -> Iterator[httpx.Client]:
    """Dagster's web server on a free port of loopback, as `make ui` starts it."""
    log = place.root / "webserver.log"
    with log.open("wb") as file, subprocess.Popen(
        [str(COMMANDS / "dagster-webserver"), "-m", "opensense_okta.definitions", "-h", "127.0.0.1",
         "-p", "0"],
        env=place.environment, stdout=file, stderr=subprocess.STDOUT, cwd=place.root,
    ) as process:  # fmt: skip
        try:
            serving = re.compile(r"Serving .*on (http://127\.0\.0\.1:\d+)")
            until(lambda: serving.search(log.read_text()) or process.poll() is not None)
            found = serving.search(log.read_text())
            assert found, log.read_text()
            patient = httpx.HTTPTransport(retries=8)  # it says so a moment before it listens
            with httpx.Client(base_url=found[1], timeout=60, transport=patient) as client:
                yield client
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)


def test_the_ui_shows_the_assets_and_the_run(place: Place, run_id: str) -> None:
    with webserver(place) as client:
        asked = client.post("/graphql", json={"query": GRAPH}).json()
        nodes = {"/".join(node["assetKey"]["path"]): node for node in asked["data"]["assetNodes"]}
        asked = client.post("/graphql", json={"query": RUN, "variables": {"id": run_id}}).json()
        run = asked["data"]["runOrError"]
    assert set(nodes) == {
        *(f"acme/okta/{table}" for table in ("raw_users", "raw_groups", "memberships")),
        *(f"acme/{table}" for table in TABLES),
        *(f"acme/{asset}" for asset in ("changes", "resolved_directory", "report")),
        "acme/okta/organization",
    }
    assert nodes["acme/okta/raw_users"]["groupName"] == "acme/okta"
    assert "acme__sync" in nodes["acme/people"]["jobNames"]
    assert (run["status"], run["pipelineName"]) == ("SUCCESS", "acme__sync")
    made = {"/".join(event["assetKey"]["path"]) for event in run["assetMaterializations"]}
    # The Okta organization is outside: lineage begins there, and no run makes it.
    assert made == set(nodes) - {"acme/okta/organization"}
