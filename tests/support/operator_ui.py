"""What a browser shows of Dagster's UI: pages of assets, checks, runs, jobs and sensors, by GraphQL."""

import csv
import io
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from opensense_okta.simulator.company.org import Org
from tests.support.dagster_servers import Ui

SHORTEST = 5  # characters of a word that identifies somebody

METADATA = """
fragment Metadata on MetadataEntry {
  __typename label
  ... on TextMetadataEntry { value: text }
  ... on MarkdownMetadataEntry { value: mdStr }
  ... on PathMetadataEntry { value: path }
  ... on UrlMetadataEntry { value: url }
  ... on IntMetadataEntry { value: intRepr }
  ... on FloatMetadataEntry { value: floatRepr }
  ... on BoolMetadataEntry { flag: boolValue }
  ... on JsonMetadataEntry { value: jsonString }
  ... on TimestampMetadataEntry { seconds: timestamp }
  ... on TableSchemaMetadataEntry { schema { columns { name description } } }
}
"""
DEFINITIONS = """
query Definitions {
  assetNodes {
    assetKey { path } description kinds isMaterializable metadataEntries { ...Metadata }
    assetChecksOrError { ... on AssetChecks { checks { name description } } }
  }
  repositoriesOrError {
    ... on RepositoryConnection {
      nodes {
        jobs { name description }
        schedules { name description scheduleState { status } }
        sensors { name description }
      }
    }
  }
}
"""
ASSET = """
query Asset($key: AssetKeyInput!) {
  assetOrError(assetKey: $key) {
    ... on Asset {
      assetMaterializations(limit: 100) { runId partition description metadataEntries { ...Metadata } }
      assetObservations(limit: 100) { runId partition description metadataEntries { ...Metadata } }
    }
  }
}
"""
CHECK = """
query Check($key: AssetKeyInput!, $check: String!, $partition: String) {
  assetCheckExecutions(assetKey: $key, checkName: $check, partition: $partition, limit: 100) {
    runId status evaluation { partition success severity description metadataEntries { ...Metadata } }
  }
}
"""
RESULTS = """
query Results {
  assetNodes {
    assetKey { path }
    assetChecksOrError {
      ... on AssetChecks {
        checks { name executionForLatestMaterialization { evaluation { partition } } }
      }
    }
  }
}
"""
RUN = """
query Run($run: ID!) {
  runOrError(runId: $run) { ... on Run { jobName status tags { key value } } }
  logsForRun(runId: $run) {
    ... on EventConnection {
      events {
        ... on MessageEvent { eventType level message stepKey }
        ... on EngineEvent { metadataEntries { ...Metadata } }
        ... on ExecutionStepFailureEvent {
          error { message } failureMetadata { metadataEntries { ...Metadata } }
        }
        ... on RunFailureEvent { error { message } }
      }
    }
  }
}
"""
TICK = """
mutation Tick($sensor: SensorSelector!) {
  sensorDryRun(selectorData: $sensor, cursor: "") {
    ... on DryRunInstigationTick {
      evaluationResult {
        skipReason error { message causes { message } } runRequests { jobName tags { key value } }
      }
    }
    ... on PythonError { message }
  }
}
"""
VALID = """
query Valid($job: PipelineSelector!, $config: RunConfigData) {
  isPipelineConfigValid(pipeline: $job, runConfigData: $config, mode: "default") {
    __typename
    ... on RunConfigValidationInvalid { errors { message } }
  }
}
"""
RELOAD = """
mutation Reload($location: String!) {
  reloadRepositoryLocation(repositoryLocationName: $location) {
    ... on WorkspaceLocationEntry {
      locationOrLoadError { __typename ... on PythonError { message } }
    }
  }
}
"""


@dataclass(frozen=True)
class Event:
    """A row of an asset's tab *Events*."""

    run_id: str
    day: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Check:
    """An execution of a check, as the tab *Checks* shows it."""

    run_id: str
    day: str
    passed: bool
    severity: str
    text: str
    metadata: Mapping[str, str]


@dataclass(frozen=True)
class Asset:
    """The page of an asset before any event: what its definition says."""

    description: str
    columns: Mapping[str, str]
    checks: Mapping[str, str]


@dataclass(frozen=True)
class Definitions:
    """Everything that is loaded, with its description."""

    assets: Mapping[str, Asset]
    jobs: Mapping[str, str]
    schedules: Mapping[str, str]
    running: frozenset[str]


@dataclass(frozen=True)
class RunPage:
    """The page of a run."""

    status: str
    tags: Mapping[str, str]
    events: tuple[Mapping[str, Any], ...]

    def texts(self, event_type: str) -> list[str]:
        """The messages of all events of a type, with their errors."""
        return [
            f"{event['message']} {(event.get('error') or {}).get('message', '')}"
            for event in self.events
            if event["eventType"] == event_type
        ]

    def logged_errors(self) -> list[str]:
        """The errors that are written into its log, beside those of its steps."""
        return [
            event["message"]
            for event in self.events
            if event["level"] == "ERROR" and event["eventType"] is None
        ]


def definitions(ui: Ui) -> Definitions:
    """The catalog, and the lists of jobs and schedules."""
    answer = ui.ask(DEFINITIONS + METADATA)
    (repository,) = answer["repositoriesOrError"]["nodes"]
    schedules = repository["schedules"]
    return Definitions(
        {"/".join(node["assetKey"]["path"]): _asset(node) for node in answer["assetNodes"]},
        {job["name"]: job["description"] or "" for job in repository["jobs"]},
        {schedule["name"]: schedule["description"] or "" for schedule in schedules},
        frozenset(
            schedule["name"]
            for schedule in schedules
            if schedule["scheduleState"]["status"] == "RUNNING"
        ),
    )


