"""What is published, what is held back, and what becomes of those who read the old file."""

import itertools
import json
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import duckdb
import pytest
import time_machine

from opensense_okta.config.models import Organization
from opensense_okta.directories.checks import Table
from opensense_okta.directories.snapshot import SnapshotManifest
from opensense_okta.directories.snapshot_checks import CHECKS
from opensense_okta.publishing.approval import APPROVAL, NotApproved, approvals, record_approval
from opensense_okta.publishing.exports.export import export_published
from opensense_okta.publishing.publish import Held, Publication, publish, published_since
from opensense_okta.publishing.published import (
    NotResolved,
    published,
    published_days,
    read_publication,
)
from opensense_okta.publishing.report.report import write_report
from opensense_okta.resolution.changes import Difference
from opensense_okta.resolution.resolve import TABLES, resolve
from opensense_okta.storage.engine import TableDamaged
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.store import Document
from tests.support.approved import publish_approved
from tests.support.lakes import add_day, copied, once, overwrite, remove, text_of
from tests.support.memory import lakes_in_memory, on_both
from tests.support.processes import python
from tests.support.resolved_columns import COLUMNS
from tests.support.stored import (
    DAY,
    OKTA,
    RAW_TABLES,
    Row,
    company,
    fetched,
    group,
    organization,
    resolved,
    restate,
    rows_of,
    store,
    typed_columns,
    user,
)

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
EVERYONE = group("g1", "Everyone")
ACME = organization()

# `on_both`: tests of what differs between a folder and an object store: files that are replaced, which day
# they are of, and lost or damaged files. The others show what is judged, computed and worded, which no store
# changes, or processes that open the local database.


def prepare(
    lake: Lake, *users: str, day: date = DAY, title: str = "Clerk", again: bool = False
) -> None:
    """A day with these users, resolved and ready to be published; `again`: another read of the same."""

    def prepared(lake: Lake) -> None:
        store(
            lake,
            [user(name, {"title": title}) for name in users],
            [EVERYONE],
            [("g1", name) for name in users],
            day=day,
        )
        resolve(ACME, day, lake)

    add_day(lake, (__name__, users, day, title, again), prepared)


def put_out(lake: Lake, *users: str, day: date = DAY, title: str = "Clerk") -> Publication:
    """Publishes a day with these users, as a person who has looked."""
    prepare(lake, *users, day=day, title=title)
    return once(lake, ("publish", day), lambda: publish_approved(ACME, lake, day))


@contextmanager
def opened(lake: Lake) -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(str(lake.database), read_only=True) as connection:
        yield connection


def names(lake: Lake) -> list[object]:
    """Whose accounts are published."""
    with opened(lake) as connection:
        return [
            row[0]
            for row in connection.execute("from okta.raw_users select id order by id").fetchall()
        ]


def state(lake: Lake) -> tuple[bytes, Document | None, str | None]:
    """What is published, down to the file."""
    document = lake.store.read("published.json")
    assert document is not None
    return lake.database.read_bytes(), document, lake.store.mark("directory.duckdb")


def people_of(lake: Lake, *, day: date = DAY) -> dict[object, object]:
    """The person that each account of a resolved day belongs to."""
    rows = resolved(lake, "accounts", day=day)
    return {f"{row['directory']}/{row['id']}": row["person_id"] for row in rows}


def test_a_day_that_is_added_to_a_lake_is_what_resolving_makes_there(lake: Lake) -> None:
    put_out(lake, "a", "b", day=YESTERDAY)
    prepare(lake, "a", "c")
    added = {table: resolved(lake, table) for table in TABLES}
    resolve(ACME, DAY, lake)
    assert {table: resolved(lake, table) for table in TABLES} == added


# What is there.

INSTANT, LONG, JSON = "TIMESTAMP WITH TIME ZONE", "BIGINT", "JSON"
RAW_COLUMNS = {
    table: {
        name: {"TIMESTAMPTZ": INSTANT}.get(kind.upper(), kind.upper())
        for name, kind in (column.split() for column in columns.split(", "))
    }
    for table, columns in RAW_TABLES.items()
}
SYNCS = {
    "directory": "VARCHAR",
    "day": "DATE",
    "run_id": "VARCHAR",
    "mode": "VARCHAR",
    "started": INSTANT,
    "finished": INSTANT,
    "requests": LONG,
    "waits": LONG,
    "rows": "STRUCT(raw_users BIGINT, raw_groups BIGINT, memberships BIGINT)",
    "proof": JSON,
}


def without(columns: Mapping[str, str], name: str) -> dict[str, str]:
    return {column: kind for column, kind in columns.items() if column != name}


def test_the_database_holds_the_contracts_tables(lake: Lake) -> None:
    put_out(lake, "a")
    with opened(lake) as connection:
        tables = connection.execute(
            "select table_schema, table_name from information_schema.tables"
            " where table_schema <> '_stored' order by all"
        ).fetchall()
        found = {
            f"{schema}.{table}": typed_columns(connection.table(f"{schema}.{table}"))
            for schema, table in tables
        }
    no_desk = {table: without(columns, "desk") for table, columns in COLUMNS.items()}
    assert found == {
        **{f"main.{table}": columns for table, columns in no_desk.items()},
        "main.changes": dict.fromkeys(
            ["person_id", "change", "attribute", "before", "after"], "VARCHAR"
        ),
        "main.people_history": no_desk["people"] | {"valid_from": "DATE", "valid_to": "DATE"},
        "main.publication": {
            "day": "DATE",
            "resolved_id": "VARCHAR",
            "published_at": "TIMESTAMP WITH TIME ZONE",
        },
        "main.syncs": SYNCS,
        **{f"okta.{table}": columns for table, columns in RAW_COLUMNS.items()},
    }


