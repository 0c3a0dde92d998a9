"""The assets of one organization: a read for each directory, the resolved tables, what is published."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import dagster as dg
from pydantic import Field

from opensense_okta.config.environment import data_root
from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import TABLES
from opensense_okta.directories.read import Run, take_snapshot
from opensense_okta.directories.snapshot_checks import CHECKS, check_snapshot
from opensense_okta.orchestration import failures, names
from opensense_okta.orchestration import metadata as tables
from opensense_okta.orchestration.approval import Publishing, record_approval, show_held
from opensense_okta.orchestration.metadata import RULES_EFFECTIVE
from opensense_okta.orchestration.resources import PROGRESS, lock_key
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.guards.evaluate import GUARD_QUESTIONS, Guard
from opensense_okta.publishing.judgement import judge
from opensense_okta.publishing.publish import Held, publish, resolved_day
from opensense_okta.publishing.published import comparison_targets, published
from opensense_okta.publishing.report.report import write_report
from opensense_okta.resolution.checks import RESOLUTION_CHECKS, check_resolved_day
from opensense_okta.resolution.resolve import TABLES as RESOLVED_TABLES
from opensense_okta.resolution.resolve import resolve
from opensense_okta.resolution.rule_advice import advise
from opensense_okta.storage.lake import Lake

OVERDUE = timedelta(hours=26)  # a daily sync that takes two hours and is still late by none
LATE = timedelta(hours=30)


class Reading(dg.Config):
    """What a person may ask of a read."""

    full: bool = Field(default=False, description="Read all memberships, the unchanged ones, too.")


def partitions(organization: Organization) -> dg.DailyPartitionsDefinition:
    """The organization's days, today among them."""
    return dg.DailyPartitionsDefinition(
        start_date=organization.first_day.isoformat(), timezone=organization.timezone, end_offset=1
    )


def build_assets(organization: Organization) -> list[dg.AssetsDefinition]:
    """All assets of the organization."""
    reads = [_directory(organization, directory) for directory in organization.directories]
    after = [_exports(organization)] if organization.publish.csv else []
    return [
        *reads,
        _resolved(organization),
        _changes(organization),
        _published(organization),
        *after,
        _report(organization),
    ]


