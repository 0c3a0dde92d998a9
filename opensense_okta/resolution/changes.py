"""Compares two directories of people: who was added, removed, changed, merged and split."""

from collections.abc import Mapping

import duckdb
from pydantic import BaseModel, ConfigDict

from opensense_okta.config.attributes import STANDARD_ATTRIBUTES
from opensense_okta.storage.sql import Sql


class Difference(BaseModel):
    """The number of differences between two directories, without personal data.

    Attributes:
        added, removed: people who are new, and people who are gone.
        changed: people with at least one changed value.
        merged: ids whose accounts now belong to another id; not counted as removed.
        split: new ids whose accounts belonged to another id; not counted as added.
        attributes: the number of people with a changed value, by attribute; attributes without changes
            are left out.
    """

    model_config = ConfigDict(frozen=True)

    added: int = 0
    removed: int = 0
    changed: int = 0
    merged: int = 0
    split: int = 0
    attributes: Mapping[str, int] = {}
    groups_added: int = 0
    groups_removed: int = 0
    groups_changed: int = 0
    memberships_added: int = 0
    memberships_removed: int = 0


def compare(connection: duckdb.DuckDBPyConnection) -> Difference:
    """Makes table `changes` (person_id, change, attribute, before, after) and returns its counts.

    | row | change | attribute | before, after |
    |---|---|---|---|
    | a new person, a person who is gone | added, removed | | |
    | one attribute of a person who is in both directories | changed | its name | its values, lists as JSON |
    | an id whose accounts now belong to another id | merged | | that id, the other id |
    | a new id whose accounts belonged to another id | split | | the other id, the new id |
    | a group | added, removed, changed | group | its id; for a change, its names |
    | a membership | added, removed | membership | the group's id |

    `active`, `manager_id` and `accounts` count as attributes; `directories` does not, because it follows
    from `accounts`. An attribute that only one directory has is blank in the other one; but a standard
    attribute that the earlier one does not have is not compared. A group's row has no person. A membership
    of a merged id that the other id now has is no change. Rows have no order.

    Args:
        connection: with tables `old_people`, `old_accounts`, `old_groups` and `old_memberships` of the
            earlier day, and `new_people` and so on of the later one. The tables that `changes.sql` makes
            stay in the connection: the guards use them.
    """
    sql = Sql(connection, __package__)
    return sql.row("changes.sql", Difference, standard=list(STANDARD_ATTRIBUTES))
