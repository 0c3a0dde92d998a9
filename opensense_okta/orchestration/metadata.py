"""What Dagster shows of the tables: keys, descriptions, columns and numbers, and no personal data."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import dagster as dg
import duckdb

from opensense_okta.directories.checks import CheckResult, Table
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.publishing.exports.files import ExportResult
from opensense_okta.publishing.judgement import Judgement
from opensense_okta.publishing.publish import Publication, approval_instructions, published_since
from opensense_okta.publishing.published import describe, published
from opensense_okta.storage.lake import Lake

SEVERITY = {"warning": dg.AssetCheckSeverity.WARN, "error": dg.AssetCheckSeverity.ERROR}
RULES_EFFECTIVE = "rules_effective"  # the check of the rules

RAW: Mapping[Table, str] = {
    "raw_users": "One row per user, as the directory returned it on the partition's day: all statuses,"
    " the whole profile as JSON.",
    "raw_groups": "One row per group, as the directory returned it on the partition's day.",
    "memberships": "One row per user in a group, as the directory returned it on the partition's day.",
}

RESOLVED: Mapping[str, str] = {
    "accounts": "One row per user record of a directory, in the common vocabulary, with the person it"
    " belongs to.",
    "people": "One row per person: whoever has an account; `active` says who counts.",
    "provenance": "One row per filled value of a person: the directory and the rule that gave it, and"
    " what lost.",
    "conflicts": "One row per person and disagreement: of values, or on who is who.",
    "groups": "One row per group of a directory, with the number of people in it.",
    "memberships": "One row per person in a group.",
}

CHANGES = (
    "Who came, went, changed, merged and split since the latest published day before. The guards judge"
    " what would change for whoever reads the published directory now."
)

MADE_OF: Mapping[str, tuple[tuple[Table, ...], tuple[str, ...]]] = {
    "accounts": (("raw_users",), ()),
    "people": ((), ("accounts",)),
    "provenance": ((), ("accounts", "people")),
    "conflicts": ((), ("accounts", "people")),
    "groups": (("raw_groups", "memberships"), ("people",)),
    "memberships": (("memberships",), ("people", "groups")),
}
"""What each resolved table is made of: raw tables of every directory, and resolved ones."""

PUBLISHED = (
    "The published directory: the last resolved day that passed its guards, as a DuckDB file that is"
    " replaced in one step. A day that does not pass is held back, and the file stays as it was."
)

EXPORTS = (
    "Files for other programs, of the published day alone: active people as CSV and Parquet, what changed"
    " since the last export, and checksums. Each file is replaced whole."
)

REPORT = "The published day on one page, without names: for whoever looks after the directory."

COLUMNS: Mapping[str, str] = {
    "id": "The directory's own id of the record.",
    "status": "As the directory writes it.",
    "type_id": "Which of the directory's user types it is.",
    "profile": "Every attribute, as read.",
    "captured_at": "When the page that held it was read.",
    "person_id": "The person, the same every day.",
    "active": "Whether the account or person counts.",
    "directories": "Which directories know the person.",
    "accounts": "The person's accounts, as directory/id.",
    "manager": "As the source writes it.",
    "manager_id": "The manager's person_id, where exactly one person fits.",
    "group_id": "The group.",
    "user_id": "The user.",
    "members_count": "In raw tables the API's own statistics, a hint; in groups the people in it.",
    "rule": "Why this value won.",
    "losing": "The values that lost, each with its directory.",
    "as_of": "The day of the data that the value is from.",
    "sources": "The directories' groups that it stands for, as directory/id.",
    "kind": "What sort of disagreement it is.",
    "detail": "The evidence: accounts, keys and values.",
    "change": "added, removed, changed, merged or split.",
    "before": "The value of the last published day before.",
    "after": "The value of this day.",
}


def key(*parts: str) -> dg.AssetKey:
    """An asset's key: organization, directory where there is one, table."""
    return dg.AssetKey(list(parts))


def of_table(path: Path) -> dict[str, dg.MetadataValue]:
    """What every table shows."""
    with duckdb.connect() as connection:
        read = connection.read_parquet(str(path))
        counted = read.aggregate("count(*)").fetchall()
        described = [*zip(read.columns, map(str, read.types), strict=True)]
    columns = [dg.TableColumn(name, type_, COLUMNS.get(name)) for name, type_ in described]
    return {
        "dagster/partition_row_count": dg.MetadataValue.int(counted[0][0]),
        "dagster/column_schema": dg.MetadataValue.table_schema(dg.TableSchema(columns)),
        "bytes": dg.MetadataValue.int(path.stat().st_size),
    }