@on_both
def test_the_database_holds_the_day_and_nothing_else(lake: Lake) -> None:
    put_out(lake, "a", day=YESTERDAY)
    put_out(lake, "a", "b")
    with opened(lake) as connection:
        counted = connection.execute(
            "select (select count(*) from people), (select count(*) from accounts),"
            " (select count(*) from groups), (select count(*) from memberships),"
            " (select count(*) from provenance), (select count(*) from okta.raw_users),"
            " (select count(*) from okta.raw_groups), (select count(*) from okta.memberships)"
        ).fetchall()
        titles = connection.execute(
            "from people join provenance using (person_id) select accounts[1], value, rule"
            " where attribute = 'title' order by all"
        ).fetchall()
    assert counted == [(2, 2, 1, 2, 4, 2, 1, 2)]
    assert titles == [("okta/a", "Clerk", "only_value"), ("okta/b", "Clerk", "only_value")]


@pytest.mark.parametrize("directory", ["memory", "new", "published", "working"])
def test_a_directory_can_have_a_name_that_publishing_uses_itself(
    lake: Lake, directory: str
) -> None:
    acme = organization(directory)
    store(lake, [user("a", {"title": "Clerk"})], [EVERYONE], [("g1", "a")], directory=directory)
    resolve(acme, DAY, lake)
    publish(acme, lake, DAY)
    with opened(lake) as connection:
        found = connection.execute(
            "from provenance join memberships using (person_id)"
            " select directory, value, group_id where attribute = 'title'"
        ).fetchall()
    assert found == [(directory, "Clerk", f"{directory}/g1")]


def test_syncs_has_a_row_for_each_directory_and_stored_day(lake: Lake) -> None:
    put_out(lake, "a", day=YESTERDAY)
    put_out(lake, "a", "b")
    with opened(lake) as connection:
        rows = fetched(
            connection.sql(
                "from syncs select * exclude (started, finished, proof), epoch(finished - started) as"
                " seconds, (proof->>'everyone')::int as everyone order by day"
            )
        )
    same = {
        "directory": "okta",
        "mode": "full",
        "requests": 7,
        "waits": 2,
        "seconds": 300.0,
        "everyone": 1,
    }
    assert rows == [
        {
            **same,
            "day": day,
            "run_id": f"run of {day}",
            "rows": {"raw_users": users, "raw_groups": 1, "memberships": users},
        }
        for day, users in ((YESTERDAY, 1), (DAY, 2))
    ]


def test_older_duckdb_shells_can_open_the_file(lake: Lake) -> None:
    put_out(lake, "a")
    header = lake.database.read_bytes()[:20]
    assert header[8:12] == b"DUCK"
    assert int.from_bytes(header[12:20], "little") == 64  # the storage version of DuckDB 1.0
    with opened(lake) as connection:
        (tags,) = connection.execute(
            "select tags from duckdb_databases() where path is not null"
        ).fetchall()[0]
    assert str(tags["storage_version"]).startswith("v1.0.0")


def test_only_the_owner_can_read_what_is_published(lake: Lake) -> None:
    prepare(lake, "a")
    publish(ACME, lake, DAY)
    for path in (lake.database, (lake.scratch / "published.json")):
        assert path.stat().st_mode & 0o777 == 0o600
    assert lake.scratch.stat().st_mode & 0o777 == 0o700


def test_the_lake_may_lie_anywhere(tmp_path: Path) -> None:
    folders = ["with a space", 'it\'s "quoted"', "semi;colon -- select", "glob [a-z]*", "größe 静"]
    lake = Lake(tmp_path.joinpath(*folders), "acme")
    for users, day in ((["a"], YESTERDAY), (["a", "b"], DAY)):
        prepare(lake, *users, day=day)
        publication = publish(ACME, lake, day)
    assert publication.difference == Difference(added=1, memberships_added=1)
    assert names(lake) == ["a", "b"]


def test_a_directory_may_be_named_like_something_of_sqls(lake: Lake) -> None:
    names = ["order", "select", "table", "people"]
    for name in names:
        store(lake, [user(name)], [EVERYONE], directory=name)
    acme = company(dict.fromkeys(names, OKTA))
    resolve(acme, DAY, lake)
    publish(acme, lake, DAY)
    with opened(lake) as connection:
        for name in names:
            assert connection.table(f'"{name}".raw_users').select("id").fetchall() == [(name,)]


# What is said of it.


@on_both
def test_what_is_published_is_said_beside_it(lake: Lake) -> None:
    assert published(lake) is None
    put_out(lake, "a")
    now = published(lake)
    assert now is not None
    assert (now.day, now.base, now.approved_by) == (DAY, None, None)
    assert now.difference == Difference(
        added=1, groups_added=1, memberships_added=1
    )  # everything is new
    assert now.resolved.rows["people"] == 1
    assert now.resolved.id == now.id


