"""The columns of the export: their headers, and their values in a day's table of people.

Besides the columns of `people` there are `groups`, the names of the person's groups, and `manager.NAME`, an
attribute of the person's manager. It is empty if the manager is not active: a person who is not exported is
named in no row.
"""

from collections.abc import Collection, Iterable, Mapping

import duckdb
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression

from opensense_okta.config.attributes import GROUPS, OF_MANAGER, STANDARD_ATTRIBUTES, attributes
from opensense_okta.config.models import Organization
from opensense_okta.publishing.exports.addresses import KEY


def headers_of(organization: Organization) -> dict[str, str]:
    """The columns in order, each with its header in the CSV; empty if nothing is exported."""
    settings = organization.publish.csv
    if settings is None:
        return {}
    known = dict.fromkeys([*STANDARD_ATTRIBUTES, *attributes(organization)])
    columns = settings.columns or {name: name for name in known}
    suffixes = dict.fromkeys(settings.locked, "-locked") | dict.fromkeys(
        settings.unlocked, "-unlocked"
    )
    return {name: header + suffixes.get(name, "") for name, header in columns.items()}


def exported_rows(
    connection: duckdb.DuckDBPyConnection, which: str, columns: Collection[str]
) -> duckdb.DuckDBPyRelation:
    """The rows of a day, with the person's groups and a column for each wanted attribute of the manager.

    Args:
        connection: the connection that has the tables.
        which: the day, whose tables are `<which>_people`, `<which>_keyed` and, if groups are exported,
            `<which>_memberships`.
        columns: the columns of the export.
    """
    managers = connection.table(f"{which}_people").filter("active")
    people = _with_managers(connection.table(f"{which}_keyed"), managers, columns)
    if GROUPS not in columns or GROUPS in people.columns:
        return people
    try:
        memberships = connection.table(f"{which}_memberships")
    except duckdb.CatalogException:  # the export had no groups
        return people
    groups = memberships.aggregate(f"person_id, list(name order by name) as {GROUPS}", "person_id")
    return people.join(groups.set_alias("groups_of_person"), "person_id", how="left")


def _with_managers(
    people: duckdb.DuckDBPyRelation,
    managers: duckdb.DuckDBPyRelation,
    columns: Collection[str],
) -> duckdb.DuckDBPyRelation:
    wanted = [
        column
        for column in dict.fromkeys(columns)
        if column.startswith(OF_MANAGER) and column.removeprefix(OF_MANAGER) in people.columns
    ]
    if not wanted or "manager_id" not in people.columns:
        return people
    values_of_managers = managers.select(
        ColumnExpression("person_id").alias("manager_id"),
        *(ColumnExpression(name.removeprefix(OF_MANAGER)).alias(name) for name in wanted),
    )
    return people.join(values_of_managers.set_alias("managers"), "manager_id", how="left")


def texts(
    people: duckdb.DuckDBPyRelation, columns: Iterable[str | None]
) -> duckdb.DuckDBPyRelation:
    """For each row: its key, and a list with the texts of the columns; None is an empty column."""
    types = dict(zip(people.columns, map(str, people.types), strict=True))
    cells = [_text(column, types) for column in columns]
    return people.select(
        ColumnExpression(KEY).alias("key"),
        FunctionExpression("list_value", *cells).alias("texts"),
    )


def _text(column: str | None, types: Mapping[str, str]) -> Expression:
    if (
        column is None or column not in types
    ):  # the day was resolved before the attribute was declared
        return _none()
    value = ColumnExpression(column)
    if not types[column].endswith("[]"):
        return value.cast("varchar")
    of_structs = types[column].startswith("STRUCT")
    return FunctionExpression("accounts_text" if of_structs else "list_text", value)


def values(people: duckdb.DuckDBPyRelation, columns: Iterable[str]) -> duckdb.DuckDBPyRelation:
    """The same columns under their own names, with their own types."""
    cells = [
        ColumnExpression(column) if column in people.columns else _none().alias(column)
        for column in columns
    ]
    return people.order(KEY).select(*cells)


def _none() -> Expression:
    return ConstantExpression(None).cast("varchar")