def _asset(node: Mapping[str, Any]) -> Asset:
    columns = {
        column["name"]: column["description"] or ""
        for entry in node["metadataEntries"]
        for column in entry.get("schema", {}).get("columns", [])
    }
    checks = {
        check["name"]: check["description"] or ""
        for check in node["assetChecksOrError"].get("checks", [])
    }
    return Asset(node["description"] or "", columns, checks)


def materializations(ui: Ui, asset: str) -> list[Event]:
    """The green rows of an asset's tab *Events*, newest first."""
    return _events(ui, asset, "assetMaterializations")


def observations(ui: Ui, asset: str) -> list[Event]:
    """The observations of an asset, newest first."""
    return _events(ui, asset, "assetObservations")


def _events(ui: Ui, asset: str, field: str) -> list[Event]:
    answer = ui.ask(ASSET + METADATA, key={"path": asset.split("/")})
    return [
        Event(row["runId"], row["partition"], _metadata(row["metadataEntries"]))
        for row in answer["assetOrError"].get(field, [])
    ]


def _metadata(entries: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    values = ("value", "flag", "seconds")
    return {
        entry["label"]: str(next((entry[name] for name in values if name in entry), ""))
        for entry in entries
    }


def check_results(ui: Ui, asset: str, check: str, day: object = None) -> list[Check]:
    """The executions of a check, newest first; of one day, or of all."""
    rows = ui.ask(
        CHECK + METADATA,
        key={"path": asset.split("/")},
        check=check,
        partition=None if day is None else str(day),
    )["assetCheckExecutions"]
    return [
        Check(
            row["runId"], result["partition"], result["success"], result["severity"],
            result["description"] or "", _metadata(result["metadataEntries"]),
        )
        for row in rows
        if (result := row["evaluation"])
    ]  # fmt: skip


def days_of_results(ui: Ui) -> dict[str, str | None]:
    """The day of the latest result of every check that has one, by asset and check."""
    nodes = ui.ask(RESULTS)["assetNodes"]
    return {
        "/".join([*node["assetKey"]["path"], check["name"]]): execution["evaluation"]["partition"]
        for node in nodes
        for check in node["assetChecksOrError"].get("checks", [])
        if (execution := check["executionForLatestMaterialization"]) and execution["evaluation"]
    }


def run_page(ui: Ui, run_id: str) -> RunPage:
    """A run, with all of its events."""
    answer = ui.ask(RUN + METADATA, run=run_id)
    run = answer["runOrError"]
    tags = {tag["key"]: tag["value"] for tag in run["tags"]}
    return RunPage(run["status"], tags, tuple(answer["logsForRun"]["events"]))


def tick(ui: Ui, sensor: str) -> tuple[str, bool]:
    """What *Test sensor* shows, and whether the evaluation failed."""
    answer = ui.ask(TICK, sensor={**ui.selector, "sensorName": sensor})["sensorDryRun"]
    assert "evaluationResult" in answer, answer
    result = answer["evaluationResult"]
    if error := result["error"]:
        return "\n".join(reason["message"] for reason in (error, *error["causes"])), True
    return str(result["skipReason"] or result["runRequests"]), False


def config_errors(ui: Ui, job: str, config: str) -> list[str]:
    """What the launchpad has against a text that is pasted into it."""
    answer = ui.ask(VALID, job={**ui.selector, "pipelineName": job}, config=config)
    found = answer["isPipelineConfigValid"]
    return [error["message"] for error in found.get("errors", [])] or (
        [] if found["__typename"] == "PipelineConfigValidationValid" else [found["__typename"]]
    )


def reload(ui: Ui) -> None:
    """The button *Reload definitions*."""
    location = ui.selector["repositoryLocationName"]
    entry = ui.ask(RELOAD, location=location)["reloadRepositoryLocation"]["locationOrLoadError"]
    assert entry["__typename"] == "RepositoryLocation", entry


class Answers:
    """All that the web server has answered, as text."""

    def __init__(self, client: httpx.Client) -> None:
        self.texts: list[str] = []
        client.event_hooks["response"].append(self._keep)

    def _keep(self, response: httpx.Response) -> None:
        response.read()
        self.texts.append(response.text.encode().decode("unicode_escape", "replace"))

    def words(self) -> set[str]:
        """The words, e-mail addresses and numbers of the answers."""
        return {word for text in self.texts for word in _words(text)}


def personal_words(org: Org, hr: str) -> set[str]:
    """Every word that names or identifies somebody: names, logins, e-mail addresses, phone numbers.

    Args:
        org: Okta's users.
        hr: the text of HR's file.
    """
    fields = ("firstName", "lastName", "email", "login", "mobilePhone", "primaryPhone")
    columns = ("First Name", "Last Name", "Work Email", "Mobile")
    values = [
        str(user["profile"].get(field) or "") for user in org.users.values() for field in fields
    ]
    values += [row[column] for row in csv.DictReader(io.StringIO(hr)) for column in columns]
    # A group of digits of a phone number may be any number.
    return {word for value in values for word in _words(value) if len(word) >= SHORTEST}


def _words(text: str) -> list[str]:
    return re.findall(r"[\w@.+'-]+", text)
