"""The definitions of all organizations; a file with mistakes affects its own organization only."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import dagster as dg

from opensense_okta.config.load import notify_targets
from opensense_okta.config.models import DEFAULT_OWNERS, Organization
from opensense_okta.config.yaml_file import OrganizationFileError
from opensense_okta.orchestration import names
from opensense_okta.orchestration.approval import build_approve
from opensense_okta.orchestration.assets.build import build_assets
from opensense_okta.orchestration.jobs import (
    build_doctor,
    build_jobs,
    build_retention,
    build_retention_schedule,
    build_schedule,
)
from opensense_okta.orchestration.notifications import build_notice_sensor
from opensense_okta.orchestration.resources import LakeResource, LogWatcher, Watcher
from opensense_okta.orchestration.retries import build_retry_sensor
from opensense_okta.orchestration.run_logs import build_run_logs
from opensense_okta.storage.organization_files import Organizations


def build_definitions(
    organizations: Mapping[str, Organization | OrganizationFileError],
    lakes: LakeResource,
    watcher: Watcher | None = None,
    last_valid: Mapping[str, Organization] = MappingProxyType({}),
) -> dg.Definitions:
    """Builds everything that Dagster loads.

    Args:
        organizations: all organizations by name, or the mistakes in their files.
        last_valid: organizations whose files have mistakes, as their last valid files describe them.
        lakes: the resource that opens the lakes.
        watcher: receives the progress of reads; None: it is written to the run's log.
    """
    usable = Organizations.of(organizations, last_valid)
    mistakes, valid = usable.mistakes, usable.usable
    resources = {names.LAKE: lakes, names.PROGRESS: watcher or LogWatcher()}
    jobs = dg.Definitions.merge(*(build_jobs(organization) for organization in valid.values()))
    return dg.Definitions.merge(
        jobs,
        build_run_logs(lakes),
        *(_organization(organization, lakes, resources) for organization in valid.values()),
        dg.Definitions(
            assets=[
                _mistaken(name, error, number, is_synced=name in valid)
                for number, (name, error) in enumerate(mistakes.items(), start=1)
            ],
            sensors=_sensors(valid, mistakes, lakes, jobs),
            resources=resources,
            executor=dg.in_process_executor,
        ),
    )


def _organization(
    organization: Organization, lakes: LakeResource, resources: Mapping[str, object]
) -> dg.Definitions:
    return dg.Definitions.merge(
        build_approve(organization),
        dg.Definitions(
            assets=build_assets(organization, lakes),
            jobs=[build_doctor(organization), build_retention(organization, resources)],
            schedules=[
                build_schedule(organization, lakes.locks),
                build_retention_schedule(organization),
            ],
        ),
    )


def _sensors(
    organizations: Mapping[str, Organization],
    mistakes: Mapping[str, OrganizationFileError],
    lakes: LakeResource,
    jobs: dg.Definitions,
) -> Sequence[dg.SensorDefinition]:
    """The retry sensor, and the one that sends notifications if an organization wants them."""
    if not organizations and not mistakes:
        return []
    retries = build_retry_sensor(organizations, lakes.locks, jobs, mistakes)
    targets = [organization.notify for organization in organizations.values()]
    targets += [notify_targets(error.path) for error in mistakes.values()]
    if not any(targets):
        return [retries]
    return [retries, build_notice_sensor(organizations, lakes.of, mistakes)]


def _mistaken(
    name: str, error: OrganizationFileError, number: int, *, is_synced: bool
) -> dg.AssetsDefinition:
    """Represents an organization with mistakes in its file, so that the UI shows them.

    Args:
        name: of the organization.
        error: the mistakes in its file.
        number: makes the name of the op unique.
        is_synced: whether its last valid file counts.
    """
    mistakes = "\n".join(f"- {line}" for line in str(error).splitlines())
    impact = "its last valid version counts" if is_synced else "nothing is synced"

    # The name may be the mistake: Dagster has its own rules for names of groups and ops.
    @dg.multi_asset(
        name=f"organization_file_{number}",
        outs={
            "organization_file": dg.AssetOut(
                key=[name, "organization_file"],
                description=f"**This organization's file has mistakes; {impact}.**\n\n"
                f"{mistakes}\n\nCorrect the file, then reload the definitions.",
                group_name=re.sub("[^A-Za-z0-9_]", "_", name),
                kinds={"yaml"},
                owners=list(DEFAULT_OWNERS),
            )
        },
    )
    def organization_file() -> None:
        raise dg.Failure(str(error), allow_retries=False)

    return organization_file
