"""What Dagster shows of materialized assets and of checks: numbers, and no personal data."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from types import MappingProxyType

import dagster as dg
import duckdb

from opensense_okta.directories.checks import CheckResult, Outcome
from opensense_okta.directories.narrowing import left_out_words
from opensense_okta.directories.snapshot import NESTED_GROUPS, SnapshotManifest
from opensense_okta.orchestration import names
from opensense_okta.publishing.approval import approvals, numbers
from opensense_okta.publishing.exports.export import ExportResult
from opensense_okta.publishing.guards.explanation import reasons
from opensense_okta.publishing.guards.model import Verdict
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.publishing.publish import (
    Held,
    Publication,
    approval_instructions,
    published_since,
)
from opensense_okta.publishing.published import UNKNOWN_RULES, describe, published
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.lake import DATABASE, Lake
from opensense_okta.storage.store import address

SEVERITY = {"warning": dg.AssetCheckSeverity.WARN, "error": dg.AssetCheckSeverity.ERROR}
RULES_EFFECTIVE = "rules_effective"  # the check of the rules
PUBLISHED = "published"  # the check of the published directory


def table_metadata(path: Path) -> dict[str, dg.MetadataValue]:
    """The rows and the size of a table's file; its columns are those of the definition."""
    # The process's one database: to start another takes 25 ms.
    with duckdb.cursor() as connection:
        ((rows,),) = connection.read_parquet(str(path)).aggregate("count(*)").fetchall()
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(rows),
        "bytes": dg.MetadataValue.int(path.stat().st_size),
    }


def snapshot_metadata(manifest: SnapshotManifest, *, kept: bool) -> dict[str, dg.MetadataValue]:
    """How a snapshot was read: times, requests, and what was carried over."""
    cost, left_out = manifest.cost, left_out_words(manifest.evidence)
    headroom = (
        {}
        if cost.headroom is None
        else {"rate_limit_headroom": dg.MetadataValue.float(cost.headroom)}
    )
    return {
        "captured_from": dg.MetadataValue.timestamp(manifest.started),
        "captured_to": dg.MetadataValue.timestamp(manifest.finished),
        "seconds": dg.MetadataValue.float(
            round((manifest.finished - manifest.started).total_seconds(), 1)
        ),
        "requests": dg.MetadataValue.int(0 if kept else cost.requests),
        "retried_requests": dg.MetadataValue.int(0 if kept else cost.retries),
        "pages": dg.MetadataValue.int(cost.pages),
        "resumed_pages": dg.MetadataValue.int(cost.resumed_pages),
        "groups_read": dg.MetadataValue.int(manifest.evidence["groups_read"]),
        "nested_groups": dg.MetadataValue.int(manifest.evidence.get(NESTED_GROUPS, 0)),
        "groups_carried_over": dg.MetadataValue.int(manifest.evidence["groups_carried_over"]),
        "memberships_drifted": dg.MetadataValue.int(manifest.evidence["memberships_drifted"]),
        "received_bytes": dg.MetadataValue.int(cost.received),
        "waits": dg.MetadataValue.int(cost.waits),
        "waited_seconds": dg.MetadataValue.float(cost.waited),
        "mode": dg.MetadataValue.text(manifest.mode),
        "read_earlier": dg.MetadataValue.bool(kept),
        "snapshot": dg.MetadataValue.text(manifest.id),
        **headroom,
        **({"left_out": dg.MetadataValue.text(left_out)} if left_out else {}),
    }


def nested_memberships(manifest: ResolvedManifest) -> dict[str, dg.MetadataValue]:
    """How many memberships there are by a group in the group only; earlier versions had none."""
    count = manifest.evidence.get("memberships_nested", 0)
    return {"nested_memberships": dg.MetadataValue.int(count)}


def resolved_metadata(
    manifest: ResolvedManifest, before: ResolvedManifest | None
) -> dict[str, dg.MetadataValue]:
    """The snapshots that a day was resolved from, and whether its rules are those of the day before."""
    changed = "no published day before is stored"
    if before is not None and before.rules != UNKNOWN_RULES:
        same = before.rules == manifest.rules
        changed = f"no, the same as on {before.day}" if same else f"yes, since {before.day}"
    return {
        **{
            f"snapshot_of_{directory}": dg.MetadataValue.text(str(source.day))
            for directory, source in manifest.sources.items()
        },
        "rules_changed": dg.MetadataValue.text(changed),
    }


