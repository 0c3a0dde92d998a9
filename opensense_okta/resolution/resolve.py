"""Resolves one day: makes tables of people from the newest snapshots not after it, under today's rules.

1. Correlation decides which accounts are one person (`match_keys.sql`, `shared_values.sql`,
   `join_links.sql`). The identity ledger keeps accounts together that were one person (`kept_links.sql`).
2. The identity ledger decides which id the person has (`id_candidates.sql`, `person_ids.sql`).
3. Precedence decides which values the person has (`account_combinations.sql`, `people.sql`).
4. The members of a group's groups are its members, too (`memberships.sql`).
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from itertools import count
from typing import ClassVar

import duckdb
from duckdb import (
    ColumnExpression,
    ConstantExpression,
    Expression,
    FunctionExpression,
    StarExpression,
)
from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from opensense_okta.config.attributes import ACTIVE, DATES, attributes, list_attributes
from opensense_okta.config.models import Organization
from opensense_okta.directories.protocol import SHARED_SQL
from opensense_okta.directories.snapshot import NESTED_GROUPS
from opensense_okta.directories.values import text_functions
from opensense_okta.directories.values.lookup_file import LookupFileError
from opensense_okta.directories.values.mapped_texts import map_texts
from opensense_okta.resolution import ledger, phones, rules
from opensense_okta.resolution.snapshots import SelectedSnapshot, select_snapshots
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.partition import Manifest, StagedPartition
from opensense_okta.storage.sql import Sql
from opensense_okta.storage.state_files import IfDamaged

EXTRA_MEMORY = 1 / 3
"""The share of the memory limit that tables may use for values to be collected in larger batches."""

BATCH_SIZE = 3
"""Accounts per person in a larger batch: half the time of one at a time, three times the memory."""

TABLES = ("accounts", "people", "provenance", "conflicts", "groups", "memberships")

LINKS = "account_links"
"""The file beside the tables that only the identity ledger reads."""

UNUSED_DATES = "unused_dates"
"""The file beside the tables with the dates that count as none; it is stored where there are any."""


class Source(BaseModel):
    """The snapshot of a directory that a day was resolved from.

    Attributes:
        as_of: the date of the data.
        stale: whether the data was older than `stale_after_days`.
        source_scope: digest of the directory's address and scope; empty on days that do not have it.
    """

    model_config = ConfigDict(frozen=True)

    day: date
    id: str
    as_of: date
    stale: bool
    source_scope: str = Field(default="", validation_alias=AliasChoices("source_scope", "reach"))


class ResolvedManifest(Manifest):
    """The commit of a resolved day.

    Attributes:
        sources: the snapshot of each directory.
        rules: digest of the rules.
        ledger: the newest published day in the identity ledger.
        rows: the number of rows of each table.
        evidence: the counts that the checks of the day are evaluated on, by name.
        forgotten: how many people were removed from the tables since; `rows` and `evidence` still count them.
    """

    IF_DAMAGED: ClassVar = IfDamaged(
        "It is as if the day had not been resolved.",
        "start the job ORG__resolve for that day, which resolves it again.",
    )

    organization: str
    day: date
    sources: Mapping[str, Source]
    rules: str
    ledger: date | None
    rows: Mapping[str, int]
    evidence: Mapping[str, int]
    forgotten: int = 0


def resolve(organization: Organization, day: date, lake: Lake) -> ResolvedManifest:
    """Makes the day's tables and commits them.

    Raises:
        NothingToResolve: no directory has a snapshot up to that day.
        StaleDirectory: a snapshot is stale, and `when_stale` is fail.
    """
    snapshots = select_snapshots(organization, day, lake)
    shelf = lake.resolved(day)
    draft = shelf.draft()
    try:
        manifest = make_tables(organization, day, lake, snapshots, draft)
        shelf.commit(draft, manifest)
    except BaseException:
        shelf.discard(draft)
        raise
    return manifest


def make_tables(
    organization: Organization,
    day: date,
    lake: Lake,
    snapshots: Mapping[str, SelectedSnapshot],
    draft: StagedPartition,
) -> ResolvedManifest:
    """Makes the day's tables from snapshots, in a draft that the caller commits or discards."""
    with engine.start(draft.folder) as connection, text_functions.functions(connection):
        sql = Sql(connection, __package__)
        _read(sql, organization, snapshots, lake, day)
        _format_phones(sql)
        ledger_day = ledger.load(connection, lake, day)
        _correlate(sql, organization.resolution.match)
        _collect_values(sql, organization.resolution.inactive_accounts)
        Sql(connection, SHARED_SQL).run("nested_groups.sql")
        sql.run("memberships.sql", merge_groups=organization.resolution.groups.merge_by == "name")
        sql.run("people.sql")
        _write_columns(connection)
        rows = _store(sql, draft)
        for table in TABLES:
            engine.view(connection, f"resolved_{table}", draft.table(table))
        evidence = sql.rows("evidence.sql", tuple[str, int])
    return ResolvedManifest(
        id=draft.id,
        organization=organization.name,
        day=day,
        sources={
            name: Source(
                day=snapshot.manifest.day,
                id=snapshot.manifest.id,
                as_of=snapshot.as_of,
                stale=snapshot.stale,
                source_scope=snapshot.manifest.settings,
            )
            for name, snapshot in snapshots.items()
        },
        rules=rules.digest(organization),
        ledger=ledger_day,
        rows=rows,
        evidence=dict(evidence),
    )


