"""Stores what is in scope of a complete read: users by `include` and `exclude`, groups by `store_groups`.

This is the last step of a read, after the evidence was collected: the counts that prove the read complete
are of all that was listed.
"""

from collections.abc import Collection, Mapping

import duckdb

from opensense_okta.config.directory_models import (
    Directory,
    EntraDirectory,
    GoogleDirectory,
    OktaDirectory,
)
from opensense_okta.directories.checks import TABLES, Table
from opensense_okta.directories.errors import IncompleteListing
from opensense_okta.directories.protocol import SHARED_SQL
from opensense_okta.directories.snapshot import NESTED_GROUPS, SnapshotManifest
from opensense_okta.directories.values.mapped_texts import map_texts
from opensense_okta.directories.values.patterns import like_pattern, pattern_rows
from opensense_okta.storage import engine
from opensense_okta.storage.partition import StagedPartition
from opensense_okta.storage.sql import Sql

RULE_TABLES = """
create or replace temp table scope_rules (
    rule varchar, attribute varchar, excludes boolean, position integer, like_pattern varchar
);
create or replace temp table group_rules (position integer, pattern varchar, like_pattern varchar);
"""

LEFT_OUT = "left_out."
"""The evidence `left_out.RULE` is the number of users whom a rule left out."""

BEFORE = "_before"

CHOOSING = ("groups", "apps", "org_units")
"""Keys of `scope` that choose users. A user of any of them is in scope, so they are counted together."""

MATCHED = "matched."
"""The evidence `matched.RULE.POSITION` is the number of users or groups that a pattern matches."""

CARRY_OVER = "carry_over"
CARRY_OVER_GROUPS = "carry_over_groups"
"""Tables of a snapshot for the next read alone: members, and groups, that are not stored."""

SINCE_0_1 = ("groups", "statuses")
"""Keys of `scope` that are always in the digest of the settings; the others only if they are given."""


def scope_settings(directory: Directory) -> dict[str, object]:
    """The settings of scope, for the digest that decides whether a snapshot can be carried over."""
    scope = {
        key: value
        for key, value in directory.scope.model_dump(mode="json").items()
        if value is not None or key in SINCE_0_1
    }
    settings: dict[str, object] = {"scope": scope} if scope else {}
    if directory.store_groups is not None:
        settings["store_groups"] = list(directory.store_groups)
    return settings


def choose_groups(sql: Sql, directory: OktaDirectory | EntraDirectory | GoogleDirectory) -> None:
    """Makes the tables of the groups in scope and of those that are read, of the groups that were listed."""
    scope, stored = directory.scope.groups, directory.store_groups
    sql.run(
        "scope.sql",
        scope_groups=list(scope) if scope is not None else None,
        store_groups=list(stored) if stored is not None else None,
    )


def chosen_groups(sql: Sql, directory: EntraDirectory | GoogleDirectory, owner: str) -> list[str]:
    """The groups whose members are read, of the groups that were listed.

    Args:
        sql: the shared queries.
        directory: its settings.
        owner: whose groups they are, for the message.

    Raises:
        IncompleteListing: `scope.groups` matches none.
    """
    choose_groups(sql, directory)
    groups = sql.rows("groups_to_read.sql", str)
    scope = directory.scope.groups
    if scope is not None and not groups:
        raise IncompleteListing(
            f"None of the {owner}'s groups is in scope: {', '.join(scope)}.",
            remedy="Correct `scope.groups` in the organization file: names, with * for any"
            " characters, or ids.",
        )
    return groups


def no_group_to_store(store_groups: Collection[str]) -> IncompleteListing:
    """The error if `store_groups` matches none of the groups that were listed."""
    return IncompleteListing(
        f"None of the groups has a name or id of `store_groups`: {', '.join(store_groups)}.",
        remedy="Correct `store_groups` in the organization file: names, with * for any characters, or ids.",
    )


def count_chosen(sql: Sql, directory: OktaDirectory | EntraDirectory | GoogleDirectory) -> None:
    """Adds to the table `evidence` how many users no key of scope chooses, and what each pattern matches."""
    given = [key for key in CHOOSING if getattr(directory.scope, key, None) is not None]
    chosen_by = " and ".join(f"scope.{key}" for key in given) or None
    sql.run("scope_evidence.sql", chosen_by=chosen_by)


def is_scoped(directory: Directory) -> bool:
    """Whether some of what is listed may be out of scope."""
    given = directory.scope.model_dump(exclude_none=True)
    return bool(given) or directory.store_groups is not None


def is_narrowed(directory: Directory) -> bool:
    """Whether less is stored than was read."""
    scope = directory.scope
    return any((scope.include, scope.exclude, directory.store_groups))


