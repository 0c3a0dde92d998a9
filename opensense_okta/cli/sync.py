"""The command `sync`: one run of an organization's daily job, and its summary."""

import json
import os
from dataclasses import dataclass
from datetime import UTC, date, datetime

import click

from opensense_okta.cli.arguments import (
    UsageError,
    day_of,
    organization_of,
    refuse_missing_secrets,
    writable_lake_of,
)
from opensense_okta.cli.exit_code import ExitCode
from opensense_okta.cli.terminal import terminal, watching
from opensense_okta.config.models import Organization
from opensense_okta.config.text import as_words
from opensense_okta.directories.checks import CheckResult, Table
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.orchestration.in_process import run_sync, runs_elsewhere, send_notifications
from opensense_okta.orchestration.instance.home import prepared_home
from opensense_okta.orchestration.notifications import notify_of_refusal
from opensense_okta.orchestration.runs import JobRun
from opensense_okta.publishing.exports.warnings import last_warnings
from opensense_okta.publishing.judgement import stored_judgement
from opensense_okta.publishing.published import Published, comparison_targets, published
from opensense_okta.resolution.checks import check_resolved_day
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.file_errors import storage_refusal
from opensense_okta.storage.lake import DATABASE, Lake

STATUS = {ExitCode.DONE: "done", ExitCode.FAILED: "failed", ExitCode.HELD_BACK: "held"}
"""The status in the JSON document."""


@dataclass(frozen=True)
class Report:
    """What a sync did, and what is published now.

    Attributes:
        organization: The organization.
        day: The day that was synced.
        sync: The run of the whole job.
        resolve: The run that resolved stored snapshots after a read failed, if there was one.
        snapshots: The manifest of each directory's snapshot of the day.
        resolved: The manifest of the resolved day.
        resolved_checks: The results of the checks of the resolved day; none if the day was not resolved now.
        held_because: Why the day is held back, a line for each cause.
        published: The published day.
        lake: The organization's lake.
        notices: A line for each notification that was sent.
    """

    organization: Organization
    day: date
    sync: JobRun
    resolve: JobRun | None
    snapshots: dict[str, SnapshotManifest]
    resolved: ResolvedManifest | None
    resolved_checks: list[CheckResult]
    held_because: list[str]
    published: Published | None
    lake: Lake
    notices: list[str]

    @property
    def status(self) -> ExitCode:
        """The command's exit status."""
        if not self.sync.failures:
            return ExitCode.DONE
        return ExitCode.HELD_BACK if self.sync.held else ExitCode.FAILED

    @property
    def failures(self) -> tuple[str, ...]:
        """Why the runs failed, one text for each step; one that failed in both runs alike is given once."""
        resolve = self.resolve.failures if self.resolve else ()
        return tuple(dict.fromkeys((*self.sync.failures, *resolve)))

    @property
    def is_published(self) -> bool:
        """Whether the directory that this command resolved is the published one."""
        succeeded = not (self.resolve or self.sync).failures
        return succeeded and bool(
            self.published and self.resolved and self.published.id == self.resolved.id
        )


def sync_now(name: str, day_given: str | None, *, as_json: bool, full: bool = False) -> ExitCode:
    """Runs the job and prints progress and a summary.

    Args:
        name: The organization's name.
        day_given: The day; None is today.
        as_json: Print the summary as one JSON document.
        full: Read all memberships, also the unchanged ones.

    Raises:
        UsageError: The organization or the day cannot be synced.
        ClickException: Dagster's storage cannot be written, so there is no run.
    """
    os.environ["DAGSTER_HOME"] = str(prepared_home())
    organization = organization_of(name)
    day = day_of(organization, day_given)
    lake = writable_lake_of(organization)
    if day == organization.today(datetime.now(UTC)):  # a past day is only resolved, nothing is read
        try:
            refuse_missing_secrets(organization)
        except UsageError:
            if not runs_elsewhere():
                raise
    with terminal() as console, watching(console) as watcher:
        console.print(f"{name}: syncing {day}", markup=False, highlight=False)

        def on_failure() -> None:
            message = f"{name}: the sync failed, continuing with the stored snapshots"
            console.print(message, markup=False, highlight=False)

        try:
            sync, resolve = run_sync(organization, day, lake, watcher, on_failure, full=full)
        except Exception as error:
            refused = storage_refusal(error)
            if refused is None:
                raise
            lines = [str(refused), *notify_of_refusal(organization, lake, day, refused)]
            raise click.ClickException("\n".join(lines)) from None
    report = _report(organization, day, lake, sync, resolve, send_notifications(organization, lake))
    if as_json:
        click.echo(json.dumps(as_document(report), indent=2))
    else:
        click.echo("\n".join(format_report(report)))
    return report.status


