"""The rows that an export would have, and how they differ from the last delivered export."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

import duckdb
from pydantic import BaseModel, ConfigDict

from opensense_okta.config.models import CsvExport, Organization
from opensense_okta.publishing.exports.addresses import write_addresses
from opensense_okta.publishing.exports.columns import headers_of
from opensense_okta.publishing.exports.delivery import public
from opensense_okta.publishing.exports.errors import ExportFailed, making_files
from opensense_okta.publishing.exports.files import (
    DELIVERED,
    NEW,
    OLD,
    group_texts,
    view_people_texts,
    view_tables,
)
from opensense_okta.publishing.exports.groups import KeptGroups, exports_groups, write_groups
from opensense_okta.publishing.exports.kept_people import write_people
from opensense_okta.publishing.exports.state import (
    ADDRESSES,
    ExportTables,
    GroupTables,
    LeftOutAddresses,
    groups_beside,
    last_export,
)
from opensense_okta.publishing.exports.warnings import export_warnings
from opensense_okta.resolution.people_rules import EVERYONE, people_file
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql


class Row(BaseModel):
    """A row of the CSV of people: whether it differs from before, and its cells below the headers."""

    model_config = ConfigDict(frozen=True)

    change: Literal["added", "changed", "removed"] | None
    cells: tuple[str | None, ...]


class RowDifference(BaseModel):
    """The numbers of rows that differ from the last delivered export."""

    model_config = ConfigDict(frozen=True)

    added: int = 0
    changed: int = 0
    removed: int = 0


@dataclass(frozen=True)
class ExportPreview:
    """What an export would have.

    Attributes:
        path: of the organization file, without credentials.
        headers: of the CSV of people.
        rows: changed rows first, removed ones included; at most the requested number.
        counts: the number of rows of each file: people, groups and memberships.
        difference: of the rows of people.
        compared_with: the day of the last delivered export; None: there is none.
        warnings: what the export would not have.
        failure: why it would fail; empty: it would not.
    """

    path: str
    headers: tuple[str, ...]
    rows: Sequence[Row] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    difference: RowDifference = field(default_factory=RowDifference)
    compared_with: date | None = None
    warnings: tuple[str, ...] = ()
    failure: str = ""


def preview_export(
    organization: Organization, lake: Lake, table: Callable[[str], Path], rows: int | None
) -> ExportPreview | None:
    """Computes what the export of a day would have; nothing is written into the lake.

    Args:
        organization: its `publish` counts.
        lake: has the last delivered export.
        table: the file of one of the day's tables.
        rows: the largest number of rows; None: all.

    Returns:
        None if nothing is exported.
    """
    settings = organization.publish.csv
    if settings is None:
        return None
    headers = headers_of(organization)
    preview = ExportPreview(path=public(settings.path), headers=tuple(headers.values()))
    with TemporaryDirectory(prefix="opensense-preview-") as temporary:
        folder = Path(temporary)
        try:
            tables, warnings = _draft(organization, settings, folder, table)
        except ExportFailed as error:
            return replace(preview, failure=f"{error.message} What to do: {error.remedy}")
        last = last_export(lake)
        before = last.delivered if last and last.delivered.people(lake).exists() else None
        with making_files(folder), engine.start(folder) as connection:
            sql = Sql(connection, __package__)
            view_tables(sql, lake, tables, {OLD: before, DELIVERED: before})
            view_people_texts(connection, headers, {OLD: before, DELIVERED: before})
            return replace(
                preview,
                warnings=tuple(warnings.values()),
                compared_with=before.day if before else None,
                difference=sql.row("changed.sql", RowDifference, again=False),
                rows=sql.rows("preview_rows.sql", Row, rows=rows),
                counts=_counts(connection, tables),
            )


def _draft(
    organization: Organization, settings: CsvExport, folder: Path, table: Callable[[str], Path]
) -> tuple[ExportTables, dict[str, str]]:
    """The tables that the export would have, written into a folder, and the warnings about them."""
    people, groups, addresses = table("people"), KeptGroups(), LeftOutAddresses()
    rules = organization.publish.people
    if rules != EVERYONE:
        people = folder / people_file(rules)
        write_people(people, rules, table)
    tables = ExportTables(people, None, settings.rows, None)
    if exports_groups(organization):
        groups = write_groups(folder, settings, table("groups"), table("memberships"))
        memberships = folder / groups.memberships
        of_groups = GroupTables(
            memberships, folder / groups_beside(groups.memberships), groups.as_files
        )
        tables = replace(tables, groups=of_groups)
    if settings.rows == "alias":
        addresses = write_addresses(folder / ADDRESSES, table("people"), people)
        tables = replace(tables, addresses=folder / ADDRESSES)
    return tables, export_warnings(groups.left_out, addresses)


def _counts(connection: duckdb.DuckDBPyConnection, tables: ExportTables) -> dict[str, int]:
    """The number of rows of each CSV."""
    relations = {"people": connection.table(f"{NEW}_keyed")}
    if tables.groups and tables.groups.as_files:
        relations["groups"] = group_texts(connection, "group", NEW)
        relations["memberships"] = group_texts(connection, "membership", NEW)
    counts = {}
    for name, relation in relations.items():
        ((counts[name],),) = relation.aggregate("count(*)").fetchall()
    return counts
