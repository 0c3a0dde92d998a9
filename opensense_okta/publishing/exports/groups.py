"""The groups of the exported people, and which of them are left out.

Programs that read the export know a group by its name. So a group is left out if its name is empty, has a
semicolon, or is that of another exported group, which is left out, too.

The exported groups are stored as `groups-<digest of the settings>.parquet` and `memberships-….parquet` beside
the exported people: the next change file refers to the names that were delivered.
"""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from opensense_okta.config.attributes import GROUPS, attributes
from opensense_okta.config.models import CsvExport, Organization
from opensense_okta.config.text import plural, some_of
from opensense_okta.publishing.exports.errors import ExportFailed, making_files
from opensense_okta.publishing.exports.state import (
    DeliveredExport,
    LeftOutGroups,
    exported_name,
    groups_beside,
)
from opensense_okta.publishing.published import Published
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import local_file
from opensense_okta.storage.sql import Sql


@dataclass(frozen=True)
class KeptGroups:
    """The stored memberships of an export.

    Attributes:
        memberships: the name of the file beside the exported people; empty: no groups are exported.
        as_files: whether groups and memberships are delivered as files.
    """

    memberships: str = ""
    as_files: bool = False
    left_out: LeftOutGroups = field(default_factory=LeftOutGroups)


def exports_groups(organization: Organization) -> bool:
    """Whether groups are exported, as a column or as files."""
    settings = organization.publish.csv
    if settings is None:
        return False
    column = GROUPS in (settings.columns or ()) and GROUPS not in attributes(organization)
    return column or settings.groups is not None


def keep_groups(organization: Organization, lake: Lake, publication: Published) -> KeptGroups:
    """Stores the groups and memberships of a publication as they are exported, if they are.

    Raises:
        ExportFailed: the files could not be made, or no group has a chosen name or id. It was renamed or
            deleted, or is mistyped; all memberships would be exported as removed.
    """
    settings = organization.publish.csv
    if settings is None or not exports_groups(organization):
        return KeptGroups()
    day = lake.resolved(publication.day)
    with TemporaryDirectory(prefix=".export-", dir=lake.scratch) as temporary:
        folder = Path(temporary)
        groups, memberships = (day.table(publication, table) for table in ("groups", "memberships"))
        kept = write_groups(folder, settings, groups, memberships)
        for file in (kept.memberships, groups_beside(kept.memberships)):
            name = exported_name(publication.id, file)
            lake.store.keep(folder / file, name, lake.store.version(name))
    return kept


def refuse_emptied_groups(
    lake: Lake, publication: Published, kept: KeptGroups, last: DeliveredExport | None
) -> None:
    """Refuses an export without groups, because their names identify none, if the last one had groups.

    Raises:
        ExportFailed: it would remove all groups and memberships.
    """
    before = last.group_tables(lake) if last else None
    if not kept.left_out.count or before is None:
        return
    now = local_file(lake.store, exported_name(publication.id, kept.memberships))
    with making_files(lake.scratch), engine.start(lake.scratch) as connection:
        has_rows, had_rows = (
            bool(connection.read_parquet(str(file)).limit(1).fetchall())
            for file in (now, before.memberships)
        )
    if had_rows and not has_rows:
        raise all_left_out(kept.left_out)


def write_groups(folder: Path, settings: CsvExport, groups: Path, memberships: Path) -> KeptGroups:
    """Writes the exported groups and memberships of a day's tables into a folder.

    Raises:
        ExportFailed: see `keep_groups`.
    """
    chosen = json.dumps([settings.group_names, _patterns(settings)])
    kept = f"memberships-{hashlib.sha256(chosen.encode()).hexdigest()[:8]}.parquet"
    with making_files(folder), engine.start(folder) as connection:
        engine.view(connection, "groups", groups)
        engine.view(connection, "memberships", memberships)
        left_out = choose_groups(connection, settings)
        engine.store(connection, "exported_memberships", folder / kept)
        engine.store(connection, "exported_groups", folder / groups_beside(kept))
    return KeptGroups(kept, settings.groups is not None, left_out)


def choose_groups(connection: duckdb.DuckDBPyConnection, settings: CsvExport) -> LeftOutGroups:
    """Makes the views `exported_groups` and `exported_memberships`; returns the groups that are left out.

    Args:
        connection: it has the views `groups` and `memberships` of a day.
        settings: choose the groups and their names.

    Raises:
        ExportFailed: no group has a chosen name or id.
    """
    patterns = _patterns(settings)
    left_out = Sql(connection, __package__).row(
        "groups.sql",
        LeftOutGroups,
        opensense=settings.group_names == "opensense",
        patterns=patterns,
    )
    if patterns != ["*"] and len(left_out.unmatched_patterns) == len(patterns):
        raise _none_matches(patterns)
    return left_out


def _patterns(settings: CsvExport) -> list[str]:
    return [*(settings.groups or ("*",))]


def all_left_out(groups: LeftOutGroups) -> ExportFailed:
    """The error if no group with members is left to export, because their names identify none."""
    return ExportFailed(
        "The export would remove all memberships, because each group with members is left out."
        f" {plural(groups.count, 'group')} left out ({some_of(groups.examples, groups.count)}): the name is"
        " empty, has a semicolon, or is that of another group.",
        remedy="give the groups different names in their directory, or choose one of them by its id in"
        " publish.csv.groups.",
    )


def _none_matches(patterns: list[str]) -> ExportFailed:
    return ExportFailed(
        f"publish.csv.groups is {some_of(patterns)}, but no group of the day has such a name or id. An"
        " export would remove all groups and memberships.",
        remedy="write the names as the directories have them now, or delete publish.csv.groups if no groups"
        " are to be exported.",
    )