def resolving(organization: Organization) -> dg.AssetSelection:
    """The assets that need no API: they work on what is stored."""
    chosen = [*RESOLVED_TABLES, "changes", "resolved_directory", "report"]
    if organization.publish.csv:
        chosen.append("exports")
    return dg.AssetSelection.assets(*(tables.key(organization.name, name) for name in chosen))


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
        name=names.read_op(organization.name, directory),
        description=f"Reads {directory} once and commits its three tables together.",
        specs=specs,
        check_specs=[
            dg.AssetCheckSpec(
                check.name,
                asset=tables.key(organization.name, directory, check.table),
                description=check.question,
            )
            for check in CHECKS[kind]
        ],
        partitions_def=partitions(organization),
        required_resource_keys={PROGRESS, lock_key(organization.name)},
    )
    def read(
        context: dg.AssetExecutionContext, config: Reading
    ) -> Iterator[dg.MaterializeResult[None]]:
        day = _day(context)
        lake = Lake(data_root(), organization.name)
        attempt_group = names.current_tags(context.run.tags).get(
            names.ATTEMPT_GROUP, context.run.run_id
        )
        run = Run(context.run.run_id, attempt_group, everything=config.full)
        listener = context.resources.progress.listener(context, directory)
        with failures.in_words(context, f"{organization.name}/{directory}"):
            lake.sweep(datetime.now(UTC))
            manifest = take_snapshot(organization, directory, day, lake, run, listener)
        shelf = lake.snapshot(directory, day)
        how = tables.of_snapshot(manifest, kept=manifest.run_id != context.run.run_id)
        findings = check_snapshot(manifest)
        for table in TABLES:
            asset = tables.key(organization.name, directory, table)
            yield dg.MaterializeResult(
                asset_key=asset,
                metadata={
                    **tables.of_table(shelf.table(manifest, table)),
                    **how,
                    "set_aside": manifest.set_aside[table],
                },
                check_results=[
                    tables.check_result(found, asset)
                    for found in findings
                    if found.subject == table
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
        name=names.resolve_op(organization.name),
        description="Resolves the newest snapshots up to the day into people, by the organization's rules.",
        specs=specs,
        check_specs=[
            *(
                dg.AssetCheckSpec(
                    check.name,
                    asset=tables.key(organization.name, check.table),
                    description=check.question,
                )
                for check in RESOLUTION_CHECKS
            ),
            dg.AssetCheckSpec(
                RULES_EFFECTIVE,
                asset=tables.key(organization.name, "provenance"),
                description="Does every rule of the organization file have an effect?",
            ),
        ],
        partitions_def=partitions(organization),
        required_resource_keys={lock_key(organization.name)},
    )
    def resolved(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        day = _day(context)
        lake = Lake(data_root(), organization.name)
        with failures.in_words(context, organization.name):
            manifest = resolve(organization, day, lake)
            before = comparison_targets(lake, day).before
        made_from = {
            f"snapshot_of_{directory}": str(source.day)
            for directory, source in manifest.sources.items()
        }
        for table in RESOLVED_TABLES:
            path = lake.resolved(day).table(manifest, table)
            yield dg.MaterializeResult(
                asset_key=tables.key(organization.name, table),
                metadata={
                    **tables.of_table(path),
                    **made_from,
                    "rules": manifest.rules,
                },
            )
        for found in check_resolved_day(manifest, before.manifest(lake) if before else None):
            yield tables.check_result(found, tables.key(organization.name, found.subject))
        advice = advise(organization, lake, manifest)
        yield tables.advice_result(advice, tables.key(organization.name, "provenance"))

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


def _changes(organization: Organization) -> dg.AssetsDefinition:
    """The day's changes, and what the guards say of them."""
    changes = tables.key(organization.name, "changes")

    @dg.multi_asset(
        name=names.judge_op(organization.name),
        description="Compares the day with the published directory, and judges the difference.",
        specs=[
            dg.AssetSpec(
                changes,
                description=tables.CHANGES,
                deps=[tables.key(organization.name, table) for table in RESOLVED_TABLES],
                group_name=organization.name,
                kinds={"duckdb", "parquet"},
                owners=["team:directory"],
            )
        ],
        check_specs=[
            *(
                dg.AssetCheckSpec(guard, asset=changes, description=GUARD_QUESTIONS[guard])
                for guard in get_args(Guard)
            ),
        ],
        partitions_def=partitions(organization),
        required_resource_keys={lock_key(organization.name)},
    )
    def judged(
        context: dg.AssetExecutionContext,
    ) -> Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]:
        day = _day(context)
        lake = Lake(data_root(), organization.name)
        with failures.in_words(context, organization.name):
            resolved = resolved_day(lake, day)
            judgement = judge(organization, lake, resolved)
        path = lake.resolved(day).table(resolved, "changes")
        yield dg.MaterializeResult(
            asset_key=changes,
            metadata={**tables.of_table(path), **tables.of_judgement(judgement)},
        )
        for guard in get_args(Guard):
            yield tables.guard_result(judgement, guard, changes)

    return judged


def _published(organization: Organization) -> dg.AssetsDefinition:
    key = tables.key(organization.name, "resolved_directory")

    @dg.asset(
        key=key,
        description=tables.PUBLISHED,
        deps=[tables.key(organization.name, table) for table in (*RESOLVED_TABLES, "changes")],
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
            record_approval(context, organization, lake, day, config)
            try:
                done = publish(organization, lake, day, even_if_older=config.even_if_older)
            except Held as held:
                show_held(context, lake, held.judgement)
                raise
        if done.newer is not None:
            context.log.info(
                f"{day} is resolved. It was not published, because {done.newer} already is; a run"
                " with `even_if_older: true` publishes it all the same."
            )
        return dg.MaterializeResult(metadata=tables.of_publication(done, lake))

    return resolved_directory


def _exports(organization: Organization) -> dg.AssetsDefinition:
    @dg.asset(
        key=tables.key(organization.name, "exports"),
        description=tables.EXPORTS,
        deps=[tables.key(organization.name, "resolved_directory")],
        group_name=organization.name,
        kinds={"csv"},
        owners=["team:directory"],
        partitions_def=partitions(organization),
        required_resource_keys={lock_key(organization.name)},
    )
    def exports(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        lake = Lake(data_root(), organization.name)
        with failures.in_words(context, organization.name):
            done = export_published(organization, lake, _day(context))
        return dg.MaterializeResult(metadata=tables.of_exports(done))

    return exports


def _report(organization: Organization) -> dg.AssetsDefinition:
    @dg.asset(
        key=tables.key(organization.name, "report"),
        description=tables.REPORT,
        deps=[tables.key(organization.name, "resolved_directory")],
        group_name=organization.name,
        kinds={"html"},
        owners=["team:directory"],
        partitions_def=partitions(organization),
        required_resource_keys={lock_key(organization.name)},
    )
    def report(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
        lake, day = Lake(data_root(), organization.name), _day(context)
        now = published(lake)
        if now is None or now.day != day:
            context.log.info(f"{day} is not what is published; its report stays as it is.")
            return dg.MaterializeResult(metadata={"written": False})
        path = write_report(organization, lake, day)
        return dg.MaterializeResult(
            metadata={
                "report": dg.MetadataValue.url(path.as_uri()),
                "bytes": dg.MetadataValue.int(path.stat().st_size),
            }
        )

    return report


def _day(context: dg.AssetExecutionContext) -> date:
    if not context.has_partition_key:
        raise dg.Failure(
            "Choose a day: these assets are partitioned by day, in the organization's time zone.",
            allow_retries=False,
        )
    return date.fromisoformat(context.partition_key)