def store_carry_over(
    connection: duckdb.DuckDBPyConnection,
    directory: Directory,
    members_read: str,
    staged: StagedPartition,
) -> None:
    """Stores ids of members, and of groups, that were read and are not in the stored tables.

    The next read carries them over, so that a group with a member out of scope is not read again.

    Args:
        connection: it has the stored tables.
        directory: its settings.
        members_read: the view with all members that were read; empty: nothing is carried over.
        staged: gets the files; none for an empty table.
    """
    if not members_read or not is_scoped(directory):
        return
    Sql(connection, SHARED_SQL).run("carry_over.sql", members_read=members_read)
    for table in (CARRY_OVER, CARRY_OVER_GROUPS):
        if connection.table(table).limit(1).fetchall():
            engine.store(connection, table, staged.table(table))


def left_out_words(evidence: Mapping[str, int]) -> str:
    """How many users each rule left out, beside the snapshot before; empty: there is no rule."""
    return ", ".join(
        f"{count:,} by {name.removeprefix(LEFT_OUT)}"
        + (f" ({before:,} in the snapshot before)" if before is not None else "")
        for name, count in evidence.items()
        if name.startswith(LEFT_OUT) and not name.endswith(BEFORE)
        for before in [evidence.get(f"{name}{BEFORE}")]
    )


def left_out_before(evidence: Mapping[str, int], before: SnapshotManifest | None) -> dict[str, int]:
    """What each rule left out of the last snapshot, as NAME_before."""
    known = before.evidence if before else {}
    return {
        f"{name}{BEFORE}": known[name]
        for name in evidence
        if name.startswith(LEFT_OUT) and name in known
    }


def narrow(
    connection: duckdb.DuckDBPyConnection,
    directory: Directory,
    lists: Collection[str],
    staged: StagedPartition,
) -> tuple[dict[Table, int], dict[str, int]]:
    """Replaces the stored tables by those in scope: the numbers of rows, and what each rule matched.

    Args:
        connection: it has the stored tables.
        directory: its settings.
        lists: the attributes that are lists.
        staged: has the files of the tables.

    Raises:
        IncompleteListing: no user, or no group of `store_groups`, would be left.
    """
    sql = Sql(connection, SHARED_SQL)
    counts = _find_kept(sql, directory, lists)
    _refuse_nothing(connection, directory)
    tables = [*TABLES]
    if staged.table(NESTED_GROUPS).exists():
        tables.append(NESTED_GROUPS)  # type: ignore[arg-type]  # a table that not every snapshot has
    rows: dict[Table, int] = {}
    files = {table: staged.table(table).with_suffix(".kept") for table in tables}
    for table, file in files.items():
        rows[table] = engine.store(connection, f"kept_{table}", file)
    for table, file in files.items():
        file.replace(staged.table(table))
        engine.view(connection, table, staged.table(table))
    return {table: rows[table] for table in TABLES}, counts


def _find_kept(sql: Sql, directory: Directory, lists: Collection[str]) -> dict[str, int]:
    """Makes the views of what is kept; returns what each rule left out and each pattern matched."""
    connection, scope = sql.connection, directory.scope
    rules = [*pattern_rows(scope.include, scope.exclude)]
    attributes = list(dict.fromkeys(rule.attribute for rule in rules))
    of_lists = [name for name in attributes if name in lists]
    map_texts(connection, directory, attributes, "raw_users", lists=of_lists)
    connection.execute(RULE_TABLES)
    for rule in rules:
        connection.execute(
            "insert into scope_rules values (?, ?, ?, ?, ?)",
            [rule.rule, rule.attribute, rule.excludes, rule.position, rule.like_pattern],
        )
    for position, pattern in enumerate(directory.store_groups or (), start=1):
        connection.execute(
            "insert into group_rules values (?, ?, ?)", [position, pattern, like_pattern(pattern)]
        )
    sql.run("nested_groups.sql")
    counted = sql.rows(
        "narrow.sql",
        tuple[str, int],
        rule_attributes=attributes,
        rule_lists=of_lists,
        nested=directory.nested,
    )
    return dict(counted)


def _refuse_nothing(connection: duckdb.DuckDBPyConnection, directory: Directory) -> None:
    users = connection.table("raw_users").shape[0]
    if users and not connection.table("kept_raw_users").limit(1).fetchall():
        raise IncompleteListing(
            f"{users:,} users were listed, and `scope` leaves out all of them.",
            remedy="Correct `scope.include` and `scope.exclude` in the organization file.",
        )
    if directory.store_groups and not connection.table("groups_kept").limit(1).fetchall():
        raise no_group_to_store(directory.store_groups)
