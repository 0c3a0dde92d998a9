"""What makes the export of a day fail, or empties its files, is known before the day is published.

Publishing replaces the directory first and exports after it. So a day whose export cannot be made, or has no
rows in a file that had some, is held back. An approval publishes the directory; an export that cannot be made
fails then, too.
"""

import hashlib
from collections.abc import Iterator

import duckdb

from opensense_okta.config.models import CsvExport, Guards, Organization
from opensense_okta.publishing.exports.addresses import anybody_has_a_row, no_own_address
from opensense_okta.publishing.exports.errors import ExportFailed
from opensense_okta.publishing.exports.groups import all_left_out, choose_groups, exports_groups
from opensense_okta.publishing.exports.state import DeliveredExport, last_export
from opensense_okta.publishing.guards.model import Guard, Verdict
from opensense_okta.publishing.published import ComparisonTargets
from opensense_okta.resolution.people_rules import find_exported
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import is_stored

ALSO_APPROVED = (
    "If the day is approved, it is published and its export fails; the files before stay."
)


def emptied_export_terms(organization: Organization, lake: Lake) -> list[object]:
    """The settings and the last export on which the verdicts depend; empty: there is nothing to judge."""
    settings = organization.publish.csv
    if settings is None or not (exports_groups(organization) or settings.rows == "alias"):
        return []
    last = last_export(lake)
    people = organization.publish.people.model_dump(mode="json")
    columns = exports_groups(organization)
    return [
        settings.groups,
        settings.group_names,
        settings.rows,
        columns,
        people,
        last.delivered.model_dump(mode="json") if last else None,
    ]


def judge_emptied_export(
    connection: duckdb.DuckDBPyConnection,
    organization: Organization,
    lake: Lake,
    place: ComparisonTargets,
) -> Iterator[Verdict]:
    """A verdict for each part of the export that cannot be made, or would be empty after a filled one.

    Args:
        connection: it has the tables of the day (`new_…`).
        organization: its `publish` counts.
        lake: has the last delivered export.
        place: what the day replaces.
    """
    settings = organization.publish.csv
    if settings is None or place.newer is not None:
        return
    last = last_export(lake)
    before = last.delivered if last else None
    if exports_groups(organization):
        yield from _groups(connection, organization.guards, settings, lake, before)
    if settings.rows == "alias":
        yield from _addresses(connection, organization, lake, before)


def _groups(
    connection: duckdb.DuckDBPyConnection,
    guards: Guards,
    settings: CsvExport,
    lake: Lake,
    before: DeliveredExport | None,
) -> Iterator[Verdict]:
    for table in ("groups", "memberships"):
        connection.table(f"new_{table}").create_view(table, replace=True)
    tables = before.group_tables(lake) if before else None
    lost = _rows(connection.read_parquet(str(tables.memberships))) if tables else 0
    try:
        left_out = choose_groups(connection, settings)
    except ExportFailed as error:
        yield _verdict("removed_memberships", guards, lost, _fails(error))
        return
    if not lost or connection.view("exported_memberships").limit(1).fetchall():
        return
    if left_out.count:
        words = _fails(all_left_out(left_out))
    else:
        words = (
            "No group to export has a member, so the export would remove all memberships. What to do: look"
            " at the groups in their directory, and at publish.csv.groups."
        )
    yield _verdict("removed_memberships", guards, lost, words)


def _addresses(
    connection: duckdb.DuckDBPyConnection,
    organization: Organization,
    lake: Lake,
    before: DeliveredExport | None,
) -> Iterator[Verdict]:
    if before is None or not is_stored(before.people(lake)):
        return
    engine.view(connection, "people_before", before.people(lake))
    lost = _rows(connection.view("people_before").filter("active"))
    find_exported(connection, organization.publish.people, "new")
    anybody = connection.view("new_exported").limit(1).fetchall()
    if lost and anybody and not anybody_has_a_row(connection, "new_people", "new_exported"):
        yield _verdict("removed", organization.guards, lost, _fails(no_own_address()))


def _rows(relation: duckdb.DuckDBPyRelation) -> int:
    ((rows,),) = relation.aggregate("count(*)").fetchall()
    return int(rows)


def _fails(error: ExportFailed) -> str:
    return f"{error.message} What to do: {error.remedy} {ALSO_APPROVED}"


def _verdict(guard: Guard, guards: Guards, lost: int, words: str) -> Verdict:
    """A verdict that holds the day back; all rows of the last export are lost."""
    return Verdict(
        name=guard,
        passed=False,
        count=lost,
        of=lost,
        percent=100.0 if lost else 0.0,
        limits=guards.removed.model_dump(exclude={"max"}),
        message=words,
        cause="left_out",
        of_export=True,
        lost=hashlib.sha256(words.encode()).hexdigest()[:16],
    )
