"""The assets of one organization: a read for each directory, the resolved tables, what is published."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
from pydantic import Field

from opensense_okta.directories.reading import Run, take_snapshot
from opensense_okta.directories.snapshot import CHECKS, TABLES, judge_snapshot
from opensense_okta.environment import data_root
from opensense_okta.lake import Lake
from opensense_okta.orchestration import failures, tables, tags
from opensense_okta.orchestration.resources import PROGRESS, lock_key
from opensense_okta.organization import Organization
from opensense_okta.publishing.publish import publish
from opensense_okta.resolution.resolve import TABLES as RESOLVED_TABLES
from opensense_okta.resolution.resolve import resolve

OVERDUE = timedelta(hours=26)  # a daily sync that takes two hours and is still late by none
LATE = timedelta(hours=30)


class Reading(dg.Config):
    """What a person may ask of a read."""

    full: bool = Field(default=False, description="Read all memberships, the unchanged ones, too.")


class Publishing(dg.Config):
    """What a person may ask of publishing."""

    even_if_older: bool = False


def partitions(organization: Organization) -> dg.DailyPartitionsDefinition:
    """The organization's days, today among them."""
    return dg.DailyPartitionsDefinition(
        start_date=organization.first_day.isoformat(), timezone=organization.timezone, end_offset=1
    )


def build_assets(organization: Organization) -> list[dg.AssetsDefinition]:
    """All assets of the organization."""
    reads = [_directory(organization, directory) for directory in organization.directories]
    return [*reads, _resolved(organization), _published(organization)]


def read_op(organization: str, directory: str) -> str:
    """The name of the step that reads the directory, as run configuration names it."""
    return f"{organization}__read__{directory}"


def resolving(organization: Organization) -> dg.AssetSelection:
    """The assets that need no API: they work on what is stored."""
    names = [*RESOLVED_TABLES, "resolved_directory"]
    return dg.AssetSelection.assets(*(tables.key(organization.name, name) for name in names))


def _directory(organization: Organization, directory: str) -> dg.AssetsDefinition:
    kind = organization.directories[directory].kind
    specs = [
        dg.AssetSpec(
            tables.key(organization.name, directory, table),
            description=description,
            group_name=f"{organization.name}/{directory}",
            kinds={kind, "parquet"},
            owners=["team:directory"],
        )
        for table, description in tables.RAW.items()
    ]

    @dg.multi_asset(
        name=read_op(organization.name, directory),
        description=f"Reads {directory} once and commits its three tables together.",
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=tables.key(organization.name, directory, check.table),
                description=check.question,
            )
            for check in CHECKS
        ],
        partitions_def=partitions(organization),
        required_resource_keys={PROGRESS, lock_key(organization.name)},
    )
    def read(
        context: dg.AssetExecutionContext, config: Reading
    ) -> Iterator[dg.MaterializeResult[None]]:
        day = _day(context)
        lake = Lake(data_root(), organization.name)
        chain = context.run.tags.get(tags.CHAIN, context.run.run_id)
        run = Run(context.run.run_id, chain, everything=config.full)
        listener = context.resources.progress.listener(context, directory)
        with failures.in_words(context, f"{organization.name}/{directory}"):
            lake.sweep(datetime.now(UTC))
            manifest = take_snapshot(organization, directory, day, lake, run, listener)
        shelf = lake.snapshot(directory, day)
        how = tables.of_snapshot(manifest, kept=manifest.run_id != context.run.run_id)
        findings = judge_snapshot(manifest)
        for table in TABLES:
            asset = tables.key(organization.name, directory, table)
            yield dg.MaterializeResult(
                asset_key=asset,
                metadata={
                    **tables.of_table(manifest.rows[table], shelf.table(manifest, table)),
                    **how,
                    "set_aside": manifest.set_aside[table],
                },
                check_results=[
                    tables.check_result(found, asset) for found in findings if found.table == table
                ],
            )

    return read


def _resolved(organization: Organization) -> dg.AssetsDefinition:
    specs = [
        dg.AssetSpec(
            tables.key(organization.name, table),
            description=tables.RESOLVED[table],
            deps=_made_of(organization, table),
            group_name=organization.name,
            kinds={"duckdb", "parquet"},
            owners=["team:directory"],
        )
        for table in RESOLVED_TABLES
    ]

    @dg.multi_asset(
        name=f"{organization.name}__resolved",
        description="Resolves the newest snapshots up to the day into people, by the organization's rules.",
        specs=specs,
        partitions_def=partitions(organization),
        required_resource_keys={lock_key(organization.name)},
    )
    def resolved(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[None]]:
        day = _day(context)
        lake = Lake(data_root(), organization.name)
        with failures.in_words(context, organization.name):
            manifest = resolve(organization, day, lake)
        made_from = {
            f"snapshot_of_{directory}": str(source.day)
            for directory, source in manifest.sources.items()
        }
        for table in RESOLVED_TABLES:
            path = lake.resolved(day).table(manifest, table)
            yield dg.MaterializeResult(
                asset_key=tables.key(organization.name, table),
                metadata={
                    **tables.of_table(manifest.rows[table], path),
                    **made_from,
                    "rules": manifest.rules,
                },
            )

    return resolved


def _made_of(organization: Organization, table: str) -> list[dg.AssetKey]:
    """The lineage of a resolved table: of each directory, and of the other resolved tables."""
    raw, resolved = tables.MADE_OF[table]
    return [
        *(
            tables.key(organization.name, name, each)
            for name in organization.directories
            for each in raw
        ),
        *(tables.key(organization.name, each) for each in resolved),
    ]


def _published(organization: Organization) -> dg.AssetsDefinition:
    @dg.asset(
        key=tables.key(organization.name, "resolved_directory"),
        description=tables.PUBLISHED,
        deps=[tables.key(organization.name, table) for table in RESOLVED_TABLES],
        group_name=organization.name,
        kinds={"duckdb"},
        owners=["team:directory"],
        partitions_def=partitions(organization),
        required_resource_keys={lock_key(organization.name)},
        freshness_policy=dg.FreshnessPolicy.time_window(fail_window=LATE, warn_window=OVERDUE),
    )
    def resolved_directory(
        context: dg.AssetExecutionContext, config: Publishing
    ) -> dg.MaterializeResult[None]:
        day = _day(context)
        lake = Lake(data_root(), organization.name)
        with failures.in_words(context, organization.name):
            published = publish(lake, day, even_if_older=config.even_if_older)
        if published.newer is not None:
            context.log.info(
                f"{day} is resolved. It was not published, because {published.newer} already is; a run"
                " with `even_if_older: true` publishes it all the same."
            )
        return dg.MaterializeResult(metadata=tables.of_publication(published, lake.database))

    return resolved_directory


def _day(context: dg.AssetExecutionContext) -> date:
    if not context.has_partition_key:
        raise dg.Failure(
            "Choose a day: these assets are partitioned by day, in the organization's time zone.",
            allow_retries=False,
        )
    return date.fromisoformat(context.partition_key)
