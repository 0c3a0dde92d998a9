"""All organizations as one set of Dagster definitions; a bad file takes down nobody else's."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.orchestration import lock
from opensense_okta.orchestration.approval import build_approve
from opensense_okta.orchestration.assets import build_assets
from opensense_okta.orchestration.jobs import (
    build_doctor,
    build_jobs,
    build_retention,
    build_retention_schedule,
    build_schedule,
)
from opensense_okta.orchestration.notifications import build_notice_sensor
from opensense_okta.orchestration.resources import (
    PROGRESS,
    LogWatcher,
    Watcher,
    lock_key,
    lock_resource,
)
from opensense_okta.orchestration.retries import build_retry_sensor
from opensense_okta.storage.lake import Lake


def build_definitions(
    organizations: Mapping[str, Organization | OrganizationFileError],
    lakes: Callable[[str], Lake],
    watcher: Watcher | None = None,
) -> dg.Definitions:
    """Everything Dagster is to know.

    Args:
        organizations: by name; or what is wrong with their files.
        lakes: gives the lake of an organization.
        watcher: of the reads; the run's log when left out.
    """
    good = {name: each for name, each in organizations.items() if isinstance(each, Organization)}
    bad = {
        name: each
        for name, each in organizations.items()
        if isinstance(each, OrganizationFileError)
    }
    jobs = dg.Definitions.merge(*(build_jobs(each) for each in good.values()))
    approvals = dg.Definitions.merge(*(build_approve(each) for each in good.values()))

    def locks(name: str) -> Path:
        return lakes(name).locks

    def tidy(name: str) -> None:
        with lock.idle(locks(name)) as nobody_works:
            if nobody_works:
                lakes(name).sweep(datetime.now(UTC))

    return dg.Definitions(
        assets=[
            *(asset for each in good.values() for asset in build_assets(each)),
            *(_mistaken(*each, number) for number, each in enumerate(bad.items(), start=1)),
        ],
        jobs=[
            *(jobs.jobs or []),
            *(approvals.jobs or []),
            *(build_doctor(each, lakes) for each in good.values()),
            *(build_retention(each, lakes) for each in good.values()),
        ],
        schedules=[
            *(build_schedule(each) for each in good.values()),
            *(build_retention_schedule(each) for each in good.values()),
        ],
        sensors=[
            *([build_retry_sensor(good, locks, jobs, tidy)] if good else []),
            *(
                [build_notice_sensor(good, lakes)]
                if any(each.notify for each in good.values())
                else []
            ),
        ],
        resources={
            PROGRESS: dg.ResourceDefinition.hardcoded_resource(watcher or LogWatcher()),
            **{lock_key(name): lock_resource(name) for name in good},
        },
        executor=dg.in_process_executor,
    )


def _mistaken(name: str, error: OrganizationFileError, number: int) -> dg.AssetsDefinition:
    """Stands in for an organization whose file cannot be used, so that the UI shows why."""
    mistakes = "\n".join(f"- {line}" for line in str(error).splitlines())

    # The name may be what is wrong with the file: Dagster has its own rules for groups and names.
    @dg.multi_asset(
        name=f"organization_file_{number}",
        outs={
            "organization_file": dg.AssetOut(
                key=[name, "organization_file"],
                description="**This organization's file has mistakes; nothing is synced.**\n\n"
                f"{mistakes}\n\nCorrect the file, then reload the definitions.",
                group_name=re.sub("[^A-Za-z0-9_]", "_", name),
                kinds={"yaml"},
                owners=["team:directory"],
            )
        },
    )
    def organization_file() -> None:
        raise dg.Failure(str(error), allow_retries=False)

    return organization_file
