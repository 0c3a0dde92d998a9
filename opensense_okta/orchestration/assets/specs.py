"""What Dagster shows of each asset before it is materialized: key, description, lineage and columns.

The argument `uri` makes the URI of a name in the organization's lake.
"""

import warnings
from collections.abc import Callable, Mapping
from datetime import timedelta
from importlib.metadata import version
from typing import Final

import dagster as dg

from opensense_okta.config.directory_models import CsvDirectory
from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import Table
from opensense_okta.directories.kinds import kind_of
from opensense_okta.orchestration.assets.columns import raw_types, resolved_types, schema
from opensense_okta.resolution.resolve import TABLES as RESOLVED_TABLES
from opensense_okta.resolution.rules import digest
from opensense_okta.storage.lake import DATABASE, RESOLVED, snapshots_of

Uri = Callable[[str], str]

CODE_VERSION: Final = version("opensense-okta")

OVERDUE: Final = timedelta(hours=2)
"""How long after the largest gap between ticks a table without a sync is overdue: a sync takes that long."""

LATE: Final = timedelta(hours=6)
"""As `OVERDUE`, with all retries."""

PERSONAL_DATA: Final = "opensense/personal_data"
"""Tag of assets: whether the data names or identifies people."""

RAW: Final[Mapping[Table, str]] = {
    "raw_users": "{directory}'s users, one row each, as read on the partition's day: all statuses, the whole"
    " profile as JSON.",
    "raw_groups": "{directory}'s groups, one row each, as read on the partition's day.",
    "memberships": "{directory}'s memberships, one row per user in a group, as read on the partition's day.",
}

NO_GROUPS: Final[Mapping[Table, str]] = {
    "raw_groups": "Always empty: the organization file names no `groups` or `memberships` of {directory}.",
    "memberships": "Always empty: the organization file names no `memberships` of {directory}.",
}
"""The description of a table that a directory of files does not have."""

EXPLAIN: Final = (
    " One person's values, and where each is from: `opensense-okta explain {organization} WHO`."
)

RESOLVED_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "accounts": "One row per account (a user of a directory), with the common attributes and the person"
    " it belongs to.",
    "people": "One row per person: everybody who has an account. `active` says who works here now; only"
    f" active people are exported.{EXPLAIN}",
    "provenance": "One row per filled value of a person: the directory and the rule that gave it, and"
    f" the values that lost.{EXPLAIN}",
    "conflicts": "One row per person and disagreement: about a value, or about which accounts are one"
    " person's.",
    "groups": "One row per group of a directory, with the number of people in it.",
    "memberships": "One row per person in a group, or in a group in it.",
}

CHANGES: Final = (
    "People who were added, removed, changed, merged or split since the latest published day before. The"
    " guards evaluate what would change for the readers of the published directory."
)

PUBLISHED: Final = (
    "The published directory: the last resolved day that passed its guards, as a DuckDB file that is"
    " replaced in one step. A day that does not pass is held back, and the file stays as it was."
)

EXPORTS: Final = (
    "Files for other programs, of the published day only: active people as CSV and Parquet, the changes"
    " since the last export, and checksums. Each file is replaced in one step."
)

REPORT: Final = (
    "A page about the published day, without names: people, changes, conflicts, guards and reads."
)

CONSUMER: Final = "Opensense and other programs that read the exported files."

MADE_OF: Final[Mapping[str, tuple[tuple[Table, ...], tuple[str, ...]]]] = {
    "accounts": (("raw_users",), ()),
    "people": ((), ("accounts",)),
    "provenance": ((), ("accounts", "people")),
    "conflicts": ((), ("accounts", "people")),
    "groups": (("raw_groups", "memberships"), ("people",)),
    "memberships": (("memberships",), ("people", "groups")),
}
"""The inputs of each resolved table: raw tables of every directory, and resolved tables."""


def partitions(organization: Organization) -> dg.DailyPartitionsDefinition:
    """The organization's days, including today."""
    return dg.DailyPartitionsDefinition(
        start_date=organization.first_day.isoformat(), timezone=organization.timezone, end_offset=1
    )


def asset_key(*parts: str) -> dg.AssetKey:
    """An asset's key: organization, directory if any, table."""
    return dg.AssetKey(list(parts))


def source_key(organization: Organization, directory: str) -> dg.AssetKey:
    """The key of what a directory is read from."""
    name = kind_of(organization.directories[directory]).source
    return asset_key(organization.name, directory, name)


def external_specs(organization: Organization) -> list[dg.AssetSpec]:
    """The external assets: the directories that are read, and the readers of the exports."""
    sources = []
    for name, directory in organization.directories.items():
        kind = kind_of(directory)
        sources.append(
            dg.AssetSpec(
                source_key(organization, name),
                description=kind.description.format(directory=name),
                group_name=f"{organization.name}/{name}",
                kinds={directory.kind},
                owners=organization.owners,
                tags={PERSONAL_DATA: "yes"},
                metadata=kind.located(directory),
            )
        )
    if not organization.publish.csv:
        return sources
    consumer = dg.AssetSpec(
        asset_key(organization.name, "opensense"),
        description=CONSUMER,
        deps=[asset_key(organization.name, "exports")],
        group_name=organization.name,
        owners=organization.owners,
        tags={PERSONAL_DATA: "yes"},
    )
    return [*sources, consumer]