def report_metadata(lake: Lake, path: Path) -> dict[str, dg.MetadataValue]:
    """The file of the report, and its headline numbers."""
    shown: dict[str, dg.MetadataValue] = {"report": dg.MetadataValue.path(address(path))}
    last = published(lake)
    if last is not None:
        page = names.report_page(lake.organization, last.day)
        shown = {"page": dg.MetadataValue.url(page), **shown}
    if last is not None and "people_active" in last.resolved.evidence:
        shown["people_active"] = dg.MetadataValue.int(last.resolved.evidence["people_active"])
    if last is not None and last.difference is not None and last.base is not None:
        counts = last.difference
        shown["changes"] = dg.MetadataValue.text(
            f"{counts.added:,} people added, {counts.removed:,} removed, {counts.changed:,} changed since"
            f" {last.base.day}"
        )
    return {**shown, "bytes": dg.MetadataValue.int(path.stat().st_size)}


def judgement_metadata(judgement: Judgement) -> dict[str, dg.MetadataValue]:
    """How many people differ from the published day before, and what the guards compared with."""
    counts = judgement.difference.model_dump(exclude={"attributes"})
    base, replaces = judgement.base, judgement.replaces
    stays = f"a newer day, {judgement.newer}, is" if judgement.newer else "nothing is"
    if judgement.incomparable:
        stays = "it is not known what is"
    return {
        "compared_with": dg.MetadataValue.text(
            str(base.day) if base else "nothing: no earlier day is published"
        ),
        "guards_compared_with": dg.MetadataValue.text(
            describe(replaces, judgement.day) if replaces else f"nothing: {stays} published"
        ),
        "held": dg.MetadataValue.bool(judgement.held),
        **{name: dg.MetadataValue.int(count) for name, count in counts.items()},
        "attributes_changed": dg.MetadataValue.json(dict(judgement.difference.attributes)),
    }


def publication_metadata(publication: Publication, lake: Lake) -> dict[str, dg.MetadataValue]:
    """The published day after the step, and how much it differs from the one before."""
    difference = publication.difference
    changed = (
        {}
        if difference is None
        else {
            "people_added": dg.MetadataValue.int(difference.added),
            "people_removed": dg.MetadataValue.int(difference.removed),
            "people_changed": dg.MetadataValue.int(difference.changed),
        }
    )
    return {
        **published_metadata(lake, publication.day),
        "bytes": dg.MetadataValue.int(lake.database.stat().st_size),
        **{f"{table}_rows": dg.MetadataValue.int(n) for table, n in publication.rows.items()},
        **changed,
    }


def exports_metadata(
    results: Sequence[ExportResult], warnings: Mapping[str, str]
) -> dict[str, dg.MetadataValue]:
    """The files that were written, with their sizes, and what they do not have."""
    files = [
        dg.TableRecord(
            {
                "file": result.url,
                "rows": result.rows,
                "bytes": result.bytes,
                "sha256": result.sha256,
            }
        )
        for result in results
    ]
    schema = dg.TableSchema([dg.TableColumn(name) for name in ("file", "rows", "bytes", "sha256")])
    return {
        "files": dg.MetadataValue.table(files, schema),
        **{name: dg.MetadataValue.text(words) for name, words in warnings.items()},
    }


def published_metadata(
    lake: Lake, day: date, held: Judgement | None = None
) -> dict[str, dg.MetadataValue]:
    """The published day and since when, for the page of a day; and why that day is held back, if it is."""
    last = published(lake)
    shown: dict[str, dg.MetadataValue] = {}
    if last is not None:
        shown = {
            "published_day": dg.MetadataValue.text(str(last.day)),
            "published_since": dg.MetadataValue.timestamp(published_since(lake, last)),
            "database": dg.MetadataValue.path(lake.url(DATABASE)),
        }
        if last.approved_by and last.day == day:
            shown["approved_by"] = dg.MetadataValue.text(last.approved_by)
            given = [
                approval.when
                for approval in approvals(lake, day)
                if approval.by == last.approved_by
            ]
            if given:
                shown["approved_at"] = dg.MetadataValue.timestamp(given[-1])
    if held is not None:
        again = ", resolved again" if last is not None and last.day == held.day else ""
        shown["held_day"] = dg.MetadataValue.text(f"{held.day}{again}")
        shown["held_because"] = dg.MetadataValue.md("\n".join(f"- {why}" for why in held.reasons))
        shown |= _how_to_approve(lake.organization, held)
    return shown


