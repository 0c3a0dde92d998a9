"""Starts a job through Dagster's GraphQL API, in this process: no request leaves it."""

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

import httpx
from starlette.types import ASGIApp

from opensense_okta.config.errors import UserError
from opensense_okta.orchestration import names

JOBS: Final = """
query { repositoriesOrError { ... on RepositoryConnection {
  nodes { name location { name } jobs { name } } } } }
"""
LAUNCH: Final = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) {
  __typename ... on LaunchRunSuccess { run { runId } } } }
"""


class NotStarted(UserError):
    """Dagster did not start the job."""


async def launch(dagster: ASGIApp, job: str, day: date, run_config: Mapping[str, object]) -> str:
    """Starts a job for a day and returns the run's id.

    Args:
        dagster: Dagster's web application.
        job: its name.
        day: the partition.
        run_config: the configuration of the run.

    Raises:
        NotStarted: Dagster does not know the job, or refused it.
    """
    repository = await _repository(dagster, job)
    tags = [{"key": names.PARTITION, "value": str(day)}]
    params = {
        "mode": "default",
        "selector": {**repository, "jobName": job},
        "runConfigData": dict(run_config),
        "executionMetadata": {"tags": tags},
    }
    answer = await _ask(dagster, LAUNCH, {"params": params})
    launched = answer["launchRun"]
    if launched["__typename"] != "LaunchRunSuccess":
        raise NotStarted(
            f"Dagster did not start the job {job} for {day}: {launched['__typename']}.",
            impact="The day stays as it was.",
            remedy="reload the definitions in Dagster, under *Deployment*, and try again.",
        )
    return str(launched["run"]["runId"])


async def _repository(dagster: ASGIApp, job: str) -> dict[str, str]:
    """The selector of the repository that has the job."""
    answer = await _ask(dagster, JOBS, {})
    for node in answer["repositoriesOrError"].get("nodes", ()):
        if any(known["name"] == job for known in node["jobs"]):
            return {
                "repositoryName": node["name"],
                "repositoryLocationName": node["location"]["name"],
            }
    raise NotStarted(
        f"Dagster has no job {job}.",
        impact="The day stays as it was.",
        remedy="wait until Dagster has loaded the definitions, or look under *Deployment* why it has not.",
        transient=True,
    )


async def _ask(dagster: ASGIApp, query: str, variables: Mapping[str, object]) -> dict[str, Any]:
    transport = httpx.ASGITransport(app=dagster)
    async with httpx.AsyncClient(transport=transport, base_url="http://dagster") as client:
        response = await client.post("/graphql", json={"query": query, "variables": variables})
    answer = response.json()
    if "errors" in answer:
        raise NotStarted(
            "Dagster refused the query that starts the job.",
            impact="The day stays as it was.",
            remedy="start it in Dagster, and report the error.",
        )
    data: dict[str, Any] = answer["data"]
    return data
