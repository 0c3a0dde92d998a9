"""Writes the rules of an organization into the tables that resolution's SQL joins with (`sql/schema.sql`)."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence

import duckdb

from opensense_okta.config.attributes import attributes, list_attributes
from opensense_okta.config.consistency import joined
from opensense_okta.config.directory_models import Directory
from opensense_okta.config.models import AttributeRule, Organization
from opensense_okta.config.sources import Lookup, as_written
from opensense_okta.directories.values.lookup_file import content_digest
from opensense_okta.resolution.snapshots import SelectedSnapshot

WORDS_OF_0_1 = {
    "always_same": "pin",
    "never_same": "part",
    "use": "hold",  # of `when_stale`
    "lowest": "yield",  # of `when_stale` and `inactive_accounts`
}
"""The keys and values of section `resolution` that version 0.1 had under other names."""


def digest(organization: Organization) -> str:
    """Returns a digest of the rules of resolution: it changes whenever a rule changes.

    The digest has the words of version 0.1, so that a day that 0.1 resolved can still be published.
    """
    resolution = organization.resolution.model_dump(mode="json")
    for rule in resolution["attributes"].values():
        if rule["format"] == "as_written":
            del rule["format"]  # version 0.1 had no formats
    rules = {
        "directories": {
            name: {
                "kind": directory.kind,
                "attributes": {
                    attribute: as_written(sources)
                    for attribute, sources in directory.attributes.items()
                },
                **_lookups(directory),
                **({"date_format": directory.date_format} if directory.date_format else {}),
                **({} if directory.nested else {"nested": False}),
            }
            for name, directory in organization.directories.items()
        },
        "resolution": {
            WORDS_OF_0_1.get(key, key): WORDS_OF_0_1.get(value, value)
            if isinstance(value, str)
            else value
            for key, value in resolution.items()
        },
    }
    # The order of the directories is their precedence.
    text = json.dumps([list(organization.directories), rules], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _lookups(directory: Directory) -> Mapping[str, object]:
    """The digests of the lookup files, by name; empty if there are none."""
    files = {
        source.lookup.name: content_digest(source.lookup)
        for sources in directory.attributes.values()
        for source in sources
        if isinstance(source, Lookup)
    }
    return {"lookups": files} if files else {}


def fill(
    connection: duckdb.DuckDBPyConnection,
    organization: Organization,
    snapshots: Mapping[str, SelectedSnapshot],
) -> None:
    """Fills the tables of the rules.

    Args:
        connection: with the tables of `schema.sql`.
        organization: with the rules.
        snapshots: of the directories that have one.
    """
    names = list(snapshots)
    stale_last = organization.resolution.when_stale == "lowest"
    _insert(
        connection,
        "directories",
        [
            (name, rank, snapshot.as_of, snapshot.stale and stale_last)
            for rank, (name, snapshot) in enumerate(snapshots.items(), start=1)
        ],
    )
    _fill_attributes(connection, organization, names)
    _insert(connection, "always_same_rules", _accounts(joined(organization.resolution.always_same)))
    _insert(connection, "never_same_rules", _accounts(organization.resolution.never_same))


def _fill_attributes(
    connection: duckdb.DuckDBPyConnection, organization: Organization, names: Sequence[str]
) -> None:
    """Fills the tables of the attributes' rules.

    Args:
        connection: with the tables.
        organization: with the rules.
        names: of the directories that have a snapshot.
    """
    rules, lists = organization.resolution.attributes, list_attributes(organization)
    attribute_rules = [
        (name, rules.get(name, AttributeRule())) for name in ("active", *attributes(organization))
    ]
    _insert(
        connection,
        "attributes",
        [
            (
                name,
                position,
                list(rule.precedence),
                rule.blank == "wins",
                bool(rule.merge),
                name in lists,
                name in ("email", "user_name", *organization.resolution.match),
            )
            for position, (name, rule) in enumerate(attribute_rules)
        ],
    )
    _insert(
        connection,
        "phone_formats",
        [
            (position, rule.format)
            for position, (_, rule) in enumerate(attribute_rules)
            if rule.format != "as_written"
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


def _order(rule: AttributeRule, names: Sequence[str]) -> tuple[str, ...]:
    """The directories by precedence: first those that the rule lists, then the others."""
    listed = [name for name in rule.precedence if name in names]
    return (*listed, *(name for name in names if name not in listed))


def _accounts(sets: Iterable[Iterable[str]]) -> list[Sequence[object]]:
    """One row for each account: the number of its set, the directory and the id."""
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
