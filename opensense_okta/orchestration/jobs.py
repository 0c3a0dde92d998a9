"""The two jobs of an organization and the schedule that starts the first."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from opensense_okta.config.models import Organization
from opensense_okta.directories.doctor import examine
from opensense_okta.orchestration import tags
from opensense_okta.orchestration.assets import resolving
from opensense_okta.orchestration.retries import resolve_job, sync_job
from opensense_okta.resolution.rule_advice import examine_rules
from opensense_okta.storage.lake import Lake


def build_jobs(organization: Organization) -> list[UnresolvedAssetJobDefinition]:
    """The whole day's sync, and the part of it that works on what is stored."""
    run_tags = {tags.ORGANIZATION: organization.name}
    return [
        dg.define_asset_job(
            sync_job(organization.name),
            selection=dg.AssetSelection.key_prefixes([organization.name]),
            tags=run_tags,
            description=f"Reads every directory of {organization.name}, resolves, judges and publishes.",
        ),
        dg.define_asset_job(
            resolve_job(organization.name),
            selection=resolving(organization),
            tags=run_tags,
            description=f"Resolves the stored snapshots of {organization.name}, judges and publishes; asks"
            " no API anything.",
        ),
    ]


def build_schedule(organization: Organization) -> dg.ScheduleDefinition:
    """One sync a day, in the organization's time zone."""

    @dg.schedule(
        name=f"{organization.name}__daily",
        cron_schedule=organization.schedule,
        execution_timezone=organization.timezone,
        job_name=sync_job(organization.name),
        default_status=dg.DefaultScheduleStatus.RUNNING
        if organization.enabled
        else dg.DefaultScheduleStatus.STOPPED,
        description=f"The daily sync of {organization.name}.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = organization.today(context.scheduled_execution_time)
        today = organization.today(datetime.now(UTC))
        if day != today:
            return dg.SkipReason(
                f"This tick is of {day}, and it is {today}: an API only tells the present. The next sync"
                f" starts at {organization.next_sync(datetime.now(UTC)):%Y-%m-%d %H:%M %Z}; to start one"
                f" now: opensense-okta sync {organization.name}"
            )
        if day < organization.first_day:
            return dg.SkipReason(
                f"The first day of {organization.name} is {organization.first_day}."
            )
        return dg.RunRequest(partition_key=str(day))

    return daily


def build_doctor(organization: Organization, lakes: Callable[[str], Lake]) -> dg.JobDefinition:
    """The same as `opensense-okta doctor`; it fails when the next sync would."""

    @dg.op(name=f"{organization.name}__examine", description="Looks at everything a sync needs.")
    def look(context: dg.OpExecutionContext) -> None:
        lake = lakes(organization.name)
        found = examine(organization, lake)
        found[organization.name] += examine_rules(organization, lake)
        failed = []
        for directory, findings in found.items():
            for one in findings:
                line = f"{directory}: {one.name}: {one.says} {one.remedy}".rstrip()
                say = {"ok": context.log.info, "warn": context.log.warning}
                say.get(one.level, context.log.error)(line)
                if one.level == "fail":
                    failed.append(line)
        if failed:
            raise dg.Failure("\n".join(failed), allow_retries=False)

    @dg.job(
        name=f"{organization.name}__doctor",
        description=f"Examines what decides whether the next sync of {organization.name} will be well.",
        tags={tags.ORGANIZATION: organization.name},
    )
    def doctor() -> None:
        look()

    return doctor
