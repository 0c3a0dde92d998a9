"""Reads a published database again and again, in a process of its own, as a BI tool does.

Prints a line of JSON for each look: which day each table is of. Ends when its standard
input does.
"""

import select
import sys
from pathlib import Path

import duckdb

PAUSE = 0.05  # seconds between two looks

# On each day there is one person more, and everybody's title is the day's: rows and values of every table
# say which day it is of.
LOOK = """
select json_object(
    'syncs', (select max(day) from syncs),
    'people', (select list(distinct title) from people),
    'accounts', (select list(distinct title) from accounts),
    'provenance', (select list(distinct value) from provenance where attribute = 'title'),
    'raw_users', (select list(distinct profile->>'title') from okta.raw_users),
    'groups', (select list(distinct description) from groups),
    'raw_groups', (select list(distinct description) from okta.raw_groups),
    'rows', [
        (select count(*) from people),
        (select count(*) from accounts),
        (select count(*) from memberships),
        (select count(*) from okta.raw_users),
        (select count(*) from okta.memberships),
        (select count(distinct person_id) from people_history)
    ],
    'came', (select count(*) from changes where change = 'added' and attribute is null)
)
"""


def look(connection: duckdb.DuckDBPyConnection) -> None:
    """Tells what is there, all of it in one query."""
    row = connection.execute(LOOK).fetchone()
    assert row
    sys.stdout.write(f"{row[0]}\n")
    sys.stdout.flush()


def told_to_end() -> bool:
    """Waits for a moment, or for the end."""
    return bool(select.select([sys.stdin], [], [], PAUSE)[0])


def open_anew(database: Path) -> None:
    """Looks through the path each time."""
    while not told_to_end():
        with duckdb.connect(str(database), read_only=True) as connection:
            look(connection)


def keep_open(database: Path) -> None:
    """Looks through one connection for ever."""
    with duckdb.connect(str(database), read_only=True) as connection:
        while not told_to_end():
            look(connection)


if __name__ == "__main__":
    {"anew": open_anew, "kept": keep_open}[sys.argv[1]](Path(sys.argv[2]))