def format_report(report: Report) -> list[str]:
    """The lines of the summary: failures, reads, changes, the published day, the next sync."""
    outcome = {
        ExitCode.DONE: "done",
        ExitCode.FAILED: "the sync failed",
        ExitCode.HELD_BACK: "held back",
    }[report.status]
    if report.sync.interrupted:
        outcome = "interrupted"
    return [
        f"{report.organization.name}, {report.day}: {outcome}.",
        *(f"  {line}" for failure in report.failures for line in failure.splitlines()),
        *(_read(name, manifest, report) for name, manifest in report.snapshots.items()),
        *_set_aside(report),
        *_changed(report),
        *_warnings(report),
        *_published(report),
        *(f"  Notices    {notice}" for notice in report.notices),
        _next(report),
    ]


def as_document(report: Report) -> dict[str, object]:
    """The same as a JSON document."""
    published_day = report.published
    return {
        "organization": report.organization.name,
        "day": str(report.day),
        "status": STATUS[report.status],
        "run_id": report.sync.run_id,
        "resolve_run_id": report.resolve.run_id if report.resolve else None,
        "failures": list(report.failures),
        "held_because": report.held_because,
        "directories": {
            name: {
                "rows": dict(manifest.rows),
                "set_aside": dict(manifest.set_aside),
                "first_set_aside": {
                    table: {"page": page, "record": record}
                    for table, (page, record) in manifest.first_set_aside.items()
                },
                "mode": manifest.mode,
                "started": manifest.started.isoformat(),
                "finished": manifest.finished.isoformat(),
                "read_now": manifest.run_id == report.sync.run_id,
                "cost": manifest.cost.model_dump(),
                "checks": [_check(result) for result in check_snapshot(manifest)],
            }
            for name, manifest in report.snapshots.items()
        },
        "resolved": dict(report.resolved.rows) if report.resolved else None,
        "resolved_checks": [_check(result) for result in report.resolved_checks],
        "published": published_day.model_dump(mode="json", exclude={"resolved"})
        if published_day
        else None,
        "database": report.lake.url(DATABASE) if published_day else None,
        "export_warnings": _export_warnings(report),
        "notices": report.notices,
        "next_sync": report.organization.next_sync(datetime.now(UTC)).isoformat()
        if report.organization.enabled
        else None,
    }


def _report(
    organization: Organization,
    day: date,
    lake: Lake,
    sync: JobRun,
    resolve: JobRun | None,
    notices: list[str],
) -> Report:
    stored = {
        name: lake.snapshot(name, day).manifest(SnapshotManifest)
        for name in organization.directories
    }
    judgement = stored_judgement(lake, day) if (resolve or sync).held else None
    resolved = lake.resolved(day).manifest(ResolvedManifest)
    resolved_now = not sync.failures or sync.held or resolve is not None
    return Report(
        organization=organization,
        day=day,
        sync=sync,
        resolve=resolve,
        snapshots={name: manifest for name, manifest in stored.items() if manifest},
        resolved=resolved,
        resolved_checks=_resolved_checks(lake, resolved) if resolved and resolved_now else [],
        held_because=judgement.reasons if judgement else [],
        published=published(lake),
        lake=lake,
        notices=notices,
    )


def _read(directory: str, manifest: SnapshotManifest, report: Report) -> str:
    rows = manifest.rows
    counts = (
        f"{rows['raw_users']:,} users, {rows['raw_groups']:,} groups,"
        f" {rows['memberships']:,} memberships"
    )
    if manifest.run_id != report.sync.run_id:
        return f"  Kept       {directory}: {counts}, as read at {manifest.finished:%H:%M} UTC"
    seconds = (manifest.finished - manifest.started).total_seconds()
    waited = f", {manifest.cost.waited:.0f} s of them waiting" if manifest.cost.waited >= 1 else ""
    requests = f"{manifest.cost.requests:,} requests"
    return f"  Read       {directory}: {counts} ({requests}, {seconds:.1f} s{waited})"


