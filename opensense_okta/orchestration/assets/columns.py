"""The columns of all tables, with types and descriptions."""

from collections.abc import Mapping
from typing import Final

import dagster as dg

from opensense_okta.config.attributes import DATES, attributes, list_attributes
from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import Table

TEXT, TEXTS, TIME = "VARCHAR", "VARCHAR[]", "TIMESTAMP WITH TIME ZONE"
FLAG, DATE = "BOOLEAN", "DATE"
NUMBER, DATE, JSON = "BIGINT", "DATE", "JSON"

RAW_MEMBERSHIPS: Final = "raw memberships"
"""Raw and resolved memberships have different columns."""

TYPES: Final[Mapping[str, Mapping[str, str]]] = {
    "raw_users": {
        "id": TEXT,
        "status": TEXT,
        "created": TIME,
        "activated": TIME,
        "status_changed": TIME,
        "last_login": TIME,
        "last_updated": TIME,
        "password_changed": TIME,
        "type_id": TEXT,
        "profile": JSON,
        "captured_at": TIME,
    },
    "raw_groups": {
        "id": TEXT,
        "type": TEXT,
        "name": TEXT,
        "description": TEXT,
        "created": TIME,
        "last_updated": TIME,
        "last_membership_updated": TIME,
        "members_count": NUMBER,
        "profile": JSON,
        "captured_at": TIME,
    },
    RAW_MEMBERSHIPS: {"group_id": TEXT, "user_id": TEXT},
    "provenance": {
        "person_id": TEXT,
        "attribute": TEXT,
        "value": TEXT,
        "directory": TEXT,
        "account_id": TEXT,
        "rule": TEXT,
        "losing": 'STRUCT(directory VARCHAR, "value" VARCHAR)[]',
        "as_of": DATE,
    },
    "conflicts": {"person_id": TEXT, "kind": TEXT, "attribute": TEXT, "detail": JSON},
    "groups": {
        "group_id": TEXT,
        "name": TEXT,
        "description": TEXT,
        "type": TEXT,
        "directory": TEXT,
        "id": TEXT,
        "sources": TEXTS,
        "members_count": NUMBER,
    },
    "memberships": {"person_id": TEXT, "group_id": TEXT, "direct": FLAG},
    "changes": {
        "person_id": TEXT,
        "change": TEXT,
        "attribute": TEXT,
        "before": TEXT,
        "after": TEXT,
    },
}
"""Columns with DuckDB's types; `accounts` and `people` depend on the organization's attributes."""

COLUMNS: Final[Mapping[str, str]] = {
    "directory": "The directory's name in the organization file.",
    "attribute": "The attribute's name.",
    "value": "The person's value.",
    "account_id": "The account that the value is from.",
    "name": "The name.",
    "description": "The description.",
    "type": "The directory's type of group.",
    "created": "When the record was created.",
    "activated": "When the user was activated.",
    "status_changed": "When the status changed last.",
    "last_login": "When the user signed in last.",
    "last_updated": "When the record was changed last.",
    "password_changed": "When the password was changed last.",
    "last_membership_updated": "When a membership of the group was changed last.",
    "id": "The directory's own id of the record.",
    "status": "As the directory writes it.",
    "type_id": "The directory's user type.",
    "profile": "All attributes, as read.",
    "captured_at": "When the page with the record was read.",
    "person_id": "The person's id, the same every day.",
    "active": "Works here now; only active people are exported.",
    "directories": "The directories in which the person has an account.",
    "accounts": "The person's accounts, as directory/id.",
    "manager": "As the source writes it.",
    "manager_id": "The manager's person_id, if exactly one person matches.",
    "group_id": "The group.",
    "user_id": "The user.",
    "direct": "Whether the directory lists the person in the group itself, not only in one of its groups.",
    "members_count": "In raw tables the API's own statistics, a hint; in groups the people in it.",
    "rule": "Why this value won.",
    "losing": "The values that lost, each with its directory.",
    "as_of": "The day of the data that the value is from.",
    "sources": "The directories' groups that make up this group, as directory/id.",
    "kind": "The kind of disagreement.",
    "detail": "The evidence: accounts, keys and values.",
    "change": "added, removed, changed, merged or split.",
    "before": "The value of the last published day before.",
    "after": "The value of this day.",
}


def raw_types(table: Table) -> Mapping[str, str]:
    """The columns of a table that is read from a directory, with their types."""
    return TYPES[RAW_MEMBERSHIPS if table == "memberships" else table]


def resolved_types(organization: Organization, table: str) -> Mapping[str, str]:
    """The columns of a table of a resolved day, with their types."""
    if table in TYPES:
        return TYPES[table]
    lists = list_attributes(organization)
    values = {name: TEXTS if name in lists else TEXT for name in attributes(organization)}
    values |= dict.fromkeys(DATES, DATE)
    if table == "accounts":
        account = {"directory": TEXT, "id": TEXT, "person_id": TEXT, "status": TEXT, "active": FLAG}
        return {**account, **values}
    links = {"manager_id": TEXT, "directories": TEXTS, "accounts": TEXTS}
    return {"person_id": TEXT, "active": FLAG, **values, **links}


def schema(types: Mapping[str, str]) -> dg.TableSchema:
    """Columns as Dagster shows them, with descriptions."""
    return dg.TableSchema(
        [
            dg.TableColumn(name, type_, COLUMNS.get(name, f"The attribute {name}."))
            for name, type_ in types.items()
        ]
    )
