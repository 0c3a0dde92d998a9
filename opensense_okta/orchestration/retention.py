"""The job that removes what an organization no longer keeps, and the schedule that starts it."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import tags
from opensense_okta.orchestration.resources import lock_key
from opensense_okta.publishing.retention import Removed, let_go
from opensense_okta.storage.lake import Lake


def retention_job(organization: str) -> str:
    """The name of the organization's job that removes what is old."""
    return f"{organization}__retention"


def build_retention(organization: Organization, lakes: Callable[[str], Lake]) -> dg.JobDefinition:
    """Removes resolved days and snapshots that are older than the organization's file keeps."""

    @dg.op(
        name=f"{organization.name}__let_go",
        description="Removes what is older than `retention` says, and nothing that is needed.",
        required_resource_keys={lock_key(organization.name)},
        out=dg.Out(dg.Nothing),
    )
    def remove(context: dg.OpExecutionContext) -> None:
        removed = let_go(organization, lakes(organization.name), datetime.now(UTC))
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
        name=retention_job(organization.name),
        description=f"Removes what {organization.name} no longer keeps: resolved days and snapshots, as"
        " `retention` in its file says. What is published, its inputs and the identity ledger stay.",
        tags={tags.ORGANIZATION: organization.name},
    )
    def retention() -> None:
        remove()

    return retention


def build_retention_schedule(organization: Organization) -> dg.ScheduleDefinition:
    """Once a day, an hour after the sync; on when there is anything to remove."""
    minute, hour, *_ = organization.schedule.split()
    configured = organization.retention.days or organization.retention.snapshots
    return dg.ScheduleDefinition(
        name=f"{organization.name}__retention_daily",
        cron_schedule=f"{minute} {(int(hour) + 1) % 24} * * *",
        execution_timezone=organization.timezone,
        job_name=retention_job(organization.name),
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
