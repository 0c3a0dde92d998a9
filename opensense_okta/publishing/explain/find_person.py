"""Finds a stored day, and people by an id, a name or another text."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import reduce
from operator import and_, or_
from pathlib import Path
from unicodedata import category

import duckdb
from duckdb import ColumnExpression, ConstantExpression, Expression, FunctionExpression
from pydantic import BaseModel, ConfigDict

from opensense_okta.publishing.history import read_days
from opensense_okta.publishing.published import (
    PublishedRef,
    published,
    published_days,
    read_publication,
)
from opensense_okta.resolution.resolve import ResolvedManifest
from opensense_okta.storage import engine
from opensense_okta.storage.lake import Lake
from opensense_okta.storage.sql import Sql

TEXTS = ("email", "user_name", "employee_number", "display_name", "given_name", "family_name")
"""The attributes by which people are found and named."""


@dataclass(frozen=True)
class StoredDay:
    """A resolved day whose tables are stored.

    Attributes:
        published: whether exactly these tables have been published.
    """

    day: date
    resolved: ResolvedManifest
    published: bool

    def table(self, lake: Lake, name: str) -> Path:
        """The file of one of its tables."""
        return PublishedRef(day=self.day, id=self.resolved.id).table(lake, name)


class Found(BaseModel):
    """A person that matches, as on the newest of the searched days."""

    model_config = ConfigDict(frozen=True)

    person_id: str
    name: str | None
    email: str | None
    active: bool | None
    day: date


def stored_days(lake: Lake) -> list[date]:
    """The days whose people are stored, oldest first."""
    return sorted({*lake.resolved_days(), *published_days(lake)})


def stored_day(lake: Lake, day: date) -> StoredDay | None:
    """A day as it was published, else as it was resolved; None: the day is not stored."""
    publication = read_publication(lake, day)
    if publication is not None and lake.resolved(day).has_tables(publication.id):
        return StoredDay(day, publication.resolved, published=True)
    resolved = lake.resolved(day).manifest(ResolvedManifest)
    return StoredDay(day, resolved, published=False) if resolved else None


def current_day(lake: Lake) -> StoredDay | None:
    """The published day; if nothing is published, the newest resolved day."""
    last = published(lake)
    if last is not None:
        return StoredDay(last.day, last.resolved, published=True)
    days = lake.resolved_days()
    return stored_day(lake, days[-1]) if days else None


def searched_text(who: str) -> str:
    """A text to search for, without invisible characters and surrounding spaces, which copied text often has.

    It is empty if it has no letter or digit: then it names nobody.
    """
    visible = "".join(letter for letter in who if category(letter) != "Cf").strip()
    return visible if any(letter.isalnum() for letter in visible) else ""


def find(lake: Lake, days: Sequence[StoredDay], who: str) -> list[Found]:
    """Finds the people that match best, sorted by name.

    The best match is the id of a person or account, then an e-mail address, login or employee number
    of any of their accounts, then a complete name, then words that are parts of a name. Case is
    ignored; in names accents are ignored, too.

    Args:
        lake: of the organization.
        days: the days to search in.
        who: the text to search for.
    """
    if not days:
        return []
    with engine.start(lake.scratch) as connection:
        sql = Sql(connection, __package__)
        sql.run("macros.sql")
        words = sql.rows("words.sql", str, who=who)
        people = read_days(connection, {day.day: day.table(lake, "people") for day in days})
        people.create_view("people_of_days")
        people.filter(_has_words(people, words) | _is(who, "person_id")).create_view(
            "people_searched"
        )
        accounts = read_days(connection, {day.day: day.table(lake, "accounts") for day in days})
        directory, _, account_id = who.strip().partition("/")
        accounts.filter(
            _has_words(accounts, words)
            | _is(who, "id")
            | (_is(directory, "directory") & _is(account_id, "id"))
        ).create_view("accounts_searched")
        return sql.rows("find.sql", Found, who=who)


@dataclass(frozen=True)
class TextIndex:
    """The texts of all people of a day, in memory: a search reads the files of those who match only.

    Attributes:
        database: that has the texts; see `index_texts`.
    """

    day: StoredDay
    database: duckdb.DuckDBPyConnection

    def find(self, who: str) -> list[Found]:
        """Finds the people that match best, as the function `find` does."""
        with engine.work_on(self.database) as connection:
            sql = Sql(connection, __package__)
            words = sql.rows("words.sql", str, who=who)
            day = str(self.day.day)
            whole = sql.rows("find.sql", Found, who=who, day=day)
            return whole or sql.rows("find_by_words.sql", Found, words=words)


def index_texts(lake: Lake, day: StoredDay) -> TextIndex:
    """Reads the texts of all people of a day; the caller closes the database.

    Of 100,000 people with three accounts each it has 70 MB, and takes half a second of CPU.
    """
    with engine.keep() as database:
        for table in ("people", "accounts"):
            engine.view(database, table, day.table(lake, table), numbered=True)
        sql = Sql(database, __package__)
        sql.run("macros.sql")
        sql.run("index_texts.sql", who="", words=["-"], day=str(day.day))
    return TextIndex(day, database)


def nearest(lake: Lake, day: StoredDay, who: str) -> list[str]:
    """Up to three e-mail addresses, logins, employee numbers and names of the day that are similar."""
    with engine.start(lake.scratch) as connection:
        for table in ("people", "accounts"):
            engine.view(connection, table, day.table(lake, table))
        sql = Sql(connection, __package__)
        sql.run("macros.sql")
        return sql.rows("nearest.sql", str, who=who)


def _has_words(table: duckdb.DuckDBPyRelation, words: Sequence[str]) -> Expression:
    """Whether each word is in one of the searched columns: nobody else can match, and this is fast."""
    return reduce(and_, (_has_word(table, word) for word in words))


def _has_word(table: duckdb.DuckDBPyRelation, word: str) -> Expression:
    return reduce(or_, (_contains(table, column, word) for column in TEXTS))


def _contains(table: duckdb.DuckDBPyRelation, column: str, word: str) -> Expression:
    text: Expression = ColumnExpression(column)
    if str(table.types[table.columns.index(column)]).endswith("[]"):
        text = FunctionExpression("array_to_string", text, ConstantExpression(" "))
    plain = FunctionExpression("strip_accents", FunctionExpression("lower", text))
    return FunctionExpression("contains", plain, ConstantExpression(word))


def _is(text: str, column: str) -> Expression:
    return ColumnExpression(column) == ConstantExpression(text.strip())
