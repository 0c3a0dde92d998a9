"""Dagster's web server and daemon as processes, and what the UI asks of them by GraphQL."""

import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.place import COMMANDS, Place

DEFINITIONS = """\
'''The definitions of the product, whose retries wait for nobody.'''

from datetime import timedelta

from opensense_okta import definitions
from opensense_okta.orchestration import attempts, retries

retries.INTERVAL = 1
attempts.DELAYS = (timedelta(0),) * len(attempts.DELAYS)
defs = definitions.defs()
"""
SERVING = re.compile(r"Serving .*on (http://127\.0\.0\.1:\d+)")

REPOSITORY = """
{
  repositoriesOrError {
    ... on RepositoryConnection { nodes { name location { name } } }
  }
}
"""
ASSETS = """
{ assetNodes { assetKey { path } isMaterializable isPartitioned } }
"""
LAUNCH_MULTIPLE = """
mutation Launch($params: [ExecutionParams!]!) {
  launchMultipleRuns(executionParamsList: $params) {
    __typename
    ... on LaunchMultipleRunsResult {
      launchMultipleRunsResult {
        __typename
        ... on LaunchRunSuccess { run { runId } }
        ... on PythonError { message }
        ... on InvalidSubsetError { message }
        ... on RunConfigValidationInvalid { errors { message } }
      }
    }
    ... on PythonError { message }
  }
}
"""
LAUNCH_BACKFILL = """
mutation Backfill($params: LaunchBackfillParams!) {
  launchPartitionBackfill(backfillParams: $params) {
    __typename
    ... on LaunchBackfillSuccess { backfillId }
    ... on PythonError { message }
    ... on InvalidSubsetError { message }
  }
}
"""
BACKFILL = """
query Backfill($id: String!) {
  partitionBackfillOrError(backfillId: $id) {
    ... on PartitionBackfill { status error { message } }
  }
}
"""


def until(happens: Callable[[], object], *, seconds: float = 200) -> None:
    """Waits for something that other processes do."""
    end = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < end
        time.sleep(0.2)


@dataclass
class Ui:
    """The UI of a place: it asks the web server as a browser does."""

    client: httpx.Client

    def ask(self, query: str, **variables: object) -> Any:  # noqa: ANN401 - JSON
        """The answer to a query, without errors."""
        response = self.client.post("/graphql", json={"query": query, "variables": variables})
        answer = response.json()
        assert "errors" not in answer, answer
        return answer["data"]

    @property
    def selector(self) -> dict[str, str]:
        """The repository that the web server has loaded."""
        (node,) = self.ask(REPOSITORY)["repositoriesOrError"]["nodes"]
        return {"repositoryName": node["name"], "repositoryLocationName": node["location"]["name"]}

    def assets(self) -> list[str]:
        """The keys of all assets that a run can make."""
        nodes = self.ask(ASSETS)["assetNodes"]
        return ["/".join(node["assetKey"]["path"]) for node in nodes if node["isMaterializable"]]

    def materialize(
        self, assets: Sequence[str], day: object, config: Mapping[str, object] | None = None
    ) -> str:
        """The button *Materialize*: one day of a selection; the run's id."""
        params = {
            "mode": "default",
            "runConfigData": dict(config or {}),
            "executionMetadata": {"tags": [{"key": "dagster/partition", "value": str(day)}]},
            "selector": {
                **self.selector,
                "pipelineName": "__ASSET_JOB",
                "assetSelection": paths(assets),
                "assetCheckSelection": None,
            },
        }
        outcome = self.ask(LAUNCH_MULTIPLE, params=[params])["launchMultipleRuns"]
        (launched,) = outcome["launchMultipleRunsResult"]
        assert launched["__typename"] == "LaunchRunSuccess", launched
        return str(launched["run"]["runId"])

    def backfill(self, assets: Sequence[str], days: Sequence[object]) -> dict[str, Any]:
        """The button *Materialize* with several days: the web server's answer."""
        params = {"assetSelection": paths(assets), "partitionNames": [str(day) for day in days]}
        answer: dict[str, Any] = self.ask(LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
        return answer

    def backfill_status(self, backfill_id: str) -> tuple[str, str | None]:
        """How a backfill stands, and its error."""
        answer = self.ask(BACKFILL, id=backfill_id)["partitionBackfillOrError"]
        return answer["status"], (answer["error"] or {}).get("message")


def paths(assets: Sequence[str]) -> list[dict[str, list[str]]]:
    """Asset keys as GraphQL has them."""
    return [{"path": asset.split("/")} for asset in assets]


@contextmanager
def web_server(place: Place, *definitions: str) -> Iterator[Ui]:
    """Dagster's web server on a free port of loopback; its definitions are those of `process`."""
    log = place.root / "webserver.log"
    command = ("dagster-webserver", "-h", "127.0.0.1", "-p", "0", *definitions)
    with process(place, "webserver", *command) as server:
        until(lambda: SERVING.search(log.read_text()) or server.poll() is not None)
        found = SERVING.search(log.read_text())
        assert found, log.read_text()
        patient = httpx.HTTPTransport(retries=8)  # it says so a moment before it listens
        with httpx.Client(base_url=found[1], timeout=60, transport=patient) as client:
            yield Ui(client)


@contextmanager
def daemon(place: Place) -> Iterator[subprocess.Popen[bytes]]:
    """Dagster's daemon: schedules, sensors, queue and backfills."""
    with process(place, "daemon", "dagster-daemon", "run") as running:
        yield running


@contextmanager
def process(place: Place, name: str, *command: str) -> Iterator[subprocess.Popen[bytes]]:
    """One of Dagster's processes, which is interrupted at the end; its output is in NAME.log.

    Its definitions are those whose retries wait for nobody, unless the command names a module of others.
    """
    if "-m" not in command:
        (place.root / "quick.py").write_text(DEFINITIONS)
        command = (*command, "-f", "quick.py")
    with (place.root / f"{name}.log").open("wb") as log, subprocess.Popen(
        [str(COMMANDS / command[0]), *command[1:]],
        env=place.environment, stdout=log, stderr=subprocess.STDOUT, cwd=place.root,
    ) as running:  # fmt: skip
        try:
            yield running
        finally:
            running.send_signal(signal.SIGINT)
            try:
                running.wait(timeout=20)
            except subprocess.TimeoutExpired:  # a busy machine
                running.kill()
