"""The two jobs of an organization and the schedule that starts the first."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.directories.doctor import examine
from opensense_okta.orchestration import names
from opensense_okta.orchestration.assets import resolving
from opensense_okta.orchestration.resources import lock_key
from opensense_okta.publishing.retention import Removed, delete_expired
from opensense_okta.resolution.rule_advice import examine_rules
from opensense_okta.storage.lake import Lake


def build_jobs(organization: Organization) -> dg.Definitions:
    """The whole day's sync, and the part of it that works on what is stored."""
    run_tags = {names.ORGANIZATION: organization.name}
    jobs = [
        dg.define_asset_job(
            names.sync_job(organization.name),
            selection=dg.AssetSelection.key_prefixes([organization.name]),
            tags=run_tags,
            description=f"Reads every directory of {organization.name}, resolves, judges and publishes.",
        ),
        dg.define_asset_job(
            names.resolve_job(organization.name),
            selection=resolving(organization),
            tags=run_tags,
            description=f"Resolves the stored snapshots of {organization.name}, judges and publishes; asks"
            " no API anything.",
        ),
    ]
    return dg.Definitions(jobs=jobs)


def build_schedule(organization: Organization) -> dg.ScheduleDefinition:
    """One sync a day, in the organization's time zone."""

    @dg.schedule(
        name=names.sync_schedule(organization.name),
        cron_schedule=organization.schedule,
        execution_timezone=organization.timezone,
        job_name=names.sync_job(organization.name),
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

    @dg.op(name=names.doctor_op(organization.name), description="Looks at everything a sync needs.")
    def look(context: dg.OpExecutionContext) -> None:
        lake = lakes(organization.name)
        found = examine(organization, lake)
        found[organization.name] += examine_rules(organization, lake)
        failed = []
        for directory, findings in found.items():
            for one in findings:
                line = f"{directory}: {one.name}: {one.text}"
                log = {"passed": context.log.info, "warning": context.log.warning}
                log.get(one.outcome, context.log.error)(line)
                if one.outcome == "error":
                    failed.append(line)
        if failed:
            raise dg.Failure("\n".join(failed), allow_retries=False)

    @dg.job(
        name=names.doctor_job(organization.name),
        description=f"Examines what decides whether the next sync of {organization.name} will be well.",
        tags={names.ORGANIZATION: organization.name},
    )
    def doctor() -> None:
        look()

    return doctor


def build_retention(organization: Organization, lakes: Callable[[str], Lake]) -> dg.JobDefinition:
    """Removes resolved days and snapshots that are older than the organization's file keeps."""

    @dg.op(
        name=names.retention_op(organization.name),
        description="Removes what is older than `retention` says, and nothing that is needed.",
        required_resource_keys={lock_key(organization.name)},
        out=dg.Out(dg.Nothing),
    )
    def remove(context: dg.OpExecutionContext) -> None:
        removed = delete_expired(organization, lakes(organization.name), datetime.now(UTC))
        context.log.info(in_words(organization, removed))
        context.add_output_metadata(
            {
                "resolved_days_removed": len(removed.days),
                "snapshots_removed": sum(len(days) for days in removed.snapshots.values()),
                "bytes_removed": removed.bytes,
                "leftovers_swept": removed.swept,
            }
        )

    @dg.job(
        name=names.retention_job(organization.name),
        description=f"Removes what {organization.name} no longer keeps: resolved days and snapshots, as"
        " `retention` in its file says. What is published, its inputs and the identity ledger stay.",
        tags={names.ORGANIZATION: organization.name},
    )
    def retention() -> None:
        remove()

    return retention


def build_retention_schedule(organization: Organization) -> dg.ScheduleDefinition:
    """Once a day, an hour after the sync; on when there is anything to remove."""
    minute, hour, *_ = organization.schedule.split()
    configured = organization.retention.days or organization.retention.snapshots
    return dg.ScheduleDefinition(
        name=names.retention_schedule(organization.name),
        cron_schedule=f"{minute} {(int(hour) + 1) % 24} * * *",
        execution_timezone=organization.timezone,
        job_name=names.retention_job(organization.name),
        default_status=dg.DefaultScheduleStatus.RUNNING
        if configured and organization.enabled
        else dg.DefaultScheduleStatus.STOPPED,
        description=f"Removes what {organization.name} no longer keeps, an hour after its sync.",
    )


def in_words(organization: Organization, removed: Removed) -> str:
    """What was removed, and by which rule."""
    rules = organization.retention
    days = "forever" if rules.days is None else f"{rules.days} days"
    kept = "all of them" if rules.snapshots is None else f"the newest {rules.snapshots} days"
    lines = [
        f"Removed {removed.bytes:,} bytes.",
        f"Resolved days, kept {days}: {_listed(removed.days)}.",
        *(f"Snapshots of {name}: {_listed(old)}." for name, old in removed.snapshots.items()),
        f"Snapshots kept of each directory: {kept}.",
        f"Leftovers of killed processes: {removed.swept}.",
    ]
    return "\n".join(lines)


def _listed(days: tuple[object, ...]) -> str:
    return f"{len(days)} removed" + (f" ({days[0]} to {days[-1]})" if days else "")
