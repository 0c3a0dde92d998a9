"""The jobs of an organization, and their schedules."""

from collections.abc import Mapping
from datetime import UTC, date, datetime

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import names
from opensense_okta.orchestration.assets.build import resolving
from opensense_okta.orchestration.failures import as_dagster_failure
from opensense_okta.orchestration.instance.locations import examine_locations
from opensense_okta.orchestration.locks.of_instance import examine_locks
from opensense_okta.orchestration.locks.orphans import end_orphaned_runs_when_idle
from opensense_okta.orchestration.locks.protocol import LocksOf
from opensense_okta.orchestration.resources import LakeResource, build_lock
from opensense_okta.orchestration.runs import runs_of, unfinished_runs
from opensense_okta.publishing.doctor import examine_organization
from opensense_okta.publishing.retention import Removed, delete_expired


def build_jobs(organization: Organization) -> dg.Definitions:
    """The whole sync, and the part of it that uses stored snapshots only."""
    run_tags = {names.ORGANIZATION: organization.name}
    jobs = [
        dg.define_asset_job(
            names.sync_job(organization.name),
            selection=dg.AssetSelection.key_prefixes([organization.name]).materializable(),
            tags=run_tags,
            description=f"Reads every directory of {organization.name}, resolves and publishes. For today"
            " only (*Latest*): an API returns current data, so a past day is resolved from what is stored.",
        ),
        dg.define_asset_job(
            names.resolve_job(organization.name),
            selection=resolving(organization),
            tags=run_tags,
            description=f"Applies the rules of {organization.name} to the stored snapshots of a day, also"
            " after they were changed; reads no directory. A day is published unless a newer one is, or no"
            " directory was read since the published day.",
        ),
    ]
    return dg.Definitions(jobs=jobs)