def test_the_difference_to_the_directory_before_is_counted(lake: Lake) -> None:
    put_out(lake, "goes", "stays", "changes", day=YESTERDAY)
    titles = dict.fromkeys(["stays", "comes", "comes too"], "Clerk") | {"changes": "Boss"}
    store(
        lake,
        [user(name, {"title": title}) for name, title in titles.items()],
        [EVERYONE],
        [("g1", name) for name in titles],
    )
    resolve(ACME, DAY, lake)
    difference = Difference(
        added=2,
        removed=1,
        changed=1,
        attributes={"title": 1},
        memberships_added=2,
        memberships_removed=1,
    )
    assert publish(ACME, lake, DAY).difference == difference
    now = published(lake)
    assert now is not None
    assert now.difference == difference
    assert now.base is not None
    assert now.base.day == YESTERDAY


def test_the_database_says_what_changed(lake: Lake) -> None:
    put_out(lake, "a", "b", day=YESTERDAY)
    put_out(lake, "a", "c", title="Boss")
    was, now = people_of(lake, day=YESTERDAY), people_of(lake)
    with opened(lake) as connection:
        rows = connection.execute(
            "select person_id, change, attribute, before, after from changes"
            " where attribute is distinct from 'membership'"
        ).fetchall()
    assert set(rows) == {
        (now["okta/c"], "added", None, None, None),
        (was["okta/b"], "removed", None, None, None),
        (now["okta/a"], "changed", "title", "Clerk", "Boss"),
    }


@on_both
def test_a_mark_beside_the_day_outlives_the_next_one(lake: Lake) -> None:
    put_out(lake, "a", day=YESTERDAY)
    first = published(lake)
    prepare(lake, "a")
    assert published_days(lake) == [YESTERDAY]  # who is only resolved has none
    publish(ACME, lake, DAY)
    assert published_days(lake) == [YESTERDAY, DAY]
    assert (read_publication(lake, YESTERDAY), read_publication(lake, DAY)) == (
        first,
        published(lake),
    )


@on_both
def test_a_mark_that_a_killed_process_did_not_make_is_made_by_the_next_publication(
    lake: Lake,
) -> None:
    put_out(lake, "a", day=YESTERDAY)
    remove(lake, f"resolved/date={YESTERDAY}/published.json")
    put_out(lake, "a")
    assert published_days(lake) == [YESTERDAY, DAY]


# What a day is compared with.


def base_of_published(lake: Lake) -> date | None:
    now = published(lake)
    assert now is not None
    return now.base.day if now.base else None


@on_both
def test_a_day_published_again_is_compared_with_the_day_before_and_not_with_itself(
    lake: Lake,
) -> None:
    put_out(lake, "a", day=YESTERDAY)
    put_out(lake, "a", "b")
    again = put_out(lake, "a", "b", "c")
    assert again.difference == Difference(added=2, memberships_added=2)
    assert base_of_published(lake) == YESTERDAY


def test_an_older_day_is_compared_with_the_published_day_before_it(lake: Lake) -> None:
    before = YESTERDAY - timedelta(days=1)
    put_out(lake, "a", day=before)
    prepare(lake, "a", "b", day=YESTERDAY)
    put_out(lake, "a", "b", "c", day=DAY)
    older = publish_approved(ACME, lake, YESTERDAY, even_if_older=True)
    assert older.difference == Difference(added=1, memberships_added=1)
    assert base_of_published(lake) == before
    # And the day after is compared with what is published now.
    put_out(lake, "a", "b", day=TOMORROW)
    assert base_of_published(lake) == YESTERDAY


def test_a_day_is_compared_with_what_was_published_and_not_with_what_was_resolved_since(
    lake: Lake,
) -> None:
    put_out(lake, "a", day=YESTERDAY)
    prepare(lake, "a", "b", day=YESTERDAY)
    assert put_out(lake, "a", "b").difference == Difference(added=1, memberships_added=1)


@on_both
def test_where_the_published_days_tables_are_lost_the_guards_are_not_blind(lake: Lake) -> None:
    put_out(lake, "a", "b", day=YESTERDAY)
    remove(lake, f"resolved/date={YESTERDAY}")
    prepare(lake, "a")
    with pytest.raises(NotResolved) as refused:
        publish(ACME, lake, DAY)
    assert (
        "acme: the tables of the published directory of 2026-11-22, with which 2026-11-23 is to be"
        " compared, are no longer in the lake. Put "
    ) in str(refused.value)
    assert "the job acme__resolve for 2026-11-22 makes it again" in str(refused.value)
    assert names(lake) == ["a", "b"]
    resolve(ACME, YESTERDAY, lake)
    assert publish_approved(ACME, lake, DAY).difference == Difference(
        removed=1, memberships_removed=1
    )


# The identity ledger.

BOTH = company({"okta": OKTA, "hr": OKTA})
ADA: Row = {"email": "ada@acme.test"}


def in_hr(lake: Lake, day: date, *, and_okta: bool = False) -> None:
    """A day on which Ada is known to HR, and perhaps to Okta, which comes first."""
    store(lake, [user("h1", ADA)], [EVERYONE], [("g1", "h1")], day=day, directory="hr")
    if and_okta:
        store(lake, [user("o1", ADA)], [EVERYONE], [("g1", "o1")], day=day)
    resolve(BOTH, day, lake)


