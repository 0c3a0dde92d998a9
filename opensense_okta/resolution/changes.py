"""What differs between two directories of people: who came, went, changed, merged and split."""

from collections.abc import Mapping

import duckdb
from pydantic import BaseModel, ConfigDict

from opensense_okta.storage import engine


class Difference(BaseModel):
    """How much differs between two directories: numbers only, fit for manifests and events.

    Attributes:
        added, removed: people who came and went.
        changed: people with at least one other value; merged: ended ids that went on in another one;
            split: ids that came out of another one. None of these is also added or removed.
        attributes: how many people's value of each attribute differs; those that differ for nobody
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
    """Makes table `changes` (person_id, change, attribute, before, after) and counts its rows.

    | row | change | attribute | before, after |
    |---|---|---|---|
    | a person who came or went | added, removed | | |
    | one attribute of a person who is there on both days | changed | its name | its values, lists as JSON |
    | an id that ended, as its accounts are another person's now | merged | | that id, the id that went on |
    | an id that came out of another one | split | | the old id, the new id |
    | a group | added, removed, changed | group | its id; of a changed one its names |
    | a membership | added, removed | membership | the group's id |

    `active`, `manager_id` and `accounts` count as attributes, `directories` follows from `accounts`.
    An attribute that only one of the days has is blank on the other. A group's row has no person. A
    membership that went from an ended id to the one that goes on is no change. The order is any.

    Args:
        connection: with tables `old_people`, `old_accounts`, `old_groups` and `old_memberships` of the
            day compared with, and `new_people` and so on. It keeps what the guards need.
    """
    (counts,) = engine.run(connection, __package__, "changes.sql")
    return Difference.model_validate(counts)
