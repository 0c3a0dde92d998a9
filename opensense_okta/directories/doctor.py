"""Checks credentials, permissions, rate limits, files and the last snapshot before a sync."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from shlex import quote

import duckdb

from opensense_okta.config.attributes import mapping, pointer
from opensense_okta.config.directory_models import Directory
from opensense_okta.config.models import Organization
from opensense_okta.config.secret import Secret
from opensense_okta.config.sources import fields_of
from opensense_okta.directories.checks import CheckResult
from opensense_okta.directories.kinds import kind_of
from opensense_okta.directories.read import settings_digest
from opensense_okta.directories.snapshot import SnapshotManifest, newest_snapshot
from opensense_okta.directories.snapshot_checks import check_snapshot
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql

LATE = timedelta(hours=2)
"""How much longer than the largest gap between two ticks the last snapshot may be ago."""


def examine(organization: Organization, lake: Lake) -> dict[str, list[CheckResult]]:
    """The results of each directory, and of the organization under its own name."""
    found = {}
    for name, settings in organization.directories.items():
        stored = newest_snapshot(lake, name, organization.today(datetime.now(UTC)))
        found[name] = [
            *_exposed_secrets(value for _, value in settings),
            *asyncio.run(_examined(settings, organization.resolution.stale_after_days)),
            *_last_snapshot(organization, settings, stored),
            *(_attributes(settings, name, stored, lake) if stored else ()),
        ]
    of_all = [
        *_exposed_secrets(organization.notify),
        _next_sync(organization),
        *_schedule(organization),
    ]
    return {**found, organization.name: of_all}


def _exposed_secrets(values: Iterable[object]) -> list[CheckResult]:
    """A result for each file of a secret that other users can read."""
    return [
        CheckResult.make(
            "secret file",
            "warning",
            f"other users of this machine can read or change the secret's {secret}.",
            f"Run `chmod 600 {quote(str(secret.file))}`. Replace the secret if somebody may have read it.",
        )
        for secret in values
        if isinstance(secret, Secret) and secret.exposed
    ]


async def _examined(settings: Directory, stale_after_days: int) -> list[CheckResult]:
    return await kind_of(settings).examine(settings, stale_after_days)


def _last_snapshot(
    organization: Organization, settings: Directory, stored: SnapshotManifest | None
) -> list[CheckResult]:
    if stored is None:
        remedy = f"Start the first sync: opensense-okta sync {organization.name}"
        return [CheckResult.make("last snapshot", "warning", "there is none yet.", remedy)]
    age = datetime.now(UTC) - stored.finished
    rows = stored.rows
    says = (
        f"of {stored.day}, {age / timedelta(hours=1):.0f} h old, {stored.mode}: {rows['raw_users']:,} users,"
        f" {rows['raw_groups']:,} groups, {rows['memberships']:,} memberships."
    )
    late = _late(organization) if age > organization.largest_gap + LATE else ""
    failed = [result for result in check_snapshot(stored) if not result.passed]
    return [
        CheckResult.make("last snapshot", "warning" if late else "passed", says, late),
        *(result.model_copy(update={"name": "proof"}) for result in failed),
        *([] if failed else [CheckResult.make("proof", "passed", "it passed every check.")]),
        *(
            [
                CheckResult.make(
                    "scope",
                    "warning",
                    "it has changed since the last snapshot; people may disappear.",
                    "If that is not meant, put `scope` and `endpoint` back as they were.",
                )
            ]
            if stored.settings != settings_digest(settings)
            else []
        ),
    ]


def _attributes(
    settings: Directory, directory: str, stored: SnapshotManifest, lake: Lake
) -> list[CheckResult]:
    with engine.start(lake.scratch) as connection:
        engine.view(
            connection, "raw_users", lake.snapshot(directory, stored.day).table(stored, "raw_users")
        )
        sql = Sql(connection, __package__)
        filled = dict(sql.rows("attributes.sql", tuple[str, float]))
        missing = unknown_fields(connection, settings)
    listed = ", ".join(f"{name} {share:.0%}" for name, share in filled.items())
    found = [CheckResult.make("attributes", "passed", f"filled: {listed}.")]
    if missing:
        remedy = "Correct `attributes` in the organization file, or the profiles in the directory."
        says = f"mapped, but no user has them: {', '.join(missing)}."
        found.append(CheckResult.make("attributes", "warning", says, remedy))
    return found


def unknown_fields(connection: duckdb.DuckDBPyConnection, settings: Directory) -> list[str]:
    """The fields of `attributes` that no user has, as `attribute (field)`, also those of joins and lookups.

    Args:
        connection: it has the view `raw_users`.
        settings: of the directory.
    """
    declared = [
        (mapped.attribute, field)
        for mapped in mapping(settings)
        if mapped.attribute in settings.attributes
        for field in fields_of(mapped.source)
    ]
    pointers = [pointer(settings, field) for _, field in declared]
    nowhere = Sql(connection, __package__).rows("unknown_fields.sql", str, pointers=pointers)
    return [
        f"{attribute} ({field})"
        for attribute, field in declared
        if pointer(settings, field) in nowhere
    ]


def _late(organization: Organization) -> str:
    """The hint if the last snapshot is too old."""
    when = organization.next_sync(datetime.now(UTC))
    return (
        f"The sync is late: see the sensor `retries` in Dagster. The next one starts at"
        f" {when:%Y-%m-%d %H:%M %Z}; to start one by hand: opensense-okta sync {organization.name}"
    )


def _schedule(organization: Organization) -> list[CheckResult]:
    warning = organization.schedule_warning
    remedy = "Set `schedule` to an earlier time, or to one after midnight."
    return [CheckResult.make("schedule", "warning", warning, remedy)] if warning else []


def _next_sync(organization: Organization) -> CheckResult:
    when = organization.next_sync(datetime.now(UTC))
    if organization.enabled:
        return CheckResult.make(
            "next sync", "passed", f"{when:%Y-%m-%d %H:%M %Z}, while Dagster runs."
        )
    remedy = "Switch it on in Dagster's UI, or set `enabled: true`."
    return CheckResult.make("next sync", "warning", "the schedule starts switched off.", remedy)