def test_publishing_writes_who_is_who_into_the_ledger(lake: Lake) -> None:
    in_hr(lake, YESTERDAY)
    assert lake.ledger_days() == []
    publish_approved(BOTH, lake, YESTERDAY)  # a directory that was never read holds the day
    who = people_of(lake, day=YESTERDAY)["hr/h1"]
    first = {"directory": "hr", "id": "h1", "person_id": who, "day": YESTERDAY}
    first |= {"linked_by": None, "name": None}
    assert rows_of(lake.ledger(YESTERDAY)) == [first]
    in_hr(lake, DAY, and_okta=True)
    publish_approved(BOTH, lake, DAY)
    # Only what is new is added: an account, and the key that links it to the other one.
    linked = {"person_id": who, "day": DAY, "linked_by": "email", "name": None}
    added = [{"directory": "hr", "id": "h1", **linked}, {"directory": "okta", "id": "o1", **linked}]
    assert rows_of(lake.ledger(DAY)) == added
    in_hr(lake, TOMORROW, and_okta=True)
    publish_approved(BOTH, lake, TOMORROW)
    assert rows_of(lake.ledger(TOMORROW)) == []
    assert rows_of(lake.ledger(YESTERDAY)) == [first]
    assert lake.ledger(DAY).parent.stat().st_mode & 0o777 == 0o700


def test_who_was_published_keeps_the_id_on_the_next_day_whatever_directory_comes_in(
    lake: Lake,
) -> None:
    in_hr(lake, YESTERDAY)
    in_hr(lake, DAY, and_okta=True)
    unpublished = people_of(lake)  # the anchor is Okta's account now
    publish_approved(BOTH, lake, YESTERDAY)
    in_hr(lake, DAY, and_okta=True)
    kept = people_of(lake, day=YESTERDAY)["hr/h1"]
    assert people_of(lake) == {"hr/h1": kept, "okta/o1": kept}
    assert kept not in unpublished.values()


@on_both
def test_a_day_published_again_replaces_its_file_of_the_ledger(lake: Lake) -> None:
    put_out(lake, "a")
    put_out(lake, "a", "b")
    assert [row["id"] for row in rows_of(lake.ledger(DAY))] == ["a", "b"]
    assert lake.ledger_days() == [DAY]


@on_both
def test_a_day_that_is_not_published_gives_nobody_an_id(lake: Lake) -> None:
    put_out(lake, "a")
    put_out(lake, "old", day=YESTERDAY)
    prepare(lake, "b", day=TOMORROW)
    with pytest.raises(Held):
        publish(ACME, lake, TOMORROW)
    assert lake.ledger_days() == [DAY]


# What holds a day back.


class Unproven(NamedTuple):
    """A snapshot that does not prove itself whole, and what is said of it."""

    check: str
    says: str
    evidence: Mapping[str, int] = {}
    rows: Mapping[Table, int] = {}
    set_aside: Mapping[Table, int] = {}


HOLDING = [
    Unproven(
        "listing_not_empty",
        "0 users were listed. A directory always has users: the credentials lack a role.",
        {"users": 0},
    ),
    Unproven(
        "everyone_group_listed",
        "Built-in groups named Everyone: 0. An administrator who cannot see it has a restricted"
        " role.",
        {"everyone": 0},
    ),
    Unproven(
        "ids_unique",
        "1 ids came twice on one page. The answer of the directory is wrong. Sync again.",
        {"users_doubled": 1},
    ),
    Unproven(
        "ids_unique",
        "2 ids came twice on one page. The answer of the directory is wrong. Sync again.",
        {"groups_doubled": 2},
    ),
    Unproven(
        "members_known",
        "11 of 100 memberships name a user who was not listed, 0 a group that was not. A few are people"
        " who came or went during the read; more mean that a listing is incomplete.",
        {"memberships": 100, "members_unknown": 11},
    ),
    Unproven(
        "members_known",
        "1,001 of 200,000 memberships name a user who was not listed, 1,000 a group that was not. A few"
        " are people who came or went during the read; more mean that a listing is incomplete.",
        {"memberships": 200_000, "members_unknown": 1001, "groups_unknown": 1000},
    ),
    *(
        Unproven(
            "records_understood",
            "11 records beside 100 were set aside: not an object with a usable id, a key twice, or nested too"
            " deeply. More than a few"
            " mean that the API's answers have changed.",
            rows={table: 100},
            set_aside={table: 11},
        )
        for table in RAW_TABLES
    ),
]


def test_every_check_that_holds_is_tried_here() -> None:
    assert {each.check for each in HOLDING} == {
        check.name for check in CHECKS["okta"] if check.blocks_publishing
    }
    assert len(HOLDING) >= sum(check.blocks_publishing for check in CHECKS["okta"])


