"""The rules of an organization as the tables that resolution's SQL joins with (`sql/schema.sql`)."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date

import duckdb

from opensense_okta.config.attributes import attributes, mapping, pointer
from opensense_okta.config.consistency import joined
from opensense_okta.config.models import AttributeRule, Organization


def digest(organization: Organization) -> str:
    """What identifies the rules of resolution: equal digests, equal rules."""
    rules = {
        "directories": {
            name: {"kind": directory.kind, "attributes": dict(directory.attributes)}
            for name, directory in organization.directories.items()
        },
        "resolution": organization.resolution.model_dump(mode="json"),
    }
    # The order of the directories is their precedence.
    text = json.dumps([list(organization.directories), rules], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def fill(
    connection: duckdb.DuckDBPyConnection,
    organization: Organization,
    present: Mapping[str, tuple[date, bool]],
) -> None:
    """Fills the tables of the rules.

    Args:
        connection: with the tables of `schema.sql`.
        organization: with the rules.
        present: for each directory that has a snapshot: the date of its data, and whether it has the lowest
            precedence because the data is stale.
    """
    names = list(present)
    _insert(
        connection,
        "directories",
        [(name, rank, *present[name]) for rank, name in enumerate(names, start=1)],
    )
    rules = organization.resolution.attributes
    attribute_rules = [
        (name, rules.get(name, AttributeRule())) for name in ("active", *attributes(organization))
    ]
    _insert(
        connection,
        "attributes",
        [
            (name, position, list(rule.precedence), rule.blank == "wins", bool(rule.merge))
            for position, (name, rule) in enumerate(attribute_rules)
        ],
    )
    _insert(
        connection,
        "attribute_precedence",
        [
            (position, directory, precedence)
            for position, (_, rule) in enumerate(attribute_rules)
            for precedence, directory in enumerate(_order(rule, names), start=1)
        ],
    )
    _insert(connection, "always_same_rules", _accounts(joined(organization.resolution.pin)))
    _insert(connection, "never_same_rules", _accounts(organization.resolution.part))


def fill_mapping(
    connection: duckdb.DuckDBPyConnection, organization: Organization, directory: str
) -> None:
    """Fills the table of where one directory's values come from."""
    settings = organization.directories[directory]
    known = attributes(organization)
    connection.execute("delete from mapping")
    _insert(
        connection,
        "mapping",
        [
            (
                known.index(one.attribute) + 1,
                one.position,
                pointer(settings, one.field),
                pointer(settings, one.and_field) if one.and_field else None,
            )
            for one in mapping(settings, known)
        ],
    )


def _order(rule: AttributeRule, names: Sequence[str]) -> tuple[str, ...]:
    listed = [name for name in rule.precedence if name in names]
    return (*listed, *(name for name in names if name not in listed))


def _accounts(sets: Iterable[Iterable[str]]) -> list[Sequence[object]]:
    """Each account with the number of its set."""
    return [
        (number, *account.split("/", 1))
        for number, accounts in enumerate(sets, start=1)
        for account in accounts
    ]


def _insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[object]]
) -> None:
    if rows:
        marks = ", ".join(["(" + ", ".join("?" * len(rows[0])) + ")"] * len(rows))
        values = [value for row in rows for value in row]
        connection.execute(f"insert into {table} values {marks}", values)  # noqa: S608 - our names
