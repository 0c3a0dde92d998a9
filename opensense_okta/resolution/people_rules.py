"""Who is exported: the active people whom the rules of `publish.people` choose.

A rule is `groups`, or one attribute of `include` or `exclude`.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping

import duckdb
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression
from pydantic import BaseModel, ConfigDict

from opensense_okta.config.models import ExportedPeople
from opensense_okta.directories.values.patterns import like_pattern, pattern_rows
from opensense_okta.storage.sql import Sql

PEOPLE = "people.parquet"
EVERYONE = ExportedPeople()
GROUPS = "groups"
"""The rule about groups; the others are named `include.NAME` and `exclude.NAME`."""


def people_file(rules: ExportedPeople) -> str:
    """The name of the file with the people that are exported under these rules: other rules, other files."""
    if rules == EVERYONE:
        return PEOPLE
    digest = hashlib.sha256(rules.model_dump_json().encode()).hexdigest()[:8]
    return f"people-{digest}.parquet"


def find_exported(connection: duckdb.DuckDBPyConnection, rules: ExportedPeople, which: str) -> None:
    """Makes tables of who is exported of a day.

    - `<which>_exported`: the rows of the exported people;
    - `<which>_left_out` (person_id, rule): the rules that leave out an active person;
    - `<which>_matches` (rule, pattern, person_id): the people that each pattern matches.

    Args:
        connection: it has the day's tables `<which>_people`, `<which>_groups` and `<which>_memberships`.
        rules: of the organization file.
        which: the day.
    """
    _store_rules(connection, rules)
    Sql(connection, __package__).run("exported_people.sql")
    people, matches, left_out = (f"{which}_{name}" for name in ("people", "matches", "left_out"))
    values = f"{which}_rule_values"
    attributes = {*(rules.include or {}), *(rules.exclude or {})}
    _values(connection.table(people), attributes).create_view(values, replace=True)
    members = connection.table_function(
        "matching_members", [f"{which}_groups", f"{which}_memberships"]
    )
    matching = connection.table_function("matching_values", [values])
    if rules.groups:
        matching = matching.union(members)
    _replace(connection, matching, matches)
    _replace(connection, connection.table_function("left_out_people", [people, matches]), left_out)
    connection.execute(
        f"create or replace temp view {which}_exported as"  # noqa: S608 - our names
        f" from {people} anti join (select person_id as out_id from {left_out}) on person_id = out_id"
        " where active"
    )


def _store_rules(connection: duckdb.DuckDBPyConnection, rules: ExportedPeople) -> None:
    connection.execute(
        "create or replace temp table people_rules"
        " (rule varchar, attribute varchar, excludes boolean, pattern varchar, like_pattern varchar)"
    )
    rows = [*_rows(rules)]
    if rows:
        connection.executemany("insert into people_rules values (?, ?, ?, ?, ?)", rows)
        connection.execute(
            "update people_rules set like_pattern = lower(nfc_normalize(like_pattern))"
            " where attribute is not null"
        )


def _rows(rules: ExportedPeople) -> Iterator[tuple[str, str | None, bool, str, str]]:
    """A row for each pattern: rule, attribute, whether a match excludes, pattern, pattern of LIKE."""
    for pattern in rules.groups or ():
        yield GROUPS, None, False, pattern, like_pattern(pattern)
    for row in pattern_rows(rules.include, rules.exclude):
        yield row.rule, row.attribute, row.excludes, row.pattern, row.like_pattern


def _values(people: duckdb.DuckDBPyRelation, attributes: Iterable[str]) -> duckdb.DuckDBPyRelation:
    """The values of these attributes as rows (person_id, attribute, value); a list has several."""
    types = dict(zip(people.columns, map(str, people.types), strict=True))
    nothing = (
        ColumnExpression("person_id"),
        *(_no_text().alias(n) for n in ("attribute", "value")),
    )
    values = people.limit(0).select(*nothing)
    for attribute in sorted(attributes):
        if attribute in types:  # else the day was resolved before the attribute was declared
            values = values.union(people.select(*_row(attribute, types)))
    return values


def _row(attribute: str, types: Mapping[str, str]) -> tuple[Expression, ...]:
    column = ColumnExpression(attribute)
    is_list = types[attribute].endswith("[]")
    value = FunctionExpression("unnest", column) if is_list else column.cast("varchar")
    name = ConstantExpression(attribute)
    return ColumnExpression("person_id"), name.alias("attribute"), value.alias("value")


def _no_text() -> Expression:
    return ConstantExpression(None).cast("varchar")


def _replace(
    connection: duckdb.DuckDBPyConnection, relation: duckdb.DuckDBPyRelation, table: str
) -> None:
    connection.execute(f"drop table if exists {table}")
    relation.create(table)


class LeftOutPeople(BaseModel):
    """How many active people the rules left out, and by which rule; a person may be counted for several.

    Attributes:
        by_rule: also rules that left out nobody.
        unmatched: the patterns that match nobody, each with its rule.
    """

    model_config = ConfigDict(frozen=True)

    count: int = 0
    by_rule: Mapping[str, int] = {}
    unmatched: tuple[tuple[str, str], ...] = ()


def count_left_out(connection: duckdb.DuckDBPyConnection, which: str) -> LeftOutPeople:
    """Counts in the tables of `find_exported`."""
    return Sql(connection, __package__).row(
        "left_out_people.sql",
        LeftOutPeople,
        matches=f"{which}_matches",
        left_out=f"{which}_left_out",
    )