@pytest.fixture(scope="module")
def good_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake whose published directory is a good one, of yesterday; today is resolved."""
    lake = Lake(tmp_path_factory.mktemp("data"), "acme")
    put_out(lake, "a", day=YESTERDAY)
    prepare(lake, "a")
    return lake


@pytest.mark.parametrize("unproven", HOLDING, ids=lambda each: each.check)
def test_an_unproven_snapshot_is_not_published(
    good_lake: Lake, tmp_path: Path, unproven: Unproven
) -> None:
    lake = copied(good_lake, tmp_path)
    before = state(lake)
    _, says, evidence, rows, set_aside = unproven
    restate(lake, evidence=evidence, rows=rows, set_aside=set_aside)
    with pytest.raises(Held) as held:
        publish(ACME, lake, DAY)
    assert str(held.value) == (
        "acme: 2026-11-23 is held back. The directory of 2026-11-22, which it was compared with, stays"
        f" published.\nokta: {unproven.check}: {says}\nWhat to do: If this is a mistake, correct it in"
        " the directory or in the organization file and start the sync again: `opensense-okta sync acme`."
        " If it is intended, approve this one day: `opensense-okta approve acme --date 2026-11-23 --by"
        " YOUR_NAME`, which shows examples first; or, in Dagster's UI, the job acme__approve for 2026-11-23"
        " with the configuration that `approve_with` of resolved_directory shows."
    )
    (found,) = held.value.judgement.unproven
    assert (found.directory, found.name) == ("okta", unproven.check)
    assert held.value.judgement.tripped == []
    assert held.value.last == published(lake)
    assert state(lake) == before


def test_all_that_holds_is_said_at_once(lake: Lake) -> None:
    store(lake, [user("a")], evidence={"users": 0, "everyone": 0})
    resolve(ACME, DAY, lake)
    with pytest.raises(Held) as held:
        publish(ACME, lake, DAY)
    assert str(held.value).startswith(
        "acme: 2026-11-23 is held back. Nothing is published yet.\nokta: listing_not_empty: 0 users were"
        " listed. A directory always has users: the credentials lack a role. everyone_group_listed:"
        " Built-in groups named Everyone: 0. An administrator who cannot see it has a restricted role.\n"
        "What to do:"
    )
    assert not lake.database.exists()
    assert published(lake) is None


# Each check is of its own numbers: where all are tolerated together, each is.
TOLERATED = {
    "ten memberships of nobody, ten records set aside, and what only warns": Unproven(
        "",
        "",
        {
            "memberships": 11,
            "members_unknown": 10,
            "groups_miscounted": 9,
            "logins_missing": 9,
            "emails_malformed": 9,
            "statuses_unknown": 9,
        },
        set_aside={"raw_users": 10},
    ),
    "one of a hundred memberships of nobody, and of a hundred records set aside": Unproven(
        "",
        "",
        {"memberships": 200_000, "members_unknown": 1000, "groups_unknown": 1000},
        rows={"raw_users": 5000},
        set_aside={"raw_users": 50},
    ),
}


@pytest.mark.parametrize("name", TOLERATED)
def test_a_day_is_published_with(good_lake: Lake, tmp_path: Path, name: str) -> None:
    lake = copied(good_lake, tmp_path)
    _, _, evidence, rows, set_aside = TOLERATED[name]
    restate(lake, evidence=evidence, rows=rows, set_aside=set_aside)
    publish(ACME, lake, DAY)
    now = published(lake)
    assert now is not None
    assert now.day == DAY


def test_a_held_day_is_not_published_because_somebody_asks_for_an_older_one(lake: Lake) -> None:
    store(lake, [user("a")], evidence={"everyone": 0})
    resolve(ACME, DAY, lake)
    with pytest.raises(Held):
        publish(ACME, lake, DAY, even_if_older=True)


@on_both
def test_a_day_that_a_guard_holds_leaves_what_is_published_and_says_why(lake: Lake) -> None:
    put_out(lake, "a", "b", day=YESTERDAY)
    before = state(lake)
    prepare(lake, "c")
    with pytest.raises(Held) as held:
        publish(ACME, lake, DAY)
    judgement = held.value.judgement
    assert judgement.unproven == ()
    assert {verdict.name for verdict in judgement.tripped} == {"removed", "removed_memberships"}
    (reason,) = judgement.reasons
    assert reason.startswith(
        "okta: 2 of 2 active people (100.0 %) are gone (2) or inactive (0): all of them. 2 of 2"
        " memberships (100.0 %) are gone: all of them. Likely cause:"
    )
    assert held.value.message == f"acme: 2026-11-23 is held back.\n{reason}"
    assert (
        held.value.impact
        == "The directory of 2026-11-22, which it was compared with, stays published."
    )
    assert state(lake) == before
    # It is judged again and again the same, whoever asks.
    with pytest.raises(Held) as again:
        publish(ACME, lake, DAY)
    assert again.value.judgement == judgement


# A person lets a held day through.


@pytest.fixture(scope="module")
def two_gone(tmp_path_factory: pytest.TempPathFactory) -> tuple[Lake, Held]:
    """A lake whose day is held: the two who are published are gone."""
    lake = Lake(tmp_path_factory.mktemp("two-gone"), "acme")
    put_out(lake, "a", "b", day=YESTERDAY)
    prepare(lake, "c")
    return lake, the_hold(lake)


@pytest.fixture
def held(lake: Lake, two_gone: tuple[Lake, Held]) -> Held:
    """A held day: the two who are published are gone."""
    copied(two_gone[0], lake.scratch.parent)
    return two_gone[1]


def the_hold(lake: Lake, organization: Organization = ACME, day: date = DAY) -> Held:
    """How a day is held."""
    with pytest.raises(Held) as raised:
        publish(organization, lake, day)
    return raised.value


@on_both
def test_an_approval_lets_the_day_through_and_is_on_record(lake: Lake, held: Held) -> None:
    approval = record_approval(lake, held.judgement, "  Grace ")
    assert (approval.day, approval.by) == (DAY, "Grace")
    assert approval.saw == tuple(held.judgement.reasons)
    assert publish(ACME, lake, DAY).approved_by == "Grace"
    assert names(lake) == ["c"]
    for said in (published(lake), read_publication(lake, DAY)):
        assert said is not None
        assert said.approved_by == "Grace"
    # The same thing again needs nobody again.
    assert publish(ACME, lake, DAY).approved_by == "Grace"


@on_both
def test_the_first_approval_stands(lake: Lake, held: Held) -> None:
    first = record_approval(lake, held.judgement, "Grace")
    assert record_approval(lake, held.judgement, "Linus") == first
    publish(ACME, lake, DAY)
    assert record_approval(lake, held.judgement, "Linus") == first
    assert approvals(lake, DAY) == (first,)


@on_both
def test_the_approvals_of_a_day_that_is_read_again_stay_on_record(lake: Lake, held: Held) -> None:
    grace = record_approval(lake, held.judgement, "Grace")
    fewer_are_gone(lake)
    linus = record_approval(lake, the_hold(lake).judgement, "Linus")
    assert approvals(lake, DAY) == (grace, linus)
    assert publish(ACME, lake, DAY).approved_by == "Linus"


@on_both
def test_an_approval_from_before_all_were_kept_counts(lake: Lake, held: Held) -> None:
    grace = record_approval(lake, held.judgement, "Grace")
    overwrite(lake, f"resolved/date={DAY}/{APPROVAL}", grace.model_dump_json().encode())
    assert approvals(lake, DAY) == (grace,)
    assert publish(ACME, lake, DAY).approved_by == "Grace"


@pytest.mark.parametrize("nobody", ["", "  \n"])
def test_somebody_must_approve(lake: Lake, held: Held, nobody: str) -> None:
    with pytest.raises(NotApproved, match="1 to 200 characters"):
        record_approval(lake, held.judgement, nobody)
    the_hold(lake)


def fewer_are_gone(lake: Lake) -> None:
    prepare(lake, "b", "c", again=True)


def something_else_published(lake: Lake) -> None:
    prepare(lake, "a", "b", day=YESTERDAY, again=True)
    publish(ACME, lake, YESTERDAY)


WORTHLESS = (fewer_are_gone, something_else_published)


@on_both
@pytest.mark.parametrize("happens", WORTHLESS, ids=lambda each: each.__name__)
def test_an_approval_is_worthless_after(
    lake: Lake, held: Held, happens: Callable[[Lake], None]
) -> None:
    record_approval(lake, held.judgement, "Grace")
    happens(lake)
    again = the_hold(lake)
    assert again.judgement.digest != held.judgement.digest
    assert names(lake) == ["a", "b"]


@on_both
def test_an_approval_stands_when_the_same_is_resolved_again(lake: Lake, held: Held) -> None:
    record_approval(lake, held.judgement, "Grace")
    resolve(ACME, DAY, lake)
    assert publish(ACME, lake, DAY).approved_by == "Grace"


@on_both
def test_a_published_day_that_was_approved_and_is_resolved_again_keeps_its_approval(
    lake: Lake, held: Held
) -> None:
    approval = record_approval(lake, held.judgement, "Grace")
    publish(ACME, lake, DAY)
    resolve(ACME, DAY, lake)
    assert publish(ACME, lake, DAY).approved_by == "Grace"
    write_report(ACME, lake, DAY)
    page = text_of(lake, f"reports/date={DAY}.html")
    assert f"approved it on {approval.when:%Y-%m-%d %H:%M} UTC" in page
    assert "2 of 2 active people (100.0 %) are gone" in page


def test_an_approval_is_of_its_day_alone(lake: Lake, held: Held) -> None:
    record_approval(lake, held.judgement, "Grace")
    resolve(ACME, TOMORROW, lake)  # from the same snapshot
    the_hold(lake, day=TOMORROW)
    assert names(lake) == ["a", "b"]


def test_who_needs_no_approval_is_not_said_to_have_one(lake: Lake, held: Held) -> None:
    record_approval(lake, held.judgement, "Grace")
    prepare(lake, "a", "b", "c")
    assert publish(ACME, lake, DAY).approved_by is None


def test_a_day_is_judged_again_once_the_limits_are_other_ones(lake: Lake) -> None:
    put_out(lake, "a", "b", "c", day=YESTERDAY)
    prepare(lake, "a", "b")
    strict = company({"okta": OKTA}, guards={"removed": {"count": 0, "percent": 0}})
    assert "more than 0 and more than 0 %" in the_hold(lake, strict).message
    assert publish(ACME, lake, DAY).approved_by is None


# Since when.


def since(lake: Lake) -> datetime:
    """Since when what is published is."""
    last = published(lake)
    assert last is not None
    return published_since(lake, last)


@on_both
def test_what_is_published_again_is_published_since_it_first_was(lake: Lake) -> None:
    prepare(lake, "a")
    with time_machine.travel(NOON, tick=False):
        publish(ACME, lake, DAY)
    assert since(lake) == NOON
    publish(ACME, lake, DAY)
    assert since(lake) == NOON
    put_out(lake, "a", "b")
    assert since(lake) > NOON


def forget_since(lake: Lake) -> None:
    """As version 0.1 noted it."""
    before = json.loads(text_of(lake, "published.json"))
    for publication in before["newest_first"]:
        del publication["since"]
    overwrite(lake, "published.json", json.dumps(before).encode())


def test_what_was_published_before_that_was_noted_is_as_old_as_its_database(lake: Lake) -> None:
    put_out(lake, "a")
    forget_since(lake)
    os.utime(lake.database, (NOON.timestamp(), NOON.timestamp()))
    assert since(lake) == NOON
    publish(ACME, lake, DAY)
    assert since(lake) == NOON


def test_in_an_object_store_it_is_as_old_as_the_object_and_not_as_its_copy(tmp_path: Path) -> None:
    with lakes_in_memory():
        lake = Lake(tmp_path, "acme")
        put_out(lake, "a")
        forget_since(lake)
        os.utime(lake.database, (NOON.timestamp(), NOON.timestamp()))
        (stored,) = lake.store.entries("directory.duckdb")
        assert since(lake) == stored.modified != NOON


# Which day stays.


@on_both
def test_an_older_day_never_replaces_a_newer_one(lake: Lake) -> None:
    put_out(lake, "new")
    before = lake.database.read_bytes()
    assert put_out(lake, "old", day=YESTERDAY) == Publication(
        YESTERDAY, f"{YESTERDAY} is resolved, and not published: {DAY} is published, and is newer."
    )
    assert lake.database.read_bytes() == before
    assert getattr(published(lake), "day", None) == DAY


@on_both
def test_an_older_day_replaces_a_newer_one_when_it_is_asked_for(lake: Lake) -> None:
    put_out(lake, "new")
    prepare(lake, "old", day=YESTERDAY)
    publication = publish_approved(ACME, lake, YESTERDAY, even_if_older=True)
    assert publication.not_published is None
    assert names(lake) == ["old"]
    assert getattr(published(lake), "day", None) == YESTERDAY


@on_both
def test_the_same_day_replaces_itself(lake: Lake) -> None:
    put_out(lake, "a")
    put_out(lake, "a", "b")
    assert names(lake) == ["a", "b"]


def test_a_day_that_has_not_been_resolved_says_what_to_do_first(lake: Lake) -> None:
    store(lake, [user("a")], [EVERYONE])
    with pytest.raises(NotResolved) as refused:
        publish(ACME, lake, DAY)
    assert str(refused.value) == (
        "acme: 2026-11-23 has not been resolved, so it cannot be published. Start the job acme__resolve"
        " for 2026-11-23."
    )


@on_both
def test_a_day_whose_snapshot_has_been_replaced_since_says_what_to_do_first(lake: Lake) -> None:
    prepare(lake, "a")
    store(lake, [user("b")], [EVERYONE])
    with pytest.raises(NotResolved) as refused:
        publish(ACME, lake, DAY)
    assert str(refused.value) == (
        "acme/okta: the snapshot of 2026-11-23 that 2026-11-23 was resolved from has been replaced,"
        " or cannot be read. Start the job acme__resolve for 2026-11-23."
    )
    assert not lake.database.exists()


@on_both
def test_what_cannot_be_built_leaves_nothing_behind(lake: Lake) -> None:
    put_out(lake, "a", day=YESTERDAY)
    prepare(lake, "a", "b")
    manifest = lake.snapshot("okta", DAY).manifest(SnapshotManifest)
    assert manifest is not None
    overwrite(
        lake, f"snapshots/directory=okta/date={DAY}/{manifest.id}/raw_users.parquet", b"broken"
    )
    with pytest.raises(TableDamaged, match=r"raw_users.parquet cannot be read"):
        publish(ACME, lake, DAY)
    assert names(lake) == ["a"]
    assert lake.store.children("") == [
        "directory.duckdb",
        "identities",
        "people_history.parquet",
        "published.json",
        "resolved",
        "snapshots",
    ]


# Those who read the old file.

READER = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1], read_only=sys.argv[2] == "read-only")
if sys.argv[2] == "writing":
    connection.execute("create table mine as select 1 as a")
    connection.execute("insert into mine values (2)")
for _ in sys.stdin:
    print(*(row[0] for row in connection.execute("from okta.raw_users select id").fetchall()))
    sys.stdout.flush()
"""


