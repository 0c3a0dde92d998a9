"""The assets of one organization: the tables of each directory, the resolved tables, what is published."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import get_args

import dagster as dg
from pydantic import Field

from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import TABLES, CheckResult
from opensense_okta.directories.read import stored_snapshot, take_snapshot
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import CHECKS, check_snapshot
from opensense_okta.orchestration import names
from opensense_okta.orchestration.approval import (
    Publishing,
    is_published,
    log_held_back,
    log_not_published,
    record_approval,
)
from opensense_okta.orchestration.assets import metadata
from opensense_okta.orchestration.assets.metadata import PUBLISHED, RULES_EFFECTIVE
from opensense_okta.orchestration.assets.specs import (
    asset_key,
    changes_spec,
    check_spec,
    exports_spec,
    external_specs,
    published_spec,
    raw_specs,
    report_spec,
    resolved_specs,
)
from opensense_okta.orchestration.assets.step import Results, day_and_lake, day_step, selected
from opensense_okta.orchestration.resources import LakeResource, Watcher
from opensense_okta.orchestration.retries import describe_next
from opensense_okta.orchestration.runs import read_run
from opensense_okta.publishing.doctor import damaged_documents
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.exports.warnings import last_warnings, people_words
from opensense_okta.publishing.guards.evaluate import GUARD_QUESTIONS, WARNING, Guard
from opensense_okta.publishing.judgement import judge_day
from opensense_okta.publishing.publish import Held, publish, restore_ledger
from opensense_okta.publishing.published import comparison_targets, resolved_day
from opensense_okta.publishing.report.report import write_report
from opensense_okta.resolution.checks import RESOLUTION_CHECKS, check_resolved_day
from opensense_okta.resolution.resolve import TABLES as RESOLVED_TABLES
from opensense_okta.resolution.resolve import ResolvedManifest, resolve
from opensense_okta.resolution.rule_advice import advise
from opensense_okta.storage.lake import Lake


class Reading(dg.Config):
    """The run configuration of a read."""

    full: bool = Field(default=False, description="Read all memberships, also the unchanged ones.")


def build_assets(
    organization: Organization, lakes: LakeResource
) -> list[dg.AssetsDefinition | dg.AssetSpec]:
    """All assets of the organization, and the external ones before and after them."""
    reads = [_directory(organization, directory, lakes) for directory in organization.directories]
    exports = [_exports(organization)] if organization.publish.csv else []
    return [
        *external_specs(organization),
        *reads,
        _resolved(organization, lakes),
        _changes(organization, lakes),
        _published(organization, lakes),
        *exports,
        _report(organization),
    ]


def resolving(organization: Organization) -> dg.AssetSelection:
    """The assets that need no API: they are made from stored data."""
    tables = [*RESOLVED_TABLES, "changes", "resolved_directory", "report"]
    if organization.publish.csv:
        tables.append("exports")
    return dg.AssetSelection.assets(*(asset_key(organization.name, table) for table in tables))


def _directory(
    organization: Organization, directory: str, lakes: LakeResource
) -> dg.AssetsDefinition:
    def key(table: str) -> dg.AssetKey:
        return asset_key(organization.name, directory, table)

    @day_step(
        organization,
        names.read_op(organization.name, directory),
        f"Reads {directory} once and commits its three tables together.",
        raw_specs(organization, directory, lakes.uris(organization.name)),
        [
            check_spec(
                organization,
                check.name,
                key(check.table),
                check.question,
                blocks=check.blocks_publishing,
            )
            for check in CHECKS[organization.directories[directory].kind]
        ],
    )
    def read(context: dg.AssetExecutionContext, config: Reading) -> Results:
        run = read_run(context.instance, context.run, organization.name, full=config.full)
        watcher: Watcher = getattr(context.resources, names.PROGRESS)
        with day_and_lake(context, organization, directory) as (day, lake):
            lake.sweep(datetime.now(UTC))
            if context.selected_asset_keys:
                listener = watcher.listener(context, directory)
                manifest = take_snapshot(organization, directory, day, lake, run, listener)
            else:  # checks alone
                manifest = stored_snapshot(organization, directory, day, lake)
            kept = manifest.run_id != run.id
            if kept and day < organization.today(datetime.now(UTC)):
                context.log.info(
                    f"{directory}: {day} is over, so its stored snapshot is used and nothing was read."
                )
            yield from selected(context, results(lake, manifest, kept=kept))

    def results(lake: Lake, manifest: SnapshotManifest, *, kept: bool) -> Results:
        partition = lake.snapshot(directory, manifest.day)
        how_read = metadata.snapshot_metadata(manifest, kept=kept)
        for table in TABLES:
            yield dg.MaterializeResult(
                asset_key=key(table),
                metadata={
                    **metadata.table_metadata(partition.table(manifest, table)),
                    **how_read,
                    "set_aside": manifest.set_aside[table],
                },
            )
        for result in check_snapshot(manifest):
            yield metadata.check_result(result, key(result.subject))

    return read


def _resolved(organization: Organization, lakes: LakeResource) -> dg.AssetsDefinition:
    def key(table: str) -> dg.AssetKey:
        return asset_key(organization.name, table)

    @day_step(
        organization,
        names.resolve_op(organization.name),
        "Resolves the newest snapshots up to the day into people, by the organization's rules.",
        resolved_specs(organization, lakes.uris(organization.name)),
        [*_resolution_checks(organization)],
    )
    def resolved(context: dg.AssetExecutionContext) -> Results:
        with day_and_lake(context, organization) as (day, lake):
            if context.selected_asset_keys:
                _repair(context, lake)
                manifest = resolve(organization, day, lake)
            else:  # checks alone
                manifest = resolved_day(lake, day)
            target = comparison_targets(lake, day).before
            before = target.manifest(lake) if target else None
            checked = check_resolved_day(manifest, before)
            made_from = metadata.resolved_metadata(manifest, before)
            yield from selected(context, results(lake, manifest, made_from, checked))

    def results(
        lake: Lake,
        manifest: ResolvedManifest,
        made_from: Mapping[str, dg.MetadataValue],
        checked: Iterable[CheckResult],
    ) -> Results:
        for table in RESOLVED_TABLES:
            path = lake.resolved(manifest.day).table(manifest, table)
            counts = metadata.nested_memberships(manifest) if table == "memberships" else {}
            yield dg.MaterializeResult(
                asset_key=key(table),
                metadata={**metadata.table_metadata(path), **counts, **made_from},
            )
        for result in checked:
            yield metadata.check_result(result, key(result.subject))
        yield metadata.advice_result(advise(organization, lake, manifest), key("provenance"))

    return resolved


def _repair(context: dg.AssetExecutionContext, lake: Lake) -> None:
    """Names the damaged files of the lake, and writes those of the ledger again."""
    for problem in damaged_documents(lake):
        context.log.warning(str(problem))
    for day in restore_ledger(lake):
        context.log.warning(f"The identity ledger of {day} was lost. It is written again.")


def _resolution_checks(organization: Organization) -> Iterator[dg.AssetCheckSpec]:
    for check in RESOLUTION_CHECKS:
        key = asset_key(organization.name, check.table)
        yield check_spec(
            organization, check.name, key, check.question, blocks=check.blocks_publishing
        )
    yield check_spec(
        organization,
        RULES_EFFECTIVE,
        asset_key(organization.name, "provenance"),
        "Does every rule of the organization file have an effect?",
        blocks=False,
    )


def _changes(organization: Organization, lakes: LakeResource) -> dg.AssetsDefinition:
    key = asset_key(organization.name, "changes")

    @day_step(
        organization,
        names.judge_op(organization.name),
        "Compares the day with the published directory, and evaluates the guards.",
        [changes_spec(organization, lakes.uris(organization.name))],
        [
            check_spec(
                organization, guard, key, GUARD_QUESTIONS[guard], blocks=guard not in WARNING
            )
            for guard in get_args(Guard)
        ],
    )
    def judged(context: dg.AssetExecutionContext) -> Results:
        with day_and_lake(context, organization) as (day, lake):
            resolved = resolved_day(lake, day)
            judgement = judge_day(organization, lake, resolved)
            table = metadata.table_metadata(lake.resolved(day).table(resolved, "changes"))
        yield dg.MaterializeResult(
            asset_key=key,
            metadata={**table, **metadata.judgement_metadata(judgement)},
        )
        for guard in get_args(Guard):
            yield metadata.guard_result(judgement, guard, key)

    return judged


def _published(organization: Organization, lakes: LakeResource) -> dg.AssetsDefinition:
    key = asset_key(organization.name, "resolved_directory")

    @day_step(
        organization,
        names.publish_op(organization.name),
        "Publishes the day, unless guards or data checks hold it back.",
        [published_spec(organization, lakes.uris(organization.name))],
        [
            check_spec(
                organization,
                PUBLISHED,
                key,
                "Is the day published, with data of that day from every directory?",
                blocks=False,
            )
        ],
    )
    def resolved_directory(context: dg.AssetExecutionContext, config: Publishing) -> Results:
        def published_check(why_not: Held | str | None) -> dg.AssetCheckResult:
            follows = describe_next(context.instance, organization, day, context.run.run_id)
            return metadata.published_result(lake, day, key, why_not, follows)

        with day_and_lake(context, organization) as (day, lake):
            record_approval(context, organization, lake, day, config)
            try:
                publication = publish(organization, lake, day, even_if_older=config.even_if_older)
            except Held as held:
                log_held_back(context, lake, held.judgement)
                yield published_check(held)
                raise
            if publication.not_published:
                log_not_published(context, lake, publication)
            else:
                shown = metadata.publication_metadata(publication, lake)
                yield dg.MaterializeResult(asset_key=key, metadata=shown)
            yield published_check(publication.not_published)

    return resolved_directory


def _exports(organization: Organization) -> dg.AssetsDefinition:
    @day_step(
        organization,
        names.export_op(organization.name),
        "Writes the files for other programs, if the day is the published one.",
        [exports_spec(organization)],
    )
    def exports(context: dg.AssetExecutionContext) -> Results:
        with day_and_lake(context, organization) as (day, lake):
            if is_published(context, lake, day):
                files = export_published(organization, lake, day)
                warnings = last_warnings(lake)
                for words in warnings.values():
                    context.log.warning(words)
                shown = metadata.exports_metadata(files, {**warnings, **people_words(lake)})
                yield dg.MaterializeResult(asset_key=context.asset_key, metadata=shown)

    return exports


def _report(organization: Organization) -> dg.AssetsDefinition:
    @day_step(
        organization,
        names.report_op(organization.name),
        "Writes the report, if the day is the published one.",
        [report_spec(organization)],
    )
    def report(context: dg.AssetExecutionContext) -> Results:
        with day_and_lake(context, organization) as (day, lake):
            if is_published(context, lake, day):
                path = write_report(organization, lake, day)
                yield dg.MaterializeResult(
                    asset_key=context.asset_key, metadata=metadata.report_metadata(lake, path)
                )

    return report
