"""What is published, what is held back, and what becomes of those who read the old file."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import NamedTuple

import duckdb
import pytest

from opensense_okta.directories.snapshot import CHECKS, Table
from opensense_okta.lake import Lake
from opensense_okta.publishing.publish import (
    Difference,
    Held,
    NotResolved,
    Publication,
    publish,
    published,
)
from opensense_okta.resolution.resolve import resolve
from tests.resolution.stored import (
    DAY,
    RAW_TABLES,
    Row,
    fetched,
    group,
    organization,
    store,
    typed_columns,
    user,
)
from tests.resolution.test_people import COLUMNS

YESTERDAY, TOMORROW = DAY - timedelta(days=1), DAY + timedelta(days=1)
EVERYONE = group("g1", "Everyone")


def prepare(lake: Lake, *users: str, day: date = DAY, title: str = "Clerk") -> None:
    """A day with these users, resolved and ready to be published."""
    store(
        lake,
        [user(name, {"title": title}) for name in users],
        [EVERYONE],
        [("g1", name) for name in users],
        day=day,
    )
    resolve(organization(), day, lake)


def put_out(lake: Lake, *users: str, day: date = DAY, title: str = "Clerk") -> Publication:
    """Publishes a day with these users."""
    prepare(lake, *users, day=day, title=title)
    return publish(lake, day)


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
            "select schema_name, table_name from duckdb_tables() order by all"
        ).fetchall()
        found = {
            f"{schema}.{table}": typed_columns(connection.table(f"{schema}.{table}"))
            for schema, table in tables
        }
    no_desk = {table: without(columns, "desk") for table, columns in COLUMNS.items()}
    assert found == {
        **{f"main.{table}": columns for table, columns in no_desk.items()},
        "main.syncs": SYNCS,
        **{f"okta.{table}": columns for table, columns in RAW_COLUMNS.items()},
    }


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
    put_out(lake, "a")
    for path in (lake.database, lake.published):
        assert path.stat().st_mode & 0o777 == 0o600
    assert lake.folder.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    "folder", ["with a space", 'it\'s "quoted"', "semi;colon -- select", "glob [a-z]*", "größe 静"]
)
def test_the_lake_may_lie_anywhere(tmp_path: Path, folder: str) -> None:
    lake = Lake(tmp_path / folder, "acme")
    put_out(lake, "a", day=YESTERDAY)
    assert put_out(lake, "a", "b").difference == Difference(
        since=YESTERDAY, added=1, removed=0, changed=0
    )
    assert names(lake) == ["a", "b"]


@pytest.mark.parametrize("name", ["order", "select", "table", "people"])
def test_a_directory_may_be_named_like_something_of_sqls(lake: Lake, name: str) -> None:
    store(lake, [user("a")], [EVERYONE], directory=name)
    resolve(organization(name), DAY, lake)
    publish(lake, DAY)
    with opened(lake) as connection:
        assert connection.table(f'"{name}".raw_users').select("id").fetchall() == [("a",)]


# What is said of it.


def test_what_is_published_is_said_beside_it(lake: Lake) -> None:
    assert published(lake) is None
    put_out(lake, "a")
    now = published(lake)
    assert now is not None
    assert (now.day, now.difference) == (DAY, None)


def test_the_difference_to_the_directory_before_is_counted(lake: Lake) -> None:
    put_out(lake, "goes", "stays", "changes", day=YESTERDAY)
    store(
        lake,
        [user(name, {"title": "Clerk"}) for name in ("stays", "comes", "comes too")]
        + [user("changes", {"title": "Boss"})],
        [EVERYONE],
    )
    resolve(organization(), DAY, lake)
    difference = Difference(since=YESTERDAY, added=2, removed=1, changed=1)
    assert publish(lake, DAY).difference == difference
    assert getattr(published(lake), "difference", None) == difference


def test_nothing_is_compared_with_a_day_that_is_no_longer_stored(lake: Lake) -> None:
    put_out(lake, "a", day=YESTERDAY)
    for path in sorted(lake.resolved(YESTERDAY).folder.rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    assert put_out(lake, "a", "b").difference is None


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
        "Groups named Everyone, built in: 0. Who does not see it has a restricted administrator"
        " role.",
        {"everyone": 0},
    ),
    Unproven(
        "ids_unique",
        "1 ids came twice on one page. A page that repeats an id is broken.",
        {"users_doubled": 1},
    ),
    Unproven(
        "ids_unique",
        "2 ids came twice on one page. A page that repeats an id is broken.",
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
            "11 records beside 100 were set aside: not an object, or without an id. More than a few"
            " mean that the API's answers have changed.",
            rows={table: 100},
            set_aside={table: 11},
        )
        for table in RAW_TABLES
    ),
]


def test_every_check_that_holds_is_tried_here() -> None:
    assert {each.check for each in HOLDING} == {check.name for check in CHECKS if check.holds}
    assert len(HOLDING) >= sum(check.holds for check in CHECKS)


@pytest.fixture(scope="module")
def good_lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """A lake whose published directory is a good one, of yesterday."""
    lake = Lake(tmp_path_factory.mktemp("data"), "acme")
    put_out(lake, "a", day=YESTERDAY)
    return lake


@pytest.mark.parametrize("unproven", HOLDING, ids=lambda each: each.check)
def test_an_unproven_snapshot_is_not_published(good_lake: Lake, unproven: Unproven) -> None:
    lake = good_lake
    before = lake.database.read_bytes(), lake.published.read_bytes(), lake.database.stat().st_ino
    _, says, evidence, rows, set_aside = unproven
    store(lake, [user("b")], [EVERYONE], evidence=evidence, rows=rows, set_aside=set_aside)
    resolve(organization(), DAY, lake)
    with pytest.raises(Held) as held:
        publish(lake, DAY)
    assert str(held.value) == (
        f"acme: 2026-11-23 is held back. okta: {unproven.check}: {says} The directory of 2026-11-22"
        " stays published. What to do: Look at the snapshot's checks in Dagster, mend the cause in the"
        " directory, and start the sync again with `opensense-okta sync acme`."
    )
    assert [finding.name for finding in held.value.findings["okta"]] == [unproven.check]
    after = lake.database.read_bytes(), lake.published.read_bytes(), lake.database.stat().st_ino
    assert after == before


def test_all_that_holds_is_said_at_once(lake: Lake) -> None:
    store(lake, [user("a")], evidence={"users": 0, "everyone": 0})
    resolve(organization(), DAY, lake)
    with pytest.raises(Held) as held:
        publish(lake, DAY)
    assert str(held.value).startswith(
        "acme: 2026-11-23 is held back. okta: listing_not_empty: 0 users were listed. A directory always"
        " has users: the credentials lack a role. okta: everyone_group_listed: Groups named"
        " Everyone, built in: 0. Who does not see it has a restricted administrator role. Nothing is"
        " published yet. What to do:"
    )
    assert not lake.database.exists()
    assert published(lake) is None


TOLERATED = {
    "ten memberships of nobody": Unproven("", "", {"memberships": 11, "members_unknown": 10}),
    "one of a hundred memberships of nobody": Unproven(
        "", "", {"memberships": 200_000, "members_unknown": 1000, "groups_unknown": 1000}
    ),
    "ten records set aside": Unproven("", "", set_aside={"raw_users": 10}),
    "one of a hundred records set aside": Unproven(
        "", "", rows={"raw_users": 5000}, set_aside={"raw_users": 50}
    ),
    "what only warns": Unproven(
        "",
        "",
        {"groups_miscounted": 9, "logins_missing": 9, "emails_malformed": 9, "statuses_unknown": 9},
    ),
}


@pytest.mark.parametrize("name", TOLERATED)
def test_a_day_is_published_with(lake: Lake, name: str) -> None:
    _, _, evidence, rows, set_aside = TOLERATED[name]
    store(lake, [user("a")], [EVERYONE], evidence=evidence, rows=rows, set_aside=set_aside)
    resolve(organization(), DAY, lake)
    publish(lake, DAY)
    assert names(lake) == ["a"]


def test_a_held_day_is_not_published_because_somebody_asks_for_an_older_one(lake: Lake) -> None:
    store(lake, [user("a")], evidence={"everyone": 0})
    resolve(organization(), DAY, lake)
    with pytest.raises(Held):
        publish(lake, DAY, even_if_older=True)


# Which day stays.


def test_an_older_day_never_replaces_a_newer_one(lake: Lake) -> None:
    put_out(lake, "new")
    before = lake.database.read_bytes()
    assert put_out(lake, "old", day=YESTERDAY) == Publication(YESTERDAY, newer=DAY)
    assert lake.database.read_bytes() == before
    assert getattr(published(lake), "day", None) == DAY


def test_an_older_day_replaces_a_newer_one_when_it_is_asked_for(lake: Lake) -> None:
    put_out(lake, "new")
    prepare(lake, "old", day=YESTERDAY)
    publication = publish(lake, YESTERDAY, even_if_older=True)
    assert publication.newer is None
    assert names(lake) == ["old"]
    assert getattr(published(lake), "day", None) == YESTERDAY


def test_the_same_day_replaces_itself(lake: Lake) -> None:
    put_out(lake, "a")
    assert put_out(lake, "a", "b").difference is None
    assert names(lake) == ["a", "b"]


def test_a_day_that_has_not_been_resolved_says_what_to_do_first(lake: Lake) -> None:
    store(lake, [user("a")], [EVERYONE])
    with pytest.raises(NotResolved) as refused:
        publish(lake, DAY)
    assert str(refused.value) == (
        "acme: 2026-11-23 has not been resolved, so it cannot be published. Start the job acme__resolve"
        " for 2026-11-23."
    )


def test_a_day_whose_snapshot_has_been_replaced_since_says_what_to_do_first(lake: Lake) -> None:
    prepare(lake, "a")
    store(lake, [user("b")], [EVERYONE])
    with pytest.raises(NotResolved) as refused:
        publish(lake, DAY)
    assert str(refused.value) == (
        "acme/okta: the snapshot of 2026-11-23 that 2026-11-23 was resolved from has been replaced."
        " Start the job acme__resolve for 2026-11-23."
    )
    assert not lake.database.exists()


def test_what_cannot_be_built_leaves_nothing_behind(lake: Lake) -> None:
    put_out(lake, "a", day=YESTERDAY)
    prepare(lake, "b")
    next(lake.snapshot("okta", DAY).folder.glob("*/raw_users.parquet")).write_bytes(b"broken")
    with pytest.raises(duckdb.Error):
        publish(lake, DAY)
    assert names(lake) == ["a"]
    assert sorted(path.name for path in lake.folder.iterdir()) == [
        "directory.duckdb",
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


@contextmanager
def reader(lake: Lake, mode: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the published file open."""
    with subprocess.Popen(
        [sys.executable, "-c", READER, str(lake.database), mode],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def sees(process: subprocess.Popen[str]) -> str:
    assert process.stdin
    assert process.stdout
    process.stdin.write("look\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


@pytest.mark.parametrize("mode", ["read-only", "read-write", "writing"])
def test_a_reader_is_not_disturbed_and_disturbs_nobody(lake: Lake, mode: str) -> None:
    put_out(lake, "old", day=YESTERDAY)
    with reader(lake, mode) as process:
        assert sees(process) == "old"
        put_out(lake, "new")
        assert sees(process) == "old"
        assert names(lake) == ["new"]
        with opened(lake) as connection:
            own = connection.execute("from duckdb_tables() where table_name = 'mine'").fetchall()
        assert own == []
        put_out(lake, "newer", day=TOMORROW)
        assert sees(process) == "old"
        assert names(lake) == ["newer"]
        assert process.stdin
        process.stdin.close()
        assert process.wait(timeout=30) == 0
    assert names(lake) == ["newer"]


PUBLISH = """
import itertools, sys
from datetime import date
from pathlib import Path
from opensense_okta.lake import Lake
from opensense_okta.publishing.publish import publish

lake, days = Lake(Path(sys.argv[1]), "acme"), [date.fromisoformat(day) for day in sys.argv[2:]]
for day in itertools.cycle(days):
    publish(lake, day, even_if_older=True)
    print(day, flush=True)
"""


@pytest.mark.slow
def test_whatever_kills_publishing_the_old_file_or_the_new_one_is_whole(
    lake: Lake, tmp_path: Path
) -> None:
    of = {YESTERDAY: [f"old{number:03}" for number in range(300)], DAY: ["new1", "new2"]}
    for day, users in of.items():
        prepare(lake, *users, day=day)
    publish(lake, YESTERDAY)
    seen = set()
    for milliseconds in (0, 40, 80, 130, 200):
        command = [sys.executable, "-c", PUBLISH, str(tmp_path / "data"), str(YESTERDAY), str(DAY)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            process.stdout.readline()
            # Kills at a moment somewhere in the next publishing.
            threading.Timer(milliseconds / 1000, process.send_signal, [signal.SIGKILL]).start()
            process.wait(timeout=30)
        found = names(lake)
        assert found in of.values()
        seen.add(len(found))
        with opened(lake) as connection:
            (people,) = connection.execute("select count(*) from people").fetchall()[0]
        assert people == len(found)
    assert seen
    # The next one goes on as if nothing had been.
    publish(lake, DAY)
    assert names(lake) == of[DAY]
    assert getattr(published(lake), "day", None) == DAY


def test_no_row_of_personal_data_is_in_what_is_said_of_it(lake: Lake) -> None:
    secret: Row = user("a", {"login": "ada@acme.test", "firstName": "Ada", "title": "Countess"})
    store(lake, [secret], [EVERYONE], evidence={"everyone": 0})
    resolve(organization(), DAY, lake)
    with pytest.raises(Held) as held:
        publish(lake, DAY)
    said = str(held.value) + lake.resolved(DAY).folder.joinpath("manifest.json").read_text()
    assert not [word for word in ("ada@acme.test", "Ada", "Countess") if word in said]