def _how_to_approve(organization: str, judgement: Judgement) -> dict[str, dg.MetadataValue]:
    """The page with the form that approves a day, and the configuration of the job that does so."""
    return {
        "page": dg.MetadataValue.url(names.day_page(organization, judgement.day)),
        "approve_with": approval_block(organization, judgement),
    }


def approval_block(organization: str, judgement: Judgement) -> dg.MarkdownMetadataValue:
    """The configuration that approves a day, to paste into the launchpad of the job `…__approve`."""
    older = judgement.replaces is not None and judgement.replaces.day > judgement.day
    config = {"by": "YOUR NAME", **({"even_if_older": True} if older else {}), **numbers(judgement)}
    values = "\n".join(f"      {name}: {json.dumps(value)}" for name, value in config.items())
    block = f"ops:\n  {names.publish_op(organization)}:\n    config:\n{values}"
    return dg.MetadataValue.md(f"```yaml\n{block}\n```")


def published_result(
    lake: Lake, day: date, asset: dg.AssetKey, why_not: Held | str | None, follows: str
) -> dg.AssetCheckResult:
    """What is published after the step, in words: the day, the age of its data, and what follows.

    Args:
        lake: of the organization.
        day: of the run.
        asset: the published directory.
        why_not: why the day is not published: it is held back, or a sentence; None: it is published.
        follows: what follows, in words.
    """
    last = published(lake)
    sources = last.resolved.sources if last else {}
    older = {name: source.as_of for name, source in sources.items() if source.as_of < day}
    ages = ", ".join(f"{name} of {source.as_of}" for name, source in sources.items())
    held = why_not if isinstance(why_not, Held) else None
    lines = [
        str(why_not) if why_not else f"{day} is published.",
        *([f"Published is the directory of {last.day}, with the data of {ages}."] if last else []),
        f"Next: {follows}.",
    ]
    outcome: Outcome = "passed"
    if held:
        outcome = "error"
    elif last is None or last.day < day or (last.day == day and older):
        outcome = "warning"
    block = _how_to_approve(lake.organization, held.judgement) if held else {}
    return check_result(CheckResult.make(PUBLISHED, outcome, "\n\n".join(lines)), asset, block)


def check_result(
    result: CheckResult,
    asset: dg.AssetKey,
    more: Mapping[str, dg.MetadataValue] = MappingProxyType({}),
) -> dg.AssetCheckResult:
    """A check's result as Dagster shows it; `more` is metadata beside its numbers."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=result.name,
        passed=result.passed,
        severity=SEVERITY[result.severity],
        description=result.text,
        metadata={**result.numbers, **more},
    )


def advice_result(advice: Sequence[CheckResult], asset: dg.AssetKey) -> dg.AssetCheckResult:
    """All advice on the rules as one check, a warning."""
    message = "\n".join(f"- {result.text}" for result in advice) or "Every rule has an effect."
    return check_result(
        CheckResult(
            name=RULES_EFFECTIVE,
            passed=not advice,
            severity="warning",
            message=message,
            numbers={"advice": len(advice)},
        ),
        asset,
    )


def _findings(verdicts: Iterable[Verdict]) -> Iterator[str]:
    """What a guard found that holds nothing back, with each set of limits once."""
    named: list[Mapping[str, float]] = []
    for verdict in verdicts:
        if verdict.found and verdict.limits in named:
            yield f"{verdict.found}."
        else:
            named.append(verdict.limits)
            yield verdict.message


def guard_result(judgement: Judgement, guard: str, asset: dg.AssetKey) -> dg.AssetCheckResult:
    """All verdicts of one guard as one check: an error if it holds publishing back."""
    verdicts = [verdict for verdict in judgement.verdicts if verdict.name == guard]
    failed = [verdict for verdict in verdicts if not verdict.passed]
    errors = [verdict for verdict in failed if verdict.outcome == "error"]
    shown = errors or failed or verdicts
    lines = reasons([], verdicts) if errors else list(_findings(shown))
    if errors:
        instructions = approval_instructions(asset.path[0], judgement)
        lines.append(f"If this is intended, approve this day: {instructions}")
    message = "\n".join(f"- {line}" if len(lines) > 1 else line for line in lines)
    return check_result(
        CheckResult(
            name=guard,
            passed=not failed,
            severity="error" if errors else "warning",
            message=message or "There is nothing to evaluate.",
            numbers={"count": max((verdict.count for verdict in shown), default=0)},
        ),
        asset,
    )
