"""What all steps have in common: the day and the lake of a run, expected errors, selections in part."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from typing import Any

import dagster as dg

from opensense_okta.config.models import Organization
from opensense_okta.orchestration import names
from opensense_okta.orchestration.assets.specs import partitions
from opensense_okta.orchestration.failures import as_dagster_failure
from opensense_okta.orchestration.resources import LakeResource, build_lock
from opensense_okta.orchestration.retries import describe_follow_up
from opensense_okta.storage.lake import Lake

Results = Iterator[dg.MaterializeResult[None] | dg.AssetCheckResult]


def day_step(
    organization: Organization,
    op: str,
    description: str,
    specs: Sequence[dg.AssetSpec],
    checks: Sequence[dg.AssetCheckSpec] = (),
) -> Callable[[Callable[..., Any]], dg.AssetsDefinition]:
    """Makes a function the step that materializes these assets of one day.

    The resources are required by key, because the key of the lock has the organization's name, and Dagster
    accepts either keys or typed parameters, not both. Each organization has its own lock: a run that
    materializes assets of several takes all of them.

    A step of several tables can be selected in part, because the UI offers each table. It still makes all
    of them: `selected` reports the others beside the run's own. Dagster refuses backfills of steps that
    cannot be selected in part where their tables have different numbers of inputs in the backfill.
    """
    with warnings.catch_warnings():
        # Own resources of an asset are a beta of Dagster. A resource of the definitions would be in every job
        # of every organization: loading 200 organizations took twice as long.
        warnings.simplefilter("ignore", dg.BetaWarning)
        return dg.multi_asset(
            can_subset=len(specs) > 1,
            name=op,
            description=description,
            specs=specs,
            check_specs=checks,
            partitions_def=partitions(organization),
            required_resource_keys={names.LAKE, names.PROGRESS},
            resource_defs={names.lock_resource(organization.name): build_lock(organization.name)},
        )


@contextmanager
def day_and_lake(
    context: dg.AssetExecutionContext, organization: Organization, directory: str = ""
) -> Iterator[tuple[date, Lake]]:
    """Gives the run's day and the lake; expected errors become failures with a remedy.

    Raises:
        Failure: the run has no day, or the step failed with an expected error.
    """
    if not context.has_partition_key:
        raise dg.Failure(
            "Choose a day: these assets are partitioned by day, in the organization's time zone.",
            allow_retries=False,
        )
    lakes: LakeResource = getattr(context.resources, names.LAKE)
    place = f"{organization.name}/{directory}" if directory else organization.name
    day = date.fromisoformat(context.partition_key)

    def follow_up(retry_at: datetime | None) -> str:
        return describe_follow_up(context.instance, organization, day, context.run.run_id, retry_at)

    with as_dagster_failure(context, place, follow_up):
        yield day, lakes.of(organization.name)


def selected(context: dg.AssetExecutionContext, results: Results) -> Results:
    """Passes on what the run selected; a table that was made with it is reported all the same."""
    checks = context.selected_asset_check_keys
    for result in results:
        if isinstance(result, dg.AssetCheckResult):
            if dg.AssetCheckKey(_key(result), result.check_name or "") in checks:
                yield result
        elif result.asset_key in context.selected_asset_keys:
            yield result
        elif context.selected_asset_keys:
            context.log_event(
                dg.AssetMaterialization(
                    _key(result), partition=context.partition_key, metadata=result.metadata
                )
            )


def _key(result: dg.MaterializeResult[None] | dg.AssetCheckResult) -> dg.AssetKey:
    if result.asset_key is None:
        raise ValueError("a result of a step with several tables names its table")
    return result.asset_key