def build_schedule(organization: Organization, locks: LocksOf) -> dg.ScheduleDefinition:
    """A sync at each tick, in the organization's time zone.

    Args:
        organization: that is synced.
        locks: returns the locks of an organization.
    """

    @dg.schedule(
        name=names.sync_schedule(organization.name),
        cron_schedule=_crons(organization),
        execution_timezone=organization.timezone,
        job_name=names.sync_job(organization.name),
        default_status=dg.DefaultScheduleStatus.RUNNING
        if organization.enabled
        else dg.DefaultScheduleStatus.STOPPED,
        description=f"The {'daily sync' if len(organization.ticks) == 1 else 'syncs'} of {organization.name}."
        " A tick that was missed starts its sync when Dagster runs again, unless its day is over by then.",
    )
    def daily(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        day = organization.today(context.scheduled_execution_time)
        today = organization.today(datetime.now(UTC))
        if day != today:
            return dg.SkipReason(
                f"This tick is of {day}, and it is {today}: APIs return current data only. The next sync"
                f" starts at {organization.next_sync(datetime.now(UTC)):%Y-%m-%d %H:%M %Z}; to start one"
                f" now: opensense-okta sync {organization.name}"
            )
        if day < organization.first_day:
            return dg.SkipReason(
                f"The first day of {organization.name} is {organization.first_day}."
            )
        # A schedule may be evaluated without an instance: then there are no runs.
        at_work = context.instance_ref and work_in_progress(
            context.instance, organization, day, locks
        )
        if at_work:
            return dg.SkipReason(
                f"{at_work}: this tick starts nothing. The next one is at"
                f" {organization.next_sync(datetime.now(UTC)):%Y-%m-%d %H:%M %Z}."
            )
        return dg.RunRequest(partition_key=str(day))

    return daily


def work_in_progress(
    instance: dg.DagsterInstance,
    organization: Organization,
    day: date,
    locks: LocksOf,
) -> str:
    """The work of an organization because of which a tick of today is skipped; empty: there is none.

    If it is the last tick of a day that has had no run yet, its sync waits for other work instead: without
    it, the day would not be read.

    Args:
        instance: Dagster's instance.
        organization: the organization.
        day: today.
        locks: returns the locks of an organization.
    """
    name = organization.name
    runs = unfinished_runs(instance, organization)
    if runs and end_orphaned_runs_when_idle(instance, locks(instance, name), name).ended:
        runs = unfinished_runs(instance, organization)
    is_last = organization.today(organization.next_sync(datetime.now(UTC))) > day
    only_chance = is_last and not runs_of(instance, organization, day)
    if only_chance:
        return ""
    for run in (run for of_day in runs.values() for run in of_day):
        status = "queued" if run.status is dg.DagsterRunStatus.QUEUED else "at work"
        return f"Run {run.run_id} of {name} is {status}"
    with locks(instance, name).idle() as nobody_works:
        return "" if nobody_works else f"Another process is at work for {name}"


def build_doctor(organization: Organization) -> dg.JobDefinition:
    """The job that runs the checks of `opensense-okta doctor`; it fails if the next sync would."""

    @dg.op(name=names.doctor_op(organization.name), description="Checks everything a sync needs.")
    def check(context: dg.OpExecutionContext, lake: LakeResource) -> None:
        log = {"passed": context.log.info, "warning": context.log.warning}
        errors = []
        own = lake.of(organization.name)
        of_instance = (
            *examine_locks(context.instance, own),
            *examine_locations(context.instance, organization.name),
        )
        for name, result in [
            *examine_organization(organization, own),
            *((organization.name, result) for result in of_instance),
        ]:
            line = f"{name}: {result.name}: {result.text}"
            log.get(result.outcome, context.log.error)(line)
            if result.outcome == "error":
                errors.append(line)
        if errors:
            raise dg.Failure("\n".join(errors), allow_retries=False)

    @dg.job(
        name=names.doctor_job(organization.name),
        description=f"Checks what the next sync of {organization.name} needs: credentials, permissions,"
        " rate limits and files.",
        tags={names.ORGANIZATION: organization.name},
    )
    def doctor() -> None:
        check()

    return doctor


def build_retention(
    organization: Organization, resources: Mapping[str, object]
) -> dg.JobDefinition:
    """The job that deletes resolved days and snapshots after the time that the file sets.

    Args:
        organization: whose data it deletes.
        resources: the resources of all jobs, by key.
    """
    lock = names.lock_resource(organization.name)

    @dg.op(
        name=names.retention_op(organization.name),
        description="Deletes what is older than `retention` allows and is not needed.",
        required_resource_keys={names.LAKE, lock},
        out=dg.Out(dg.Nothing),
    )
    def delete(context: dg.OpExecutionContext) -> None:
        lakes: LakeResource = getattr(context.resources, names.LAKE)
        with as_dagster_failure(context, organization.name):
            removed = delete_expired(organization, lakes.of(organization.name), datetime.now(UTC))
        context.log.info(format_removed(organization, removed))
        context.add_output_metadata(
            {
                "resolved_days_removed": len(removed.days),
                "snapshots_removed": sum(len(days) for days in removed.snapshots.values()),
                "exports_removed": len(removed.exports),
                "reports_removed": len(removed.reports),
                "bytes_removed": removed.bytes,
                "leftovers_swept": removed.swept,
            }
        )

    @dg.job(
        name=names.retention_job(organization.name),
        description=f"Deletes resolved days and snapshots of {organization.name} after the time that"
        " `retention` in its file sets. The published day, its inputs and the identity ledger stay.",
        tags={names.ORGANIZATION: organization.name},
        resource_defs={**resources, lock: build_lock(organization.name)},
    )
    def retention() -> None:
        delete()

    return retention


def build_retention_schedule(organization: Organization) -> dg.ScheduleDefinition:
    """Once a day, after the sync that is followed by the longest time without one; on if the file sets it."""
    quiet = organization.quiet_time
    configured = organization.retention.days or organization.retention.snapshots
    return dg.ScheduleDefinition(
        name=names.retention_schedule(organization.name),
        cron_schedule=f"{quiet.minute} {quiet.hour} * * *",
        execution_timezone=organization.timezone,
        job_name=names.retention_job(organization.name),
        default_status=dg.DefaultScheduleStatus.RUNNING
        if configured and organization.enabled
        else dg.DefaultScheduleStatus.STOPPED,
        description=f"Deletes the expired data of {organization.name} once a day at {quiet:%H:%M}, when no"
        " sync starts.",
    )


def _crons(organization: Organization) -> str | list[str]:
    """The schedule as Dagster gets it: each tick as a schedule of its own.

    Dagster moves a daily tick out of a skipped hour; a schedule of several hours it treats in other ways.
    """
    crons = [f"{tick.minute} {tick.hour} * * *" for tick in organization.ticks]
    return crons[0] if len(crons) == 1 else crons


def format_removed(organization: Organization, removed: Removed) -> str:
    """Lists what was deleted, and by which rule."""
    rules = organization.retention
    days = "forever" if rules.days is None else f"{rules.days} days"
    kept = "all of them" if rules.snapshots is None else f"the newest {rules.snapshots} days"
    lines = [
        f"Removed {removed.bytes:,} bytes.",
        f"Resolved days, kept {days}: {_listed(removed.days)}.",
        *(f"Snapshots of {name}: {_listed(old)}." for name, old in removed.snapshots.items()),
        f"Snapshots kept of each directory: {kept}.",
        f"Dated exports in the lake: {_listed(removed.exports)}.",
        f"Reports: {_listed(removed.reports)}.",
        f"Leftovers of killed processes: {removed.swept}.",
    ]
    return "\n".join(lines)


def _listed(days: tuple[object, ...]) -> str:
    return f"{len(days)} removed" + (f" ({days[0]} to {days[-1]})" if days else "")
