"""The members of groups in groups, by the shared macros alone (`nested_groups.sql`)."""

from collections.abc import Iterable

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from opensense_okta.directories.protocol import SHARED_SQL
from opensense_okta.storage.sql import Sql
from tests.support.scratch import scratch

Pairs = frozenset[tuple[int, int]]
Members = dict[tuple[int, int], bool]

GROUPS = range(8)
NESTED = st.frozensets(st.tuples(st.sampled_from(GROUPS), st.sampled_from(GROUPS)), max_size=20)
DIRECT = st.frozensets(st.tuples(st.sampled_from(GROUPS), st.integers(100, 104)), max_size=10)


def make_table(
    connection: duckdb.DuckDBPyConnection, name: str, member: str, pairs: Iterable[tuple[int, int]]
) -> None:
    groups, members = [group for group, _ in pairs], [member for _, member in pairs]
    connection.execute(
        f"create table {name} as select unnest($1::int[]) as group_id, unnest($2::int[]) as {member}",
        [groups, members],
    )


def all_memberships(direct: Iterable[tuple[int, int]], nested: Pairs) -> Members:
    """Whether each membership is direct, by group and user."""
    with scratch() as connection:
        Sql(connection, SHARED_SQL).run("nested_groups.sql")
        connection.execute("create table groups as select unnest($1) as group_id", [list(GROUPS)])
        make_table(connection, "memberships", "user_id", direct)
        make_table(connection, "nested_groups", "member_group_id", nested)
        connection.execute("create table ways as from groups_of_members('groups', 'nested_groups')")
        rows = connection.execute("from all_memberships('memberships', 'ways')").fetchall()
    members = {(group, user): direct for group, user, direct in rows}
    assert len(members) == len(rows)
    return members


def reached(start: int, nested: Pairs) -> set[int]:
    """The groups in a group at any depth, and itself, in plain Python."""
    found, pending = {start}, [start]
    while pending:
        group = pending.pop()
        new = {member for of, member in nested if of == group} - found
        found |= new
        pending += new
    return found


@given(DIRECT, NESTED)
@settings(max_examples=15, deadline=None)
def test_the_members_are_those_of_all_groups_that_are_reached(direct: Pairs, nested: Pairs) -> None:
    expected = {
        (group, user): (group, user) in direct
        for group in GROUPS
        for of, user in direct
        if of in reached(group, nested)
    }
    members = all_memberships(direct, nested)
    assert members == expected
    # Nothing is added by a second time.
    assert all_memberships(members, nested).keys() == members.keys()


@given(st.frozensets(st.sampled_from(GROUPS)), NESTED)
@settings(max_examples=5, deadline=None)
def test_the_groups_reached_from_some_are_those_of_each(
    start: frozenset[int], nested: Pairs
) -> None:
    with scratch() as connection:
        Sql(connection, SHARED_SQL).run("nested_groups.sql")
        connection.execute(
            "create table chosen as select unnest($1::int[]) as group_id", [[*start]]
        )
        make_table(connection, "nested_groups", "member_group_id", nested)
        rows = connection.execute("from groups_reached('chosen', 'nested_groups')").fetchall()
    assert sorted(group for (group,) in rows) == sorted(
        {group for first in start for group in reached(first, nested)}
    )