def _check(result: CheckResult) -> dict[str, object]:
    """A check's result under the names that the JSON has had since version 0.1."""
    return {
        "name": result.name,
        "table": result.subject,
        "passed": result.passed,
        "holds": result.severity == "error",
        "says": result.text,
        "numbers": dict(result.numbers),
    }


def _resolved_checks(lake: Lake, resolved: ResolvedManifest) -> list[CheckResult]:
    before = comparison_targets(lake, resolved.day).before
    return check_resolved_day(resolved, before.manifest(lake) if before else None)


def _set_aside(report: Report) -> list[str]:
    """A line for each directory with records that were not read, though too few to hold the day back."""
    lines = []
    for directory, manifest in report.snapshots.items():
        counts = [
            f"{count:,} of {as_words(table)}{_first_set_aside(manifest, table)}"
            for table, count in manifest.set_aside.items()
            if count
        ]
        if counts:
            why = "no object with a usable id, a key twice, too large, or nested too deeply"
            lines.append(f"  Set aside  {directory}: {', '.join(counts)}: {why}")
    return lines


def _first_set_aside(manifest: SnapshotManifest, table: Table) -> str:
    """Where the first of these records is; empty where that is not known. Its content may be personal."""
    place = manifest.first_set_aside.get(table)
    return f" (the first: page {place[0]:,}, record {place[1]:,})" if place else ""


def _warnings(report: Report) -> list[str]:
    """The checks to look at; those that hold the day back are among the reasons for that."""
    snapshots = [
        f"  Look at    {directory}: {result.text}"
        for directory, manifest in report.snapshots.items()
        for result in check_snapshot(manifest)
        if result.outcome == "warning"
    ]
    resolved = [
        f"  Look at    {result.subject}: {result.text}"
        for result in report.resolved_checks
        if result.outcome == "warning"
    ]
    exported = [f"  Look at    {words}" for words in _export_warnings(report).values()]
    return snapshots + resolved + exported


def _export_warnings(report: Report) -> dict[str, str]:
    exports_now = report.organization.publish.csv is not None and report.is_published
    return last_warnings(report.lake) if exports_now else {}


def _changed(report: Report) -> list[str]:
    resolved_now = not report.sync.failures or report.sync.held or report.resolve
    if report.resolved is None or not resolved_now:
        return []
    rows = report.resolved.rows
    older = "".join(
        f", with {directory} as it was on {source.day}"
        for directory, source in report.resolved.sources.items()
        if source.day != report.day
    )
    accounts = f" from {rows['accounts']:,} accounts" if len(report.resolved.sources) > 1 else ""
    lines = [
        (
            f"  Resolved   {rows['people']:,} people{accounts}, {rows['groups']:,} groups,"
            f" {rows['memberships']:,} memberships{older}"
        )
    ]
    if rows["conflicts"]:
        lines.append(
            f"  Conflicts  {rows['conflicts']:,}: directories disagree on a value or on which accounts"
            " are one person; see the table `conflicts`"
        )
    last = report.published
    difference = last.difference if report.is_published and last else None
    if last is not None and last.base is not None and difference is not None:
        # Rare, and worth a look: a merged person has another person's signature.
        moved = {"merged": difference.merged, "split": difference.split}
        others = "".join(f", {count:,} {change}" for change, count in moved.items() if count)
        lines.append(
            f"  Changed    {difference.added:,} people added, {difference.removed:,} removed,"
            f" {difference.changed:,} changed{others} since the directory of {last.base.day}"
        )
    return lines


def _published(report: Report) -> list[str]:
    unchanged = "" if report.is_published else ", as before"
    return [
        f"  Published  the directory of {report.published.day}{unchanged}: {report.lake.url(DATABASE)}"
        if report.published
        else "  Published  nothing yet",
        f"  Run        {report.sync.run_id} in Dagster's UI (opensense-okta ui)",
    ]


def _next(report: Report) -> str:
    name = report.organization.name
    when = report.organization.next_sync(datetime.now(UTC))
    by_hand = f"by hand: opensense-okta sync {name}"
    if not report.organization.enabled:
        return f"  Next       {by_hand} (the schedule is off: `enabled: false`)"
    return f"  Next       {when:%Y-%m-%d %H:%M %Z} by the schedule while Dagster runs; {by_hand}"