def _read(
    sql: Sql,
    organization: Organization,
    snapshots: Mapping[str, SelectedSnapshot],
    lake: Lake,
    day: date,
) -> None:
    """Fills the tables of rules, accounts, groups and memberships."""
    text_functions.define_macros(sql.connection)
    sql.run("schema.sql", day=str(day))
    rules.fill(sql.connection, organization, snapshots)
    for name, snapshot in snapshots.items():
        manifest, settings = snapshot.manifest, organization.directories[name]
        shelf = lake.snapshot(name, manifest.day)
        engine.view(sql.connection, "raw_users", shelf.table(manifest, "raw_users"))
        engine.view(sql.connection, "raw_groups", shelf.table(manifest, "raw_groups"))
        engine.view(sql.connection, "raw_memberships", shelf.table(manifest, "memberships"))
        try:
            map_texts(
                sql.connection,
                settings,
                attributes(organization),
                "raw_users",
                lists=list_attributes(organization),
            )
        except LookupFileError as error:
            error.subject = f"{organization.name}/{name}"
            raise
        active = list(ACTIVE[manifest.kind])
        sql.run("accounts.sql", directory=name, active_statuses=active)
        sql.run("dates.sql", date_format=settings.date_format)
        sql.run("groups.sql", directory=name)
        if NESTED_GROUPS in manifest.tables and settings.nested:
            nested = shelf.table(manifest, NESTED_GROUPS)
            engine.view(sql.connection, "raw_nested_groups", nested)
            sql.run("nested_groups.sql", directory=name)


def _format_phones(sql: Sql) -> None:
    """Formats the phone numbers of attributes that have a format; each text once."""
    written = sql.rows("phones_to_format.sql", phones.NumberToFormat)
    if written:
        phones.store_formatted(sql.connection, phones.format_numbers(written))
        sql.run("format_phones.sql")


def _correlate(sql: Sql, match: Sequence[str]) -> None:
    """Finds the accounts of each person, and the person's id.

    The keys join accounts from strong to weak. Then the ledger keeps together what was linked by a key.
    """
    strengths = range(1, len(match) + 1)
    sql.run("match_keys.sql", match=list(match))
    sql.run("ledger_accounts.sql")
    for strength in strengths:
        sql.run("shared_values.sql", strength=strength)
        sql.run("ambiguous_values.sql")
        sql.run("join_links.sql")
        sql.run("link_conflicts.sql")
        sql.run("joined_persons.sql")
    if sql.row("recorded_apart.sql", int):
        for strength in strengths:
            sql.run("kept_links.sql", strength=strength)
            sql.run("join_links.sql")
            sql.run("kept_together.sql")
            sql.run("joined_persons.sql")
    sql.run("id_candidates.sql")
    while sql.row("assigned_ids.sql", int):
        pass
    sql.run("person_ids.sql")


def _collect_values(sql: Sql, inactive_accounts: str) -> None:
    """Collects the values of each person's accounts, and the order in which the accounts supply them."""
    sql.run("account_combinations.sql", inactive_accounts=inactive_accounts)
    batch_size = BATCH_SIZE if engine.memory_in_use(sql.connection) < EXTRA_MEMORY else 1
    for first_member in count(1, batch_size):
        people_left = sql.row(
            "people_values.sql", int, first_member=first_member, batch_size=batch_size
        )
        if not people_left:
            break


def _write_columns(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the views `accounts` and `people`, with one column for each attribute."""
    attributes = connection.execute(
        "select attribute, position, is_list from attributes where position > 0 order by position"
    ).fetchall()
    columns = [_value(*attribute).alias(attribute[0]) for attribute in attributes]
    accounts = connection.table("accounts_with_texts").select(
        StarExpression(exclude=["texts"]), *columns
    )
    accounts.create_view("accounts")
    last = ("manager_id", "directories", "accounts")
    people = connection.table("people_with_texts").select(
        StarExpression(exclude=["texts", *last]), *columns, *map(ColumnExpression, last)
    )
    people.create_view("people")


def _value(name: str, position: int, is_list: bool) -> Expression:
    """The value of an attribute, from its position in the list `texts`: a text, a date or a list."""
    text = FunctionExpression(
        "list_extract", ColumnExpression("texts"), ConstantExpression(position)
    )
    if name in DATES:
        return text.cast(duckdb.type("DATE"))
    return FunctionExpression("as_list", text) if is_list else text


def _store(sql: Sql, draft: StagedPartition) -> Mapping[str, int]:
    """Stores the tables and returns the number of rows of each.

    Only table `conflicts` needs the phone numbers that Python parses. Python uses one processor, so DuckDB
    stores the other tables in the meantime.
    """
    connection = sql.connection
    written = sql.rows("differing_texts.sql", phones.WrittenNumber)
    with ThreadPoolExecutor(max_workers=1) as executor:
        parsing = executor.submit(phones.parse, written)
        rows = {
            table: engine.store(connection, table, draft.table(table))
            for table in TABLES
            if table != "conflicts"
        }
        phones.store(connection, parsing.result())
    sql.run("conflicts.sql")
    engine.store(connection, LINKS, draft.table(LINKS))
    if connection.table("dates_without_day").limit(1).fetchall():
        engine.store(connection, UNUSED_DATES, draft.table(UNUSED_DATES))
    return {**rows, "conflicts": engine.store(connection, "conflicts", draft.table("conflicts"))}
