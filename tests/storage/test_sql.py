from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pytest
from pydantic import BaseModel, ValidationError

from opensense_okta.storage import engine
from opensense_okta.storage.sql import Sql

WithQuery = Callable[[str], Sql]

PEOPLE = "select unnest(['Ann', 'Bö']) as name, unnest([1, 2]) as number, null as nothing"


@dataclass(frozen=True)
class Person:
    name: str
    number: int


class Model(BaseModel):
    number: int
    name: str


@pytest.fixture
def with_query(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[WithQuery]:
    """Makes a package with one SQL file, query.sql, and a connection to run it on."""
    spill = tmp_path / "spill"
    spill.mkdir()
    with engine.start(spill) as connection:

        def package_of(query: str) -> Sql:
            name = f"package_of_{tmp_path.name}"  # a name is imported once
            folder = tmp_path / name
            (folder / "sql").mkdir(parents=True)
            (folder / "__init__.py").touch()
            (folder / "sql" / "query.sql").write_text(query, encoding="utf-8")
            monkeypatch.syspath_prepend(tmp_path)
            return Sql(connection, name)

        yield package_of


def test_sql_is_run_with_variables_and_gives_its_last_rows(with_query: WithQuery) -> None:
    sql = with_query("""
        create temp table given as select getvariable('day') as day, getvariable('names') as names;
        select day, unnest(names) as name, getvariable('nothing') as nothing from given;
    """)
    rows = sql.rows(
        "query.sql",
        dict[str, object],
        day="2026-11-23'; drop table given; --",
        names=["Ann", "Bö"],
        nothing=None,
    )
    assert rows == [
        {"day": "2026-11-23'; drop table given; --", "name": "Ann", "nothing": None},
        {"day": "2026-11-23'; drop table given; --", "name": "Bö", "nothing": None},
    ]


def test_rows_are_objects_with_the_columns_they_name(with_query: WithQuery) -> None:
    sql = with_query(PEOPLE)
    assert sql.rows("query.sql", Person) == [Person("Ann", 1), Person("Bö", 2)]
    assert sql.rows("query.sql", Model) == [Model(name="Ann", number=1), Model(name="Bö", number=2)]


def test_rows_as_tuples_are_in_the_order_of_the_columns(with_query: WithQuery) -> None:
    rows = with_query(PEOPLE).rows("query.sql", tuple[str, int, None])
    assert rows == [("Ann", 1, None), ("Bö", 2, None)]


def test_rows_of_one_column_are_its_values(with_query: WithQuery) -> None:
    sql = with_query("select sum(number) as total from range(getvariable('below')) numbers(number)")
    assert sql.rows("query.sql", int, below=4) == [6]
    assert sql.row("query.sql", int, below=5) == 10


def test_one_row_is_asked_for_and_there_are_two(with_query: WithQuery) -> None:
    with pytest.raises(ValueError, match="too many values"):
        with_query(PEOPLE).row("query.sql", Person)


def test_a_row_of_another_type_is_an_error(with_query: WithQuery) -> None:
    with pytest.raises(ValidationError, match="name"):
        with_query("select null as name, 1 as number").rows("query.sql", Person)


def test_a_mistake_in_sql_is_an_error_with_its_place(with_query: WithQuery) -> None:
    with pytest.raises(duckdb.Error, match="no_such_table"):
        with_query("from no_such_table").run("query.sql")
