"""Functions on texts that DuckDB does not have. The SQL files call them for few texts."""

import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

from opensense_okta.storage.sql import Sql

APOSTROPHES = re.compile(r"['\u2019\u2018`\u00b4]")
UMLAUTS = re.compile("ae|oe|ue")
LETTERS = str.maketrans(
    {
        "\u00f8": "o",  # o with stroke
        "\u0142": "l",  # l with stroke
        "\u0111": "d",  # d with stroke
        "\u00f0": "d",  # eth
        "\u0131": "i",  # dotless i
        "\u00e6": "ae",
        "\u0153": "oe",
    }
)
"""Letters that no Unicode form takes apart."""


@contextmanager
def functions(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """DuckDB has the functions inside, also where it has them already."""
    known = connection.execute(
        "select 1 from duckdb_functions() where function_name = 'folded'"
    ).fetchall()
    if known:
        yield
        return
    connection.create_function("folded", folded, ["VARCHAR"], "VARCHAR")
    connection.create_function("name_words", name_words, ["VARCHAR"], "VARCHAR[]")
    yield
    connection.remove_function("folded")
    connection.remove_function("name_words")


def define_macros(connection: duckdb.DuckDBPyConnection) -> None:
    """Makes the macros of `texts.sql` and `keys.sql`, on a connection that has the functions."""
    sql = Sql(connection, __package__)
    sql.run("texts.sql")
    sql.run("keys.sql")


def folded(text: str) -> str:
    """NFKC with case folding: `ß` is `ss`, a full-width digit is a digit, and a ligature is its letters."""
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())


def name_words(name: str) -> list[str]:
    """The words of a name, without case and accents: `Müller`, `Mueller` and `Muller` are one word."""
    decomposed = unicodedata.normalize("NFKD", folded(APOSTROPHES.sub("", name)))
    letters = "".join(
        letter if letter.isalnum() or unicodedata.category(letter)[0] == "M" else " "
        for letter in decomposed
        if not unicodedata.combining(letter)
    )
    plain = UMLAUTS.sub(lambda umlaut: umlaut[0][0], letters.translate(LETTERS))
    return sorted(set(plain.split()))
