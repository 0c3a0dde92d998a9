import os
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from opensense_okta.storage import engine


def test_each_engine_is_empty_and_leaves_nothing(tmp_path: Path) -> None:
    for _ in range(2):
        with engine.start(tmp_path) as connection:
            assert connection.execute("show tables").fetchall() == []
            connection.execute("create table people as select 1 as id")
    assert list(tmp_path.iterdir()) == []


def test_nothing_of_an_engine_is_in_the_next(tmp_path: Path) -> None:
    other = tmp_path / "other.duckdb"
    with engine.start(tmp_path) as connection:
        connection.execute(f"attach '{other}' as other; create table other.names as select 1 as id")
        connection.execute("create view people as select 1 as id; create type kind as enum ('a')")
        connection.execute("create temp table ids as select 1; create temp macro one() as 1")
        connection.execute("set variable day = 'today'; set TimeZone = 'Asia/Tokyo'")
    with engine.start(tmp_path) as connection:
        assert connection.execute("show all tables").fetchall() == []
        settings = "getvariable('day'), current_setting('TimeZone')"
        assert connection.execute(f"select {settings}").fetchall() == [(None, "UTC")]
        connection.execute(f"attach '{other}' as other")
        for kept in ("select one()", "select 'a'::kind", "from people", "from ids"):
            with pytest.raises(duckdb.Error):
                connection.execute(kept)


def test_engines_at_the_same_time_share_nothing(tmp_path: Path) -> None:
    with engine.start(tmp_path) as first, engine.start(tmp_path) as second:
        first.execute("create table people as select 1 as id")
        assert second.execute("show all tables").fetchall() == []
        assert len(list(tmp_path.iterdir())) == 2


def test_spilling_happens_in_a_private_folder_that_is_gone_after_a_failure(tmp_path: Path) -> None:
    def fail() -> None:
        with engine.start(tmp_path):
            (folder,) = tmp_path.iterdir()
            assert folder.stat().st_mode & 0o777 == 0o700
            raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_what_does_not_fit_into_memory_is_spilled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSENSE_MEMORY_LIMIT", "64MB")
    with engine.start(tmp_path) as connection:
        query = (
            "select count(*) from (select random() r, i from range(2_000_000) t(i) order by r, i)"
        )
        connection.execute(f"create table counted as {query}")
        assert connection.execute("from counted").fetchall() == [(2_000_000,)]
    with engine.start(tmp_path) as connection:
        (folder,) = tmp_path.iterdir()
        assert connection.execute("select current_setting('temp_directory')").fetchall() == [
            (str(folder),)
        ]


def test_memory_that_is_not_enough_says_what_to_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSENSE_MEMORY_LIMIT", "3MB")
    with (
        pytest.raises(
            engine.MemoryTooSmall, match=r"^3 MB .* What to do: set OPENSENSE_MEMORY_LIMIT"
        ),
        engine.start(tmp_path) as connection,
    ):
        connection.execute("create table lists as select list(i) from range(4_000_000) t(i)")
    assert list(tmp_path.iterdir()) == []


def test_what_tables_hold_is_told_as_a_share_of_the_bound(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENSENSE_MEMORY_LIMIT", "64MB")
    with engine.start(tmp_path) as connection:
        assert engine.memory_in_use(connection) < 0.1
        connection.execute("create table few as select random() as r from range(4_000_000)")
        assert 0.4 < engine.memory_in_use(connection) < 0.8  # 32 MB
        connection.execute("create table many as select random() as r from range(12_000_000)")
        assert 1.6 < engine.memory_in_use(connection) < 3.2  # and 96 MB, of which most is spilled


def test_times_are_utc_whatever_the_machine_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TZ", "Pacific/Kiritimati")
    with engine.start(tmp_path) as connection:
        (row,) = connection.execute("select timestamptz '2026-11-23 02:00:00'").fetchall()
    assert row == (datetime(2026, 11, 23, 2, tzinfo=UTC),)


def test_a_stored_table_keeps_its_types_even_without_values(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    with engine.start(tmp_path) as connection:
        connection.execute(
            "create table people (id varchar, left_at timestamptz, groups varchar[])"
        )
        assert engine.store(connection, "people", path) == 0
        connection.execute("insert into people values ('00u1', null, null), ('00u2', null, null)")
        assert engine.store(connection, "people", path) == 2
    with engine.start(tmp_path) as connection:
        engine.view(connection, "people", path)
        columns = connection.execute("describe people").fetchall()
        assert connection.execute("select count(*) from people").fetchall() == [(2,)]
    assert [column[:2] for column in columns] == [
        ("id", "VARCHAR"),
        ("left_at", "TIMESTAMP WITH TIME ZONE"),
        ("groups", "VARCHAR[]"),
    ]


def test_a_view_may_be_stored_and_a_name_may_stand_for_another_file(tmp_path: Path) -> None:
    with engine.start(tmp_path) as connection:
        for number in (1, 2):
            connection.execute(f"create or replace view numbers as select {number} as number")
            engine.store(connection, "numbers", tmp_path / f"{number}.parquet")
        for number in (1, 2):
            engine.view(connection, "stored", tmp_path / f"{number}.parquet")
            assert connection.execute("from stored").fetchall() == [(number,)]


@pytest.mark.parametrize(
    ("limit", "threads"), [("60MB", 1), ("199MB", 1), ("200MB", 2), ("1GiB", 10)]
)
def test_threads_are_no_more_than_the_memory_is_enough_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, threads: int
) -> None:
    monkeypatch.setenv("OPENSENSE_MEMORY_LIMIT", limit)
    for cpus in (1, 4, 64):
        monkeypatch.setattr(os, "cpu_count", lambda cpus=cpus: cpus)
        with engine.start(tmp_path) as connection:
            ((used,),) = connection.execute("select current_setting('threads')").fetchall()
        assert used == min(threads, cpus)


def test_a_slow_query_prints_no_progress_bar(tmp_path: Path) -> None:
    with engine.start(tmp_path) as connection:
        setting = connection.execute("select current_setting('enable_progress_bar')").fetchone()
    assert setting == (False,)