def check_spec(
    organization: Organization, name: str, asset: dg.AssetKey, question: str, *, blocks: bool
) -> dg.AssetCheckSpec:
    """A check of one day. Its description says first what it does if it does not pass."""
    effect = "Blocks publication" if blocks else "Warns"
    with warnings.catch_warnings():
        # The partition of a check is a preview of Dagster. Without it the UI shows results without their day.
        warnings.simplefilter("ignore", dg.PreviewWarning)
        return dg.AssetCheckSpec(
            name,
            asset=asset,
            description=f"{effect}: {question}",
            partitions_def=partitions(organization),
        )


def raw_specs(organization: Organization, directory: str, uri: Uri) -> list[dg.AssetSpec]:
    """The three tables that are read from a directory."""
    stale, gap = timedelta(days=organization.resolution.stale_after_days), organization.largest_gap
    return [
        dg.AssetSpec(
            asset_key(organization.name, directory, table),
            description=description.format(directory=directory),
            deps=[source_key(organization, directory)],
            group_name=f"{organization.name}/{directory}",
            kinds={organization.directories[directory].kind, "parquet"},
            owners=organization.owners,
            tags={PERSONAL_DATA: "yes"},
            code_version=CODE_VERSION,
            metadata={
                "dagster/column_schema": schema(raw_types(table)),
                "dagster/table_name": f"{directory}.{table}",
                "dagster/uri": uri(snapshots_of(directory)),
            },
            freshness_policy=dg.FreshnessPolicy.time_window(
                fail_window=max(stale, gap + LATE), warn_window=gap + OVERDUE
            ),
        )
        for table, description in {**RAW, **_empty_tables(organization, directory)}.items()
    ]


def resolved_specs(organization: Organization, uri: Uri) -> list[dg.AssetSpec]:
    """The tables of a resolved day."""
    specs = []
    for table in RESOLVED_TABLES:
        raw_tables, resolved_tables = MADE_OF[table]
        raw = [
            asset_key(organization.name, directory, raw_table)
            for directory in organization.directories
            for raw_table in raw_tables
        ]
        resolved = [asset_key(organization.name, other) for other in resolved_tables]
        specs.append(
            _table_spec(
                organization,
                uri,
                table,
                RESOLVED_DESCRIPTIONS[table].format(organization=organization.name),
                deps=[*raw, *resolved],
            )
        )
    return specs


def changes_spec(organization: Organization, uri: Uri) -> dg.AssetSpec:
    """The changes of a day."""
    deps = [asset_key(organization.name, table) for table in RESOLVED_TABLES]
    return _table_spec(organization, uri, "changes", CHANGES, deps=deps)


def published_spec(organization: Organization, uri: Uri) -> dg.AssetSpec:
    """The published directory. It is skippable: a day that is not published does not materialize it."""
    return dg.AssetSpec(
        asset_key(organization.name, "resolved_directory"),
        skippable=True,
        description=PUBLISHED,
        deps=[asset_key(organization.name, table) for table in (*RESOLVED_TABLES, "changes")],
        group_name=organization.name,
        kinds={"duckdb"},
        owners=organization.owners,
        tags={PERSONAL_DATA: "yes"},
        code_version=CODE_VERSION,
        metadata={"dagster/uri": uri(DATABASE)},
        freshness_policy=dg.FreshnessPolicy.time_window(
            fail_window=organization.largest_gap + LATE,
            warn_window=organization.largest_gap + OVERDUE,
        ),
    )


def exports_spec(organization: Organization) -> dg.AssetSpec:
    """The exported files."""
    return _follower_spec(organization, "exports", EXPORTS, kind="csv", personal="yes")


def report_spec(organization: Organization) -> dg.AssetSpec:
    """The report."""
    return _follower_spec(organization, "report", REPORT, kind="html", personal="no")


def _follower_spec(
    organization: Organization, name: str, description: str, *, kind: str, personal: str
) -> dg.AssetSpec:
    """An asset that is made from the published directory, and not of a day that is not published."""
    return dg.AssetSpec(
        asset_key(organization.name, name),
        skippable=True,
        description=description,
        deps=[asset_key(organization.name, "resolved_directory")],
        group_name=organization.name,
        kinds={kind},
        owners=organization.owners,
        tags={PERSONAL_DATA: personal},
        code_version=CODE_VERSION,
    )


def _table_spec(
    organization: Organization, uri: Uri, table: str, description: str, deps: list[dg.AssetKey]
) -> dg.AssetSpec:
    """A table of a resolved day; its code version also changes with the organization's rules."""
    return dg.AssetSpec(
        asset_key(organization.name, table),
        description=description,
        deps=deps,
        group_name=organization.name,
        kinds={"duckdb", "parquet"},
        owners=organization.owners,
        tags={PERSONAL_DATA: "yes"},
        code_version=f"{CODE_VERSION} rules {digest(organization)}",
        metadata={
            "dagster/column_schema": schema(resolved_types(organization, table)),
            "dagster/table_name": table,
            "dagster/uri": uri(RESOLVED),
        },
    )


def _empty_tables(organization: Organization, name: str) -> dict[Table, str]:
    """The descriptions of the tables that a directory of files does not have."""
    directory = organization.directories[name]
    if not isinstance(directory, CsvDirectory) or directory.memberships:
        return {}
    if directory.groups:
        return {"memberships": NO_GROUPS["memberships"]}
    return dict(NO_GROUPS)
