"""Names that Dagster stores and people type: tags of runs, and jobs, ops, sensors and resources."""

from collections.abc import Mapping
from datetime import date
from typing import Final

# Tags of runs.

ORGANIZATION: Final = "opensense/organization"
"""The organization's name, on every run of its jobs."""

PARTITION: Final = "dagster/partition"
"""The run's day; Dagster sets it."""

ATTEMPT_GROUP: Final = "opensense/attempt_group"
"""The run id of the first attempt. The first attempt itself does not have this tag."""

ATTEMPT: Final = "opensense/attempt"
"""The number of the attempt, from "2" on. The first attempt does not have this tag."""

PARENT_RUN: Final = "dagster/parent_run_id"
"""The run that a person re-executes; Dagster sets it."""

ROOT_RUN: Final = "dagster/root_run_id"
"""The first run of a chain of re-executions; Dagster sets it."""

FAILURE: Final = "opensense/failure"
"""Why the run failed: one of the three values below. A failed run without it was killed.

A run may have assets of several organizations. The tag of each organization, such as
`opensense/failure.acme`, counts for that organization; this one is of the run as a whole. Versions before
wrote this one only.
"""

TRANSIENT: Final = "transient"
"""The same job may succeed if it is started again later."""

PERMANENT: Final = "permanent"
"""A retry would fail, too: a person must fix the cause, such as credentials, the configuration or rights."""

HELD: Final = "held"
"""Guards or data checks hold publishing back: a person decides."""

RETRY_AT: Final = "opensense/retry_at"
"""When the API accepts requests again (ISO 8601, UTC): an earlier retry is useless."""

WORKER: Final = "opensense/worker"
"""Where the run works, as host/process/run id; it has the tag once it holds its lock in PostgreSQL."""

SCHEDULE: Final = "dagster/schedule_name"
"""The schedule that started the run; Dagster sets it."""

_RENAMED_TAGS: Final = {"opensense/chain": ATTEMPT_GROUP, "opensense/try": ATTEMPT}
_RENAMED_FAILURES: Final = {"heals": TRANSIENT}


def current_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Returns a run's tags with today's names and values: version 0.1 wrote some differently."""
    current = {_RENAMED_TAGS.get(name, name): value for name, value in tags.items()}
    if FAILURE in current:
        current[FAILURE] = _RENAMED_FAILURES.get(current[FAILURE], current[FAILURE])
    return current


def tag_of(tag: str, organization: str) -> str:
    """The tag `FAILURE` or `RETRY_AT` of one organization of a run."""
    return f"{tag}.{organization}"


def has_own_tags(tags: Mapping[str, str], tag: str) -> bool:
    """Whether a run has a tag of single organizations, such as `opensense/failure.acme`."""
    return any(name.startswith(f"{tag}.") and value for name, value in tags.items())


def value_for(tags: Mapping[str, str], tag: str, organization: str) -> str | None:
    """What the tag `FAILURE` or `RETRY_AT` says of one organization of a run; None: nothing."""
    name = tag_of(tag, organization) if has_own_tags(tags, tag) else tag
    return tags.get(name) or None


def attempt_group(run_id: str, tags: Mapping[str, str]) -> str:
    """Returns the id of a run's attempt group; a run that a person re-executes stays in its group."""
    return current_tags(tags).get(ATTEMPT_GROUP) or tags.get(ROOT_RUN) or run_id


# Jobs and schedules.

ASSET_JOB: Final = "__ASSET_JOB"
"""Dagster's own job: what *Materialize* and a backfill of assets start."""


def organization_of_job(job: str) -> str | None:
    """The organization whose job it is; None: it is a job of all organizations, or Dagster's own."""
    return job.rpartition("__")[0] or None


def sync_job(organization: str) -> str:
    """The job that reads all directories, resolves and publishes."""
    return f"{organization}__sync"


def resolve_job(organization: str) -> str:
    """The job that resolves and publishes what is stored."""
    return f"{organization}__resolve"


def approve_job(organization: str) -> str:
    """The job that publishes a day that was held back."""
    return f"{organization}__approve"


def doctor_job(organization: str) -> str:
    """The job that checks what a sync needs."""
    return f"{organization}__doctor"


def retention_job(organization: str) -> str:
    """The job that deletes expired days and snapshots."""
    return f"{organization}__retention"


RUN_LOGS_JOB: Final = "delete_run_logs"
"""The job that deletes the logs of old runs, of all organizations."""

RUN_LOGS_SCHEDULE: Final = "delete_run_logs_daily"


def sync_schedule(organization: str) -> str:
    """The schedule of the sync."""
    return f"{organization}__daily"


def retention_schedule(organization: str) -> str:
    """The schedule of the retention job."""
    return f"{organization}__retention_daily"


# Ops, as run configuration names them.


def read_op(organization: str, directory: str) -> str:
    """Reads one directory."""
    return f"{organization}__read__{directory}"


def resolve_op(organization: str) -> str:
    """Makes the resolved tables."""
    return f"{organization}__resolved"


def judge_op(organization: str) -> str:
    """Compares the day with the published directory."""
    return f"{organization}__judge"


def publish_op(organization: str) -> str:
    """Publishes the day."""
    return f"{organization}__resolved_directory"


def export_op(organization: str) -> str:
    """Writes the exports."""
    return f"{organization}__exports"


def report_op(organization: str) -> str:
    """Writes the report."""
    return f"{organization}__report"


def doctor_op(organization: str) -> str:
    """Runs the doctor's checks."""
    return f"{organization}__examine"


def retention_op(organization: str) -> str:
    """Deletes what has expired."""
    return f"{organization}__delete_expired"


RUN_LOGS_OP: Final = "delete_old_run_logs"


def failed_part(organization: str, op: str) -> str:
    """What a failed op worked on, for a notification: a directory, or a step such as `judge`."""
    return op.removeprefix(f"{organization}__").removeprefix("read__")


def directory_of(organization: str, op: str) -> str:
    """The directory that an op reads; empty: it reads none."""
    read = read_op(organization, "")
    return op.removeprefix(read) if op.startswith(read) else ""


# Addresses of pages. They are relative: so they are right behind every proxy.


def report_page(organization: str, day: date) -> str:
    """Where the UI shows a report."""
    return f"/directory/{organization}/reports/{day}"


def day_page(organization: str, day: date) -> str:
    """Where the UI shows why a day is held back, and lets a named user approve it."""
    return f"/directory/{organization}/days/{day}"


# Sensors.

RETRIES: Final = "retries"
NOTICES: Final = "notices"

# Resources.

LAKE: Final = "lake"
PROGRESS: Final = "progress"


def lock_resource(organization: str) -> str:
    """The organization's lock. Each organization has its own: one run may have several of them."""
    return f"{organization}__lock"
