"""acme and its simulated Okta, with Dagster's runs on an instance in memory."""

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any, Self
from unittest import mock

import dagster as dg
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import names
from opensense_okta.orchestration.definitions import build_definitions
from opensense_okta.orchestration.resources import LakeResource, Watcher
from opensense_okta.simulator.company.org import Org
from opensense_okta.simulator.okta.limits import Limits
from opensense_okta.simulator.okta.server import TOKEN, Simulator
from opensense_okta.simulator.serving import running
from opensense_okta.storage.lake import Lake
from tests.support.stored import group, store, user

DAY = date(2026, 11, 23)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
UNHURRIED = Limits(users=100_000, groups=100_000)  # a budget that nobody has to wait for
READ = ("acme/okta/raw_users", "acme/okta/raw_groups", "acme/okta/memberships")
RESOLVED = tuple(
    f"acme/{table}"
    for table in ("accounts", "people", "provenance", "conflicts", "groups", "memberships")
)
"""Assets: a run of these alone takes a third of the time of a whole sync."""
QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def an_org(users: int = 40) -> Org:
    """An Okta organization with everything in it, as of the day."""
    return Org.create(users=users, groups=8, memberships=60, day=DAY)


def an_organization(endpoint: str = "https://acme.okta.com", **settings: object) -> Organization:
    """acme, or what the settings say."""
    okta = {
        "kind": "okta",
        "endpoint": endpoint,
        "api_token": {"env": "ACME_TOKEN"},
        "rate_limit_share": 1.0,
    }
    common = {"name": "acme", "timezone": "UTC", "first_day": "2026-11-20"}
    return Organization.model_validate(common | {"directories": {"okta": okta}} | settings)


@dataclass
class Run:
    """A run that has ended."""

    id: str
    instance: dg.DagsterInstance

    @property
    def record(self) -> dg.DagsterRun:
        """The run as the instance knows it."""
        run = self.instance.get_run_by_id(self.id)
        assert run is not None
        return run

    @property
    def succeeded(self) -> bool:
        """Whether it ended well."""
        return self.record.status is dg.DagsterRunStatus.SUCCESS

    @property
    def failure(self) -> str | None:
        """The tag that says why it failed."""
        return self.record.tags.get(names.FAILURE) or None

    @property
    def events(self) -> list[dg.EventLogEntry]:
        """Everything that was recorded of it."""
        return list(self.instance.all_logs(self.id))

    def failures(self) -> list[dg.Failure]:
        """The failures of its steps, with their words and metadata."""
        found = []
        for entry in self.events:
            event = entry.dagster_event
            if event and event.is_step_failure:
                data = event.step_failure_data.user_failure_data
                assert data is not None, event.step_failure_data.error
                found.append(dg.Failure(data.description, data.metadata))
        return found

    def words(self) -> str:
        """What its one failed step says."""
        (failure,) = self.failures()
        return failure.description or ""

    def metadata(self) -> dict[str, dict[str, Any]]:
        """The metadata of everything it has materialized, by asset."""
        return {
            event.asset_key.to_user_string(): {
                name: value.value
                for name, value in event.step_materialization_data.materialization.metadata.items()
            }
            for entry in self.events
            if (event := entry.dagster_event) and event.is_step_materialization and event.asset_key
        }

    def observations(self) -> dict[str, list[dict[str, Any]]]:
        """The metadata of everything it has noted about assets without making them, by asset."""
        found: dict[str, list[dict[str, Any]]] = {}
        for entry in self.events:
            event = entry.dagster_event
            if event and event.event_type is dg.DagsterEventType.ASSET_OBSERVATION:
                noted = event.asset_observation_data.asset_observation
                values = {name: value.value for name, value in noted.metadata.items()}
                found.setdefault(noted.asset_key.to_user_string(), []).append(values)
        return found

    def checks(self) -> list[dg.AssetCheckEvaluation]:
        """The results of its asset checks."""
        return [
            event.asset_check_evaluation_data
            for entry in self.events
            if (event := entry.dagster_event)
            and event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION
        ]

    def text(self) -> str:
        """All that is stored of it and shown to everybody, as text."""
        return "\n".join(
            [
                json.dumps(dict(self.record.tags)),
                *(dg.serialize_value(each) for each in self.events),
            ]
        )


@dataclass
class Company:
    """An organization, its Okta, its lake and its Dagster."""

    organization: Organization
    okta: Simulator
    lake: Lake
    instance: dg.DagsterInstance
    watcher: Watcher | None = None

    @cached_property
    def definitions(self) -> dg.Definitions:
        """What Dagster knows of it."""
        return definitions_of(self.organization, self.lake.scratch.parent, self.watcher)

    def run(
        self,
        job: str = "sync",
        day: date | None = DAY,
        *,
        run_tags: Mapping[str, str] | None = None,
        config: Mapping[str, object] | None = None,
        only: Iterable[str] | None = None,
    ) -> Run:
        """Runs one of its jobs to its end."""
        keys = [dg.AssetKey(asset.split("/")) for asset in only] if only else None
        result = self.definitions.resolve_job_def(
            f"{self.organization.name}__{job}"
        ).execute_in_process(
            instance=self.instance,
            partition_key=str(day) if day else None,
            run_config={**QUIET, **(config or {})},
            tags=dict(run_tags or {}),
            asset_selection=keys,
            raise_on_error=False,
        )
        return Run(result.run_id, self.instance)

    def keep(self, *days: date) -> None:
        """Puts a small good snapshot into the lake for each of these days, as a sync had left it."""
        for day in days:
            store(
                self.lake, [user("00u1")], [group("00g1", "Everyone")], [("00g1", "00u1")], day=day
            )

    def on(self, day: date) -> Any:  # noqa: ANN401 - time_machine's own class has no public name
        """Travels to noon of a day."""
        return time_machine.travel(datetime(day.year, day.month, day.day, 12, tzinfo=UTC))


def definitions_of(
    organization: Organization, root: Path, watcher: Watcher | None = None
) -> dg.Definitions:
    """What Dagster knows of one organization."""
    return build_definitions(
        {organization.name: organization}, LakeResource(root=str(root)), watcher
    )


@contextmanager
def a_company(
    root: Path, org: Org | None = None, *, port: int = 0, **settings: object
) -> Iterator[Company]:
    """acme, its Okta listening on loopback, at noon of the day; port 0 takes any free one."""
    environment = {"OPENSENSE_DATA": str(root), "ACME_TOKEN": TOKEN}
    with (
        mock.patch.dict(os.environ, environment),
        time_machine.travel(NOON),
        running(Simulator(org or an_org(), limits=UNHURRIED), port=port) as okta,
        dg.DagsterInstance.ephemeral() as instance,
    ):
        organization = an_organization(okta.url, **settings)
        yield Company(organization, okta, Lake(root, organization.name), instance)


@dataclass(frozen=True)
class Beginning:
    """What several tests begin with, so that it is synced once.

    Attributes:
        run_id: of the run that synced it, which the copies' instances do not have.
    """

    root: Path
    port: int
    run_id: str

    @classmethod
    def of(cls, root: Path, run: Callable[[Company], Run]) -> Self:
        """Lets a company run; its lake stays in the folder."""
        with a_company(root) as company:
            ended = run(company)
            assert ended.succeeded, ended.failures()
            return cls(root, int(company.okta.url.rpartition(":")[2]), ended.id)

    @contextmanager
    def copy(self, root: Path, **settings: object) -> Iterator[Company]:
        """The company as it was then, with a lake of its own."""
        shutil.copytree(self.root, root)
        with a_company(root, None, port=self.port, **settings) as company:
            yield company
