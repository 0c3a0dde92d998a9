"""The stored history: the same rows as from all stored days, whatever happened to the days and to it."""

import random
from collections.abc import Callable
from datetime import date
from pathlib import Path

import duckdb
import pytest

from opensense_okta.publishing import history
from opensense_okta.publishing.doctor import examine_state_files
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage.lake import HISTORY, Lake
from tests.publishing.test_history import day, history_of, put_out
from tests.support.scratch import scratch
from tests.support.stored import Row, fetched

COLUMNS = (
    "person_id varchar, title varchar",
    "person_id varchar, title varchar, desk varchar",
    "person_id varchar, desk varchar, title varchar",
    "person_id varchar, title varchar[]",
    "person_id varchar, title varchar, started date",
)
VALUES: dict[str, list[object]] = {
    "varchar": ["Clerk", "Head", None],
    "varchar[]": [["Clerk"], ["Clerk", "Head"], None],
    "date": [date(2026, 1, 1), None],
}


def appended(lake: Lake, now: ResolvedManifest | None = None, *, keep: bool = True) -> list[Row]:
    """The rows as publishing makes them, which stores the history."""
    into, seen = lake.unfinished(HISTORY), lake.store.version(HISTORY)
    with scratch() as connection:
        history.fill(connection, lake, now, into)
        rows = fetched(connection.table("new_people_history").order("person_id, valid_from"))
    if into.exists() and keep:
        lake.store.keep(into, HISTORY, seen)
    into.unlink(missing_ok=True)
    return rows


def from_all_days(lake: Lake) -> list[Row]:
    """The rows as they are made without a stored history."""
    file, aside = lake.scratch / HISTORY, lake.scratch / "aside"
    file.rename(aside)
    rows = history_of(lake)
    aside.rename(file)
    return rows


def read_count(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """Counts how often the history is made from all days."""
    calls: list[int] = []
    made = history.read_days

    def counted(
        connection: duckdb.DuckDBPyConnection, files: dict[date, Path]
    ) -> duckdb.DuckDBPyRelation:
        calls.append(len(files))
        return made(connection, files)

    monkeypatch.setattr(history, "read_days", counted)
    return lambda: len(calls)


def some_people(chance: random.Random, columns: str) -> list[list[object]]:
    kinds = [column.split()[1] for column in columns.split(", ")[1:]]
    people = [name for name in ("ada", "bo", "cy", "di", "ed", "fay") if chance.random() < 0.8]
    return [[name, *(chance.choice(VALUES[kind]) for kind in kinds)] for name in people]


@pytest.mark.parametrize("seed", range(12))
def test_after_anything_that_happens_to_days_the_rows_are_those_of_the_stored_days(
    seed: int, lake: Lake
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    newest, columns = 1, COLUMNS[0]
    for _ in range(14):
        happens = chance.choice(["next", "next", "next", "again", "first", "middle", "columns"])
        stored = lake.published_days()
        if happens == "columns":
            columns = chance.choice(COLUMNS)
        if happens == "first" and len(stored) > 2:
            lake.resolved(stored[0]).remove()
        if happens == "middle" and len(stored) > 3:
            lake.resolved(chance.choice(stored[1:-1])).remove()
        newest += happens in ("next", "columns")
        now = put_out(lake, day(newest), some_people(chance, columns), columns=columns)
        killed = chance.random() < 0.1
        rows = appended(lake, now, keep=not killed)
        if (lake.scratch / HISTORY).exists():
            assert rows == from_all_days(lake) == history_of(lake)


def test_a_day_more_reads_the_last_two_days_only(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = read_count(monkeypatch)
    for number in range(1, 6):
        appended(lake, put_out(lake, day(number), [("ada", f"Clerk {number}")]))
    appended(lake, put_out(lake, day(5), [("ada", "Head")]))
    lake.resolved(day(1)).remove()
    rows = appended(lake, put_out(lake, day(6), [("ada", "Head")]))
    assert readings() == 1  # the first day
    assert [(row["title"], row["valid_from"]) for row in rows] == [
        ("Clerk 2", day(2)),
        ("Clerk 3", day(3)),
        ("Clerk 4", day(4)),
        ("Head", day(5)),
    ]


def cut_off(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:100])


def overwritten(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[10:60] = bytes(50)
    file.write_bytes(content)


def no_parquet(file: Path) -> None:
    file.write_text("no history")


def another_table(file: Path) -> None:
    with scratch() as connection:
        connection.execute(f"copy (select 1 as id) to '{file}' (format parquet)")


def another_table_with_days(file: Path) -> None:
    with scratch() as connection:
        connection.execute(
            f"""copy (select 1 as id) to '{file}' (format parquet, kv_metadata {{days: '[[1, 2]]'}})"""
        )


@pytest.mark.parametrize(
    "damage",
    [cut_off, overwritten, no_parquet, another_table, another_table_with_days, Path.unlink],
)
def test_a_damaged_file_is_written_again(damage: Callable[[Path], None], lake: Lake) -> None:
    for number in (1, 2, 3):
        appended(lake, put_out(lake, day(number), [("ada", f"Clerk {number}")]))
    damage(lake.scratch / HISTORY)
    problems = [result for result in examine_state_files(lake) if HISTORY in result.text]
    assert len(problems) == (damage is not Path.unlink)
    expected = [("Clerk 1", day(1)), ("Clerk 2", day(2)), ("Clerk 3", day(3))]
    assert [(row["title"], row["valid_from"]) for row in history_of(lake)] == expected
    rows = appended(lake, put_out(lake, day(4), [("ada", "Head")]))
    assert [(row["title"], row["valid_from"]) for row in rows] == [*expected, ("Head", day(4))]
    assert rows == from_all_days(lake) == history_of(lake)


def test_the_directory_of_an_earlier_day_has_the_history_up_to_it(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [put_out(lake, day(number), [("ada", f"Clerk {number}")]) for number in (1, 2, 3)]
    appended(lake, days[-1])
    readings = read_count(monkeypatch)
    rows = history_of(lake, days[1])
    assert readings() == 0
    assert [(row["title"], row["valid_to"]) for row in rows] == [
        ("Clerk 1", day(2)),
        ("Clerk 2", None),
    ]