def of_snapshot(manifest: SnapshotManifest, *, kept: bool) -> dict[str, dg.MetadataValue]:
    """How a snapshot was read."""
    cost = manifest.cost
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
        "groups_carried_over": dg.MetadataValue.int(manifest.evidence["groups_carried_over"]),
        "memberships_drifted": dg.MetadataValue.int(manifest.evidence["memberships_drifted"]),
        "received_bytes": dg.MetadataValue.int(cost.received),
        "waits": dg.MetadataValue.int(cost.waits),
        "waited_seconds": dg.MetadataValue.float(cost.waited),
        "mode": dg.MetadataValue.text(manifest.mode),
        "kept": dg.MetadataValue.bool(kept),
        "snapshot": dg.MetadataValue.text(manifest.id),
        **headroom,
    }


def of_judgement(judgement: Judgement) -> dict[str, dg.MetadataValue]:
    """How much differs from the published day before, and what the guards say of what it replaces."""
    counts = judgement.difference.model_dump(exclude={"attributes"})
    base, replaces = judgement.base, judgement.replaces
    stays = f"a newer day, {judgement.newer}, is" if judgement.newer else "nothing is"
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


def of_publication(publication: Publication, lake: Lake) -> dict[str, dg.MetadataValue]:
    """What is published now."""
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
        **of_standing(lake),
        "replaced": dg.MetadataValue.bool(publication.newer is None),
        "bytes": dg.MetadataValue.int(lake.database.stat().st_size),
        **{f"{table}_rows": dg.MetadataValue.int(n) for table, n in publication.rows.items()},
        **changed,
    }


def of_exports(done: Sequence[ExportResult]) -> dict[str, dg.MetadataValue]:
    """Which files were written, and how large they are."""
    files = [
        dg.TableRecord(
            {"file": one.url, "rows": one.rows, "bytes": one.bytes, "sha256": one.sha256}
        )
        for one in done
    ]
    if not files:
        return {"written": dg.MetadataValue.bool(False)}
    schema = dg.TableSchema([dg.TableColumn(name) for name in ("file", "rows", "bytes", "sha256")])
    return {"files": dg.MetadataValue.table(files, schema)}


def of_standing(lake: Lake, held: Judgement | None = None) -> dict[str, dg.MetadataValue]:
    """Which day is published, since when, and what is held."""
    last = published(lake)
    now: dict[str, dg.MetadataValue] = {}
    if last is not None:
        now = {
            "published_day": dg.MetadataValue.text(str(last.day)),
            "published_since": dg.MetadataValue.timestamp(published_since(lake, last)),
            "database": dg.MetadataValue.path(str(lake.database)),
        }
        if last.approved_by:
            now["approved_by"] = dg.MetadataValue.text(last.approved_by)
    if held is not None:
        now["held_day"] = dg.MetadataValue.text(str(held.day))
        now["held_because"] = dg.MetadataValue.md("\n".join(f"- {one}" for one in held.reasons))
    return now


def guard_result(judgement: Judgement, guard: str, asset: dg.AssetKey) -> dg.AssetCheckResult:
    """What one guard found, as Dagster shows it: an error where it holds publishing back."""
    verdicts = [verdict for verdict in judgement.verdicts if verdict.name == guard]
    failed = [verdict for verdict in verdicts if not verdict.passed]
    errors = [verdict for verdict in failed if verdict.outcome == "error"]
    shown = errors or failed or verdicts
    says = " ".join(verdict.message for verdict in shown) or "There is nothing to judge."
    if errors:
        instructions = approval_instructions(asset.path[0], judgement)
        says += f" If this is intended, approve this day: {instructions}"
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=guard,
        passed=not failed,
        severity=SEVERITY["error" if errors else "warning"],
        description=says,
        metadata={"count": max((verdict.count for verdict in shown), default=0)},
    )


def advice_result(advice: Sequence[CheckResult], asset: dg.AssetKey) -> dg.AssetCheckResult:
    """What might be better in the rules, as a warning."""
    says = "\n".join(f"- {result.text}" for result in advice)
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=RULES_EFFECTIVE,
        passed=not advice,
        severity=dg.AssetCheckSeverity.WARN,
        description=says or "Every rule has an effect.",
        metadata={"advice": len(advice)},
    )


def check_result(result: CheckResult, asset: dg.AssetKey) -> dg.AssetCheckResult:
    """A check's result as Dagster shows it."""
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=result.name,
        passed=result.passed,
        severity=SEVERITY[result.severity],
        description=result.text,
        metadata=dict(result.numbers),
    )