def reader(lake: Lake, mode: str) -> AbstractContextManager[subprocess.Popen[str]]:
    """Another process that holds the published file open."""
    return python(READER, str(lake.database), mode)


def sees(process: subprocess.Popen[str]) -> str:
    assert process.stdin
    assert process.stdout
    process.stdin.write("look\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.fixture(scope="module")
def three_days(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake with three days that can be published."""
    lake = Lake(tmp_path_factory.mktemp("three-days"), "acme")
    for day, name in ((YESTERDAY, "old"), (DAY, "new"), (TOMORROW, "newer")):
        prepare(lake, name, day=day)
    return lake


@pytest.mark.parametrize("mode", ["read-only", "read-write", "writing"])
def test_a_reader_is_not_disturbed_and_disturbs_nobody(
    three_days: Lake, tmp_path: Path, mode: str
) -> None:
    lake = copied(three_days, tmp_path / "data")
    once(lake, ("publish", YESTERDAY), lambda: publish(ACME, lake, YESTERDAY))
    with reader(lake, mode) as process:
        assert sees(process) == "old"
        publish_approved(ACME, lake, DAY)
        assert sees(process) == "old"
        assert names(lake) == ["new"]
        with opened(lake) as connection:
            own = connection.execute("from duckdb_tables() where table_name = 'mine'").fetchall()
        assert own == []
        publish_approved(ACME, lake, TOMORROW)
        assert sees(process) == "old"
        assert names(lake) == ["newer"]
        assert process.stdin
        process.stdin.close()
        assert process.wait(timeout=30) == 0
    assert names(lake) == ["newer"]


def killed_while_publishing(lake: Lake, *days: date, after: float) -> None:
    """A process publishes one day after another, and is killed so many seconds after the first one."""
    reader, writer = os.pipe()
    process = os.fork()
    if not process:
        with Path(os.devnull).open("w") as silent:
            os.dup2(silent.fileno(), 2)
        for day in itertools.cycle(days):
            publish(ACME, lake, day, even_if_older=True)
            os.write(writer, b".")
    assert os.read(reader, 1)
    # Kills at a moment somewhere in the next publishing.
    threading.Timer(after, os.kill, [process, signal.SIGKILL]).start()
    os.waitpid(process, 0)
    for end in (reader, writer):
        os.close(end)


@pytest.mark.slow
def test_whatever_kills_publishing_the_old_file_or_the_new_one_is_whole(lake: Lake) -> None:
    of = {YESTERDAY: [f"old{number:03}" for number in range(100)], DAY: ["new1", "new2"]}
    for day, users in of.items():
        prepare(lake, *users, day=day)
    publish(ACME, lake, YESTERDAY)
    publish_approved(ACME, lake, DAY)
    publish_approved(ACME, lake, YESTERDAY, even_if_older=True)
    for seconds in (0, 0.1):
        killed_while_publishing(lake, YESTERDAY, DAY, after=seconds)
        found = names(lake)
        assert found in of.values()
        with opened(lake) as connection:
            (people,) = connection.execute("select count(*) from people").fetchall()[0]
        assert people == len(found)
    # The next one goes on as if nothing had been.
    publish(ACME, lake, DAY)
    assert names(lake) == of[DAY]
    assert getattr(published(lake), "day", None) == DAY
    assert read_publication(lake, DAY) == published(lake)


def test_no_row_of_personal_data_is_in_what_is_said_of_it(lake: Lake) -> None:
    secret: Row = user("a", {"login": "ada@acme.test", "firstName": "Ada", "title": "Countess"})
    store(lake, [secret], [EVERYONE], evidence={"everyone": 0})
    resolve(ACME, DAY, lake)
    with pytest.raises(Held) as held:
        publish(ACME, lake, DAY)
    record_approval(lake, held.value.judgement, "Grace")
    publish(ACME, lake, DAY)
    # As it came, as it is now, and as everybody who went.
    store(lake, [user("b", {"title": "Clerk"})], [EVERYONE], day=TOMORROW)
    resolve(ACME, TOMORROW, lake)
    with pytest.raises(Held) as gone:
        publish(ACME, lake, TOMORROW)
    kept = [
        *lake.resolved(DAY).folder.glob("*.json"),
        *lake.resolved(TOMORROW).folder.glob("*.json"),
    ]
    assert {path.name for path in kept} == {
        "manifest.json", "judgement.json", "approval.json", "published.json"
    }  # fmt: skip
    said = str(held.value) + str(gone.value)
    said += "".join(path.read_text() for path in ((lake.scratch / "published.json"), *kept))
    assert not [word for word in ("ada@acme.test", "Ada", "Countess") if word in said]


# Exports follow what is published, and make up for days that did not arrive.

EXPORTING = company(
    {"okta": OKTA}, publish={"csv": {"path": "out/people.csv", "columns": ["title"]}}
)


def put_out_with(lake: Lake, title: str, day: date) -> None:
    """Publishes a day, which looks at no export: where the same is published, it is done once."""
    if not lake.store.is_local:
        put_out(lake, "a", day=day, title=title)
        return
    exports = [lake.scratch / name for name in ("exported.json", "exported", "out")]
    with TemporaryDirectory() as aside:
        moved = [Path(shutil.move(path, aside)) for path in exports if path.exists()]
        put_out(lake, "a", day=day, title=title)
        for path in moved:
            shutil.move(path, lake.scratch)


def told(lake: Lake, day: date) -> list[str]:
    """The changes that an export of the day tells."""
    assert export_published(EXPORTING, lake, day)
    return text_of(lake, "out/people.changes.csv").splitlines()[1:]


@on_both
def test_an_export_tells_the_changes_since_the_last_one_that_arrived(lake: Lake) -> None:
    put_out_with(lake, "Clerk", YESTERDAY)
    first = told(lake, YESTERDAY)
    put_out_with(lake, "Head", DAY)  # its export fails, or nobody asks for it
    put_out_with(lake, "Head", TOMORROW)
    assert (len(first), told(lake, TOMORROW)) == (1, ["changed,Head"])
    # Nothing is new any more on the day after.
    put_out_with(lake, "Head", TOMORROW + timedelta(days=1))
    assert told(lake, TOMORROW + timedelta(days=1)) == []


def test_the_same_day_exported_again_tells_the_same(lake: Lake) -> None:
    put_out_with(lake, "Clerk", YESTERDAY)
    told(lake, YESTERDAY)
    put_out_with(lake, "Head", DAY)
    once = told(lake, DAY)
    assert told(lake, DAY) == once == ["changed,Head"]
    # Also when the day has been published again in between, as something else.
    put_out_with(lake, "Chief", DAY)
    assert told(lake, DAY) == ["changed,Chief"]
    # And what was told in between is taken back.
    put_out_with(lake, "Clerk", DAY)
    assert told(lake, DAY) == ["changed,Clerk"]


@on_both
def test_what_readers_know_is_kept_although_the_day_is_not(lake: Lake) -> None:
    put_out_with(lake, "Clerk", YESTERDAY)
    told(lake, YESTERDAY)
    put_out_with(lake, "Head", YESTERDAY)  # its export fails, …
    put_out_with(lake, "Head", DAY)
    remove(lake, f"resolved/date={YESTERDAY}")  # … and retention lets it go
    assert told(lake, DAY) == ["changed,Head"]
    assert len(lake.store.children("exported")) == 2


def test_only_the_published_day_is_exported_and_only_where_it_is_wanted(lake: Lake) -> None:
    assert export_published(EXPORTING, lake, DAY) == []  # nothing is published
    put_out(lake, "a")
    prepare(lake, "a", day=YESTERDAY)
    assert export_published(EXPORTING, lake, YESTERDAY) == []
    assert export_published(ACME, lake, DAY) == []
    assert not (lake.scratch / "out").exists()
